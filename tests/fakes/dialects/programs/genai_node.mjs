// Calls with Google's client, once for each line it reads; prints what came as a line of JSON.
import { createInterface } from 'node:readline';
import { GoogleGenAI } from '@google/genai';

async function generate(client, { model, prompt, stream, tool, schema }, said) {
  const asked = {
    model,
    contents: prompt,
    config: {
      ...(tool && { tools: [{ functionDeclarations: [{ name: tool.name, parametersJsonSchema: tool.schema }] }] }),
      ...(schema && { responseMimeType: 'application/json', responseJsonSchema: schema }),
    },
  };
  const responses = stream ? await client.models.generateContentStream(asked) : [await client.models.generateContent(asked)];
  for await (const response of responses) {
    said.blocked = response.promptFeedback?.blockReason ?? said.blocked;
    const [candidate] = response.candidates ?? [];
    for (const part of candidate?.content?.parts ?? []) {
      if (part.functionCall) said.tools.push([part.functionCall.name, part.functionCall.args]);
      else if (!part.thought) said.text += part.text ?? '';
    }
    said.finish = candidate?.finishReason ?? said.finish;
    const usage = response.usageMetadata;
    if (usage) said.usage = [usage.promptTokenCount, (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0)];
  }
}

async function embed(client, { model, prompt }, said) {
  const made = await client.models.embedContent({ model, contents: [prompt] });
  said.vectors = made.embeddings.map((each) => each.values);
}

async function count(client, { model, prompt }, said) {
  said.usage = [(await client.models.countTokens({ model, contents: prompt })).totalTokens, 0];
}

const calls = { generate, embed, count };
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const said = { error: null, status: null, text: '', tools: [] };
  const vertexai = asked.api === 'vertex';
  try {
    const client = new GoogleGenAI({ vertexai, apiKey: asked.key, httpOptions: { baseUrl: asked.url } });
    await calls[asked.call](client, asked, said);
  } catch (error) {
    said.error = error.constructor.name;
    said.status = error.status ?? null;
    said.message = error.message;
  }
  console.log(JSON.stringify(said));
}
