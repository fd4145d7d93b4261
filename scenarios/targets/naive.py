"""A call to a provider without any care, as it is written in a first afternoon."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx


async def complete(messages: list[dict[str, Any]], *, stream: bool = False) -> AsyncIterator[str]:
    """Ask the model and yield what it says."""
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    body = {"model": "gpt-4o-mini", "messages": messages, "stream": stream}
    async with httpx.AsyncClient(timeout=None) as client:  # noqa: S113  # the carelessness is the point
        if not stream:
            response = await client.post(url, json=body, headers=headers)
            yield response.json()["choices"][0]["message"]["content"]
            return
        async with client.stream("POST", url, json=body, headers=headers) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    yield json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
