"""The official `openai` client, as it ships: its own defaults, its own retries, no care added."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio._backends._asyncio  # noqa: F401
import openai.resources.chat.completions  # noqa: F401
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from openai.types.chat import ChatCompletionMessageParam

DefaultAsyncHttpxClient(trust_env=False)
"""Made for what it imports, as the two modules above are: the first call of every scenario would do it anew."""

_clients: list[AsyncOpenAI] = []


async def complete(
    messages: list[ChatCompletionMessageParam], *, stream: bool = False
) -> AsyncIterator[str | dict[str, Any]]:
    """Ask the model and yield its answer."""
    if not _clients:
        _clients.append(AsyncOpenAI())
    client = _clients[0]
    if not stream:
        answer = await client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        choice = answer.choices[0]
        refusal = choice.message.refusal
        ended = "refusal" if refusal else choice.finish_reason
        yield {"text": choice.message.content or refusal, "finish": ended, "model": answer.model}
        return
    finish: str | None = None
    async for chunk in await client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True):
        for part in chunk.choices:
            if text := part.delta.content or part.delta.refusal:
                yield text
            finish = "refusal" if part.delta.refusal or finish == "refusal" else part.finish_reason or finish
    yield {"finish": finish}
