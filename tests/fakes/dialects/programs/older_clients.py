"""Calls with the client that it finds, once for each line it reads; prints what came as a line of JSON."""

import asyncio
import json
import sys

import anyio

PROMPT = "Say it. [bo:k7q2x9]"
MESSAGES = [{"role": "user", "content": PROMPT}]
waits = []
really = asyncio.sleep


async def sleep(seconds, result=None):
    """Long waits are written down; the others are the loop's own."""
    if seconds < 0.1:
        return await really(seconds, result)
    waits.append(seconds)
    return result


asyncio.sleep = anyio.sleep = sleep


async def openai(url, key, model, stream):
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=url, api_key=key) as client:
        made = await client.chat.completions.create(model=model, messages=MESSAGES, stream=stream)
        if not stream:
            return made.choices[0].message.content
        return "".join([chunk.choices[0].delta.content or "" async for chunk in made if chunk.choices])


async def google(url, key, model, stream):
    from google import genai

    client = genai.Client(api_key=key, http_options=genai.types.HttpOptions(base_url=url)).aio
    if not stream:
        return (await client.models.generate_content(model=model, contents=PROMPT)).text
    made = await client.models.generate_content_stream(model=model, contents=PROMPT)
    return "".join([chunk.text or "" async for chunk in made])


async def cohere(url, key, model, stream):
    from cohere import AsyncClientV2

    async with AsyncClientV2(base_url=url, api_key=key) as client:
        if not stream:
            return (await client.chat(model=model, messages=MESSAGES)).message.content[0].text
        made = client.chat_stream(model=model, messages=MESSAGES)
        return "".join([each.delta.message.content.text async for each in made if each.type == "content-delta"])


async def mistral(url, key, model, stream):
    from mistralai import Mistral

    async with Mistral(api_key=key, server_url=url) as client:
        if not stream:
            return (await client.chat.complete_async(model=model, messages=MESSAGES)).choices[0].message.content
        made = await client.chat.stream_async(model=model, messages=MESSAGES)
        return "".join([each.data.choices[0].delta.content or "" async for each in made])


CALLS = {"openai": openai, "gemini": google, "cohere": cohere, "mistral": mistral}
for line in sys.stdin:
    asked = json.loads(line)
    waits.clear()
    said = {"text": "", "error": None, "classes": []}
    try:
        said["text"] = asyncio.run(CALLS[asked.pop("speaks")](**asked))
    except Exception as error:
        said["error"] = type(error).__name__
        said["classes"] = [f"{each.__module__.partition('.')[0]}.{each.__name__}" for each in type(error).__mro__]
    print(json.dumps({**said, "waits": waits}), flush=True)
