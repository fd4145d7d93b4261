"""LangChain's chat model for OpenAI with a second one to fall back to.

It runs in an environment of its own, without brownout.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

from langchain_openai import ChatOpenAI  # type: ignore[import-not-found]


@cache
def chain() -> Any:
    """The two models, made when the first call comes."""
    settings = json.loads(Path("chain.json").read_text("utf-8"))
    first, second = (
        {"model": one["model"], "base_url": one["url"], "api_key": one["key"], "timeout": 30}
        for one in settings.values()
    )
    # "You will most likely want to turn those [retries] off when working with fallbacks", says its documentation.
    return ChatOpenAI(**first, max_retries=0).with_fallbacks([ChatOpenAI(**second)])


async def complete(messages: list[dict[str, Any]], *, stream: bool = False) -> AsyncIterator[str | dict[str, Any]]:
    """Ask the chain."""
    if not stream:
        answer = await chain().ainvoke(messages)
        refusal = answer.additional_kwargs.get("refusal")
        yield {"text": str(answer.text) or refusal, **_told(answer)}
        return
    told: dict[str, Any] = {}
    async for chunk in chain().astream(messages):
        if chunk.text:
            yield str(chunk.text)
        told |= _told(chunk)
    yield told


def _told(message: Any) -> dict[str, Any]:
    """How an answer has ended and whose it is, where a message says so."""
    said = message.response_metadata
    names = {"finish_reason": "finish", "model_name": "model"}
    told = {names[name]: value for name, value in said.items() if name in names and value}
    return told | ({"finish": "refusal"} if message.additional_kwargs.get("refusal") else {})
