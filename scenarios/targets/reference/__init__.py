"""An integration that a good engineer would put into production, small enough to be read at a sitting.

`complete` answers one caller. What it promises is in `reference.toml` beside this folder; how it keeps the promises:

    errors.py   what a caller is told, and nothing else
    retry.py    which failures are worth another try, and when
    events.py   server-sent events, however they are cut
    speech.py   how a provider is spoken to; one file for each that does not speak as OpenAI does
    answers.py  what of a reply is an answer
    keys.py     a provider's keys, and which of them are dead
    breaker.py  when a provider is left alone
    client.py   one provider: attempts, streams
    models.py   what models hold and cost
    context.py  whether a prompt fits
    chain.py    one call: a deadline, and who is asked when a provider fails
    cache.py    answers that are given again, and callers who share one request
    ledger.py   what may be spent, and what was
    masking.py  personal data stays here, and comes back in the answer
    limiter.py  how fast a provider may be asked
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from .cache import Cache
from .chain import Chain
from .client import Provider
from .ledger import Ledger
from .masking import Masking

_chains: list[Cache] = []


async def complete(
    messages: list[dict[str, Any]],
    *,
    stream: bool = False,
    user: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    tools: list[dict[str, Any]] | None = None,
    metadata: dict[str, Any] | None = None,
) -> AsyncIterator[str | dict[str, Any]]:
    """Answer a caller: text as it comes, and at the end what is to be known of the answer."""
    if not _chains:
        _chains.append(Cache(Chain([_provider("primary"), _provider("secondary")], _ledger())))
    options = {
        "user": user,
        "max_tokens": max_tokens or 1024,
        "temperature": temperature,
        "tools": tools,
        "metadata": metadata,
    }
    request = {"messages": messages, **{name: value for name, value in options.items() if value is not None}}
    masking = Masking()
    async with aclosing(_chains[0].ask(masking.mask(request), stream=stream)) as pieces:
        async for piece in pieces:
            for told in masking.restored(piece):
                yield told


def _ledger() -> Ledger:
    cap, per_user = float(os.environ["SPEND_CAP"]), float(os.environ["SPEND_PER_USER"])
    return Ledger(os.environ["SPEND_LEDGER"], cap, per_user)


def _provider(name: str) -> Provider:
    url, model, dialect = (os.environ[f"{name.upper()}_{what}"] for what in ("URL", "MODEL", "DIALECT"))
    keys = (os.environ.get(f"{name.upper()}_{what}") for what in ("KEY", "KEY2"))
    return Provider(name, url, tuple(key for key in keys if key), model, dialect)
