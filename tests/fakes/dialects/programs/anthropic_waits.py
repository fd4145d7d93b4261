"""Calls with the anthropic client that it finds, once for each line it reads; prints what came as a line of JSON."""

import asyncio
import json
import sys

import anthropic
import anyio

waits = []


async def sleep(seconds):
    waits.append(seconds)


async def call(url, key, stream):
    said = {"version": anthropic.__version__, "text": "", "error": None, "status": None, "stop": None}
    anyio.sleep = sleep
    asked = {"model": "claude-sonnet-5-5", "max_tokens": 1024}
    asked["messages"] = [{"role": "user", "content": "Say it. [bo:k7q2x9]"}]
    async with anthropic.AsyncAnthropic(base_url=url, api_key=key) as client:
        try:
            if stream:
                async with client.messages.stream(**asked) as streamed:
                    async for text in streamed.text_stream:
                        said["text"] += text
                    said["stop"] = (await streamed.get_final_message()).stop_reason
            else:
                message = await client.messages.create(**asked)
                said["text"], said["stop"] = message.content[0].text, message.stop_reason
        except Exception as error:
            said["error"], said["status"] = type(error).__name__, getattr(error, "status_code", None)
            said["classes"] = [each.__name__ for each in type(error).__mro__]
    return said


for line in sys.stdin:
    waits.clear()
    print(json.dumps({**asyncio.run(call(**json.loads(line))), "waits": waits}), flush=True)
