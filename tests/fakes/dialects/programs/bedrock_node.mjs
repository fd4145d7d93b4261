// Calls with Amazon's client, once for each line it reads; prints what came as a line of JSON.
// `retries` is how often the client tries again: never where it is not said, as often as it ships where it is null.
import { createInterface } from 'node:readline';
import * as bedrock from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const text = (block) => block?.text ?? '';

async function call({ url, id, key, operation, body, retries = 0 }) {
  const client = new bedrock.BedrockRuntimeClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: id, secretAccessKey: key },
    ...(retries !== null && { maxAttempts: 1 + retries }),
    requestHandler: new NodeHttpHandler(), // by itself it speaks HTTP/2
  });
  const said = { error: null, status: null, message: null, text: '', stop: null, tools: [], usage: null };
  try {
    const answer = await client.send(new bedrock[`${operation}Command`](body));
    if (operation === 'Converse') {
      const blocks = answer.output.message.content;
      said.text = blocks.map(text).join('');
      said.tools = blocks.filter((block) => block.toolUse).map((block) => [block.toolUse.name, block.toolUse.input]);
      said.stop = answer.stopReason;
      said.usage = answer.usage;
    } else if (operation === 'ConverseStream') {
      for await (const event of answer.stream) {
        said.text += text(event.contentBlockDelta?.delta);
        said.stop = event.messageStop?.stopReason ?? said.stop;
        said.usage = event.metadata?.usage ?? said.usage;
      }
    } else {
      for await (const event of answer.body) {
        const chunk = JSON.parse(new TextDecoder().decode(event.chunk.bytes));
        said.text += text(chunk.delta);
        said.stop = chunk.delta?.stop_reason ?? said.stop;
      }
    }
  } catch (error) {
    said.error = error.name;
    said.message = error.message;
    said.status = error.$metadata?.httpStatusCode ?? null;
  }
  client.destroy();
  return said;
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await call(JSON.parse(line))));
}
