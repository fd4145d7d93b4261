// Calls with the AI SDK and its providers, once for each line it reads; prints what came as a line of JSON.
// `retries` is how often the client tries again: never where it is not said, as often as it ships where it is null.
import { createInterface } from 'node:readline';
import { embedMany, generateText, jsonSchema, Output, streamText, tool as toolOf } from 'ai';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createAzure } from '@ai-sdk/azure';
import { createCohere } from '@ai-sdk/cohere';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createMistral } from '@ai-sdk/mistral';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';

globalThis.AI_SDK_LOG_WARNINGS = false;

const compatible = ({ url, key }) =>
  createOpenAICompatible({ name: 'compatible', baseURL: url, apiKey: key, supportsStructuredOutputs: true });
const deployments = { apiVersion: '2024-10-21', useDeploymentBasedUrls: true };
const providers = {
  openai: ({ url, key }) => createOpenAI({ baseURL: url, apiKey: key }).chat,
  responses: ({ url, key }) => createOpenAI({ baseURL: url, apiKey: key }).responses,
  azure: ({ url, key }) => createAzure({ baseURL: `${url}/openai`, apiKey: key, ...deployments }).chat,
  'azure-responses': ({ url, key }) => createAzure({ baseURL: `${url}/openai/v1`, apiKey: key }).responses,
  anthropic: ({ url, key }) => createAnthropic({ baseURL: `${url}/v1`, apiKey: key }),
  google: ({ url, key }) => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: key }),
  mistral: ({ url, key }) => createMistral({ baseURL: `${url}/v1`, apiKey: key }),
  cohere: ({ url, key }) => createCohere({ baseURL: `${url}/v2`, apiKey: key }),
  compatible: (asked) => compatible(asked).chatModel,
};
const embedders = {
  openai: ({ url, key }) => createOpenAI({ baseURL: url, apiKey: key }),
  google: ({ url, key }) => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: key }),
  mistral: ({ url, key }) => createMistral({ baseURL: `${url}/v1`, apiKey: key }),
  cohere: ({ url, key }) => createCohere({ baseURL: `${url}/v2`, apiKey: key }),
};

async function generate(asked, said) {
  const { prompt, stream, tool, schema } = asked;
  const options = {
    model: providers[asked.api](asked)(asked.model),
    prompt,
    ...(asked.retries !== null && { maxRetries: asked.retries ?? 0 }),
    ...(tool && { tools: { [tool.name]: toolOf({ inputSchema: jsonSchema(tool.schema) }) } }),
    ...(schema && { output: Output.object({ schema: jsonSchema(schema) }) }),
  };
  let result;
  if (stream) {
    let failed = null;
    result = streamText({ ...options, onError: ({ error }) => { failed = error; } });
    for await (const piece of result.textStream) said.text += piece;
    if (failed) throw failed;
  } else {
    result = await generateText(options);
    said.text = result.text;
  }
  said.finish = await result.finishReason;
  const usage = await result.usage;
  said.usage = [usage.inputTokens, usage.outputTokens];
  said.tools = (await result.toolCalls).map((each) => [each.toolName, each.input]);
  if (schema) said.object = await result.output;
}

async function embed(asked, said) {
  const model = embedders[asked.api](asked).embeddingModel(asked.model);
  said.vectors = (await embedMany({ model, values: [asked.prompt], maxRetries: 0 })).embeddings;
}

const calls = { generate, embed };
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const said = { error: null, status: null, text: '', tools: [] };
  try {
    await calls[asked.call](asked, said);
  } catch (error) {
    said.error = error.name ?? String(error);
    said.status = error.statusCode ?? null;
    said.message = error.message ?? String(error);
  }
  console.log(JSON.stringify(said));
}
