"""The official `anthropic` client, as it ships: its own defaults, its own retries, no care added."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from anthropic import AsyncAnthropic
from anthropic.types import MessageParam

_clients: list[AsyncAnthropic] = []


async def complete(messages: list[MessageParam], *, stream: bool = False) -> AsyncIterator[str | dict[str, Any]]:
    """Ask the model and yield its answer."""
    if not _clients:
        _clients.append(AsyncAnthropic())
    asked: dict[str, Any] = {"model": "claude-sonnet-5-5", "max_tokens": 1024, "messages": messages}
    if not stream:
        answer = await _clients[0].messages.create(**asked)
        text = "".join(block.text for block in answer.content if block.type == "text")
        yield {"text": text, "finish": answer.stop_reason, "model": answer.model}
        return
    async with _clients[0].messages.stream(**asked) as streamed:
        async for text in streamed.text_stream:
            yield text
        final = await streamed.get_final_message()
        yield {"finish": final.stop_reason, "model": final.model}
