"""An integration that a good engineer would put into production, small enough to be read at a sitting.

`complete` answers one caller. What it promises is in `reference.toml` beside this folder; how it keeps the promises:

    errors.py   what a caller is told, and nothing else
    retry.py    which failures are worth another try, and when
    events.py   server-sent events, however they are cut
    answers.py  what of a reply is an answer
    client.py   one call: deadline, attempts, streams
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

from .client import Client, Provider

_clients: dict[str, Client] = {}


async def complete(
    messages: list[dict[str, Any]],
    *,
    stream: bool = False,
    user: str | None = None,
    max_tokens: int | None = None,
    tools: list[dict[str, Any]] | None = None,
) -> AsyncIterator[str | dict[str, Any]]:
    """Answer a caller: text as it comes, and at the end what is to be known of the answer."""
    client = _clients.get("") or _clients.setdefault("", Client(_provider()))
    options = {"user": user, "max_tokens": max_tokens or 1024, "tools": tools}
    request = {"messages": messages, **{name: value for name, value in options.items() if value is not None}}
    if stream:
        async for piece in client.stream(request):
            yield piece
    else:
        yield await client.answer(request)


def _provider() -> Provider:
    return Provider(os.environ["PRIMARY_URL"], os.environ["PRIMARY_KEY"], os.environ["PRIMARY_MODEL"])
