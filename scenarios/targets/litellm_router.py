"""LiteLLM's Router: two deployments, the second of which is the fallback of the first.

It runs in an environment of its own, without brownout.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

from litellm import Router  # type: ignore[import-not-found]


@cache
def router() -> Any:
    """The router, made when the first call comes."""
    settings = json.loads(Path("router.json").read_text("utf-8"))
    deployments = [
        {
            "model_name": one["model"],
            "litellm_params": {"model": "openai/" + one["model"], "api_base": one["url"], "api_key": one["key"]},
        }
        for one in settings.values()
    ]
    first, second = (one["model"] for one in settings.values())
    return Router(model_list=deployments, fallbacks=[{first: [second]}], num_retries=2, timeout=30)


async def complete(messages: list[dict[str, Any]], *, stream: bool = False) -> AsyncIterator[str | dict[str, Any]]:
    """Ask the router for its first model."""
    first = router().model_list[0]["model_name"]
    if not stream:
        answer = await router().acompletion(model=first, messages=messages)
        choice = answer.choices[0]
        refusal = _refusal(choice.message)
        ended = "refusal" if refusal else choice.finish_reason
        yield {"text": choice.message.content or refusal, "finish": ended, "model": answer.model}
        return
    finish, model = None, None
    async for chunk in await router().acompletion(model=first, messages=messages, stream=True):
        model = chunk.model or model
        for part in chunk.choices:
            refusal = _refusal(part.delta)
            if part.delta.content or refusal:
                yield part.delta.content or refusal
            finish = "refusal" if refusal or finish == "refusal" else part.finish_reason or finish
    yield {"finish": finish, "model": model}


def _refusal(said: Any) -> Any:
    """What a model says instead of an answer: a field of its own, or, in older versions, one of the provider's."""
    return getattr(said, "refusal", None) or (getattr(said, "provider_specific_fields", None) or {}).get("refusal")
