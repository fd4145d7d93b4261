// Calls with OpenAI's client, once for each line it reads; prints what came as a line of JSON.
// `retries` is how often the client tries again: never where it is not said, as often as it ships where it is null.
import { createInterface } from 'node:readline';
import { OpenAI, AzureOpenAI } from 'openai';

const apis = {
  azure: ({ url, key, retries: maxRetries = 0 }) =>
    new AzureOpenAI({ maxRetries, endpoint: url, apiKey: key, apiVersion: '2024-10-21' }),
  openai: ({ url, key, retries: maxRetries = 0 }) => new OpenAI({ maxRetries, baseURL: url, apiKey: key }),
};

async function chat(api, { model, prompt, stream, tool, schema }, said) {
  const body = {
    model,
    messages: [{ role: 'user', content: prompt }],
    ...(tool && { tools: [{ type: 'function', function: { name: tool.name, strict: true, parameters: tool.schema } }] }),
    ...(schema && { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } } }),
  };
  let completion;
  if (stream) {
    const streamed = api.chat.completions.stream({ ...body, stream_options: { include_usage: true } });
    streamed.on('content', (piece) => { said.text += piece; });
    completion = await streamed.finalChatCompletion();
  } else {
    completion = await api.chat.completions.parse(body);
    said.text = completion.choices[0].message.content ?? '';
  }
  const [{ message, finish_reason: finish }] = completion.choices;
  said.finish = finish;
  said.refusal = message.refusal ?? null;
  said.tools = (message.tool_calls ?? []).map(({ function: f }) => [f.name, JSON.parse(f.arguments)]);
  said.usage = [completion.usage.prompt_tokens, completion.usage.completion_tokens];
}

async function responses(api, { model, prompt, stream, tool, schema }, said) {
  const body = {
    model,
    input: prompt,
    ...(tool && { tools: [{ type: 'function', strict: false, name: tool.name, parameters: tool.schema }] }),
    ...(schema && { text: { format: { type: 'json_schema', name: 'answer', strict: true, schema } } }),
  };
  let response;
  if (stream) {
    const streamed = api.responses.stream(body);
    for await (const event of streamed) {
      if (event.type === 'response.output_text.delta') said.text += event.delta;
    }
    response = await streamed.finalResponse();
  } else {
    response = await api.responses.parse(body);
    said.text = response.output_text;
  }
  const parts = response.output.flatMap((item) => item.content ?? []);
  said.finish = response.incomplete_details?.reason ?? response.status;
  said.refusal = parts.find((part) => part.type === 'refusal')?.refusal ?? null;
  said.tools = response.output.filter((item) => item.type === 'function_call')
    .map((item) => [item.name, JSON.parse(item.arguments)]);
  said.failed = response.error;
  said.usage = response.usage && [response.usage.input_tokens, response.usage.output_tokens];
}

async function embed(api, { model, prompt }, said) {
  const made = await api.embeddings.create({ model, input: [prompt] });
  said.vectors = made.data.map((each) => each.embedding);
}

const calls = { chat, responses, embed };
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const said = { error: null, status: null, text: '' };
  try {
    await calls[asked.call](apis[asked.api](asked), asked, said);
  } catch (error) {
    said.error = error.constructor.name;
    said.status = error.status ?? null;
    said.message = error.message;
  }
  console.log(JSON.stringify(said));
}
