// Calls with Anthropic's client, once for each line it reads; prints what came as a line of JSON.
// `retries` is how often the client tries again: never where it is not said, as often as it ships where it is null.
import { createInterface } from 'node:readline';
import { Anthropic } from '@anthropic-ai/sdk';

async function call({ url, key, stream, body, retries: maxRetries = 0 }) {
  const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries });
  const said = { error: null, status: null, types: [], text: '', stop: null, tools: [], usage: null };
  try {
    let message;
    if (stream) {
      const streamed = client.messages.stream(body);
      streamed.on('text', (text) => { said.text += text; });
      for await (const event of streamed) said.types.push(event.type);
      message = await streamed.finalMessage();
    } else {
      message = await client.messages.create(body);
      said.text = message.content.filter((block) => block.type === 'text').map((block) => block.text).join('');
    }
    said.stop = message.stop_reason;
    said.usage = message.usage;
    said.tools = message.content.filter((block) => block.type === 'tool_use').map((block) => [block.name, block.input]);
  } catch (error) {
    said.error = error.constructor.name;
    said.status = error.status ?? null;
    said.type = error.error?.error?.type ?? null;
  }
  return said;
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await call(JSON.parse(line))));
}
