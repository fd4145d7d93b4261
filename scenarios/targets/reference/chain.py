"""Providers in the order in which they are asked: the next one, when the one before it cannot answer.

One deadline lies over all of them, and each may use an equal part of what is left of it. The chain is walked once. A
stream that has given text is never begun again elsewhere, and what is refused for what it says is shown to nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from .client import Client, Piece, Provider
from .context import fits
from .errors import CallFailed
from .ledger import Ledger

DEADLINE = 55.0
"""Seconds for a whole call; five less than promised, for all that is not ours."""
OUTAGE = frozenset({"provider", "rate_limited", "timeout", "unauthorized"})
"""Failures of a provider's own."""
ELSEWHERE = OUTAGE | {"context"}
"""What another provider may do better. What else is wrong with a request is wrong everywhere."""


class Chain:
    """Asks one provider after the other."""

    def __init__(self, providers: Sequence[Provider], ledger: Ledger) -> None:
        self._links = [(provider, Client(provider, ledger)) for provider in providers]

    async def ask(self, request: dict[str, Any], *, stream: bool) -> AsyncGenerator[Piece]:
        """Text as it comes, then what is to be known of the answer; whoever is not the first says so."""
        loop = asyncio.get_running_loop()
        end = loop.time() + DEADLINE
        failures: list[CallFailed] = []
        for place, (provider, client) in enumerate(self._links):
            if not fits(request, provider.model):
                failures.append(CallFailed("context"))
                continue
            if not client.keys.alive and any(other.keys.alive for _, other in self._links):
                failures.append(CallFailed("unauthorized"))
                continue
            until = loop.time() + (end - loop.time()) / (len(self._links) - place)
            try:
                async with aclosing(client.ask(request, until, end, stream=stream)) as pieces:
                    async for piece in pieces:
                        yield piece if isinstance(piece, str) else _signed(piece, provider, place)
            except CallFailed as failure:
                failures.append(failure)
                if failure.partial:
                    raise
                if failure.kind not in ELSEWHERE:
                    break
            else:
                return
        # Who falls back because of an outage is told of the outage, whatever the fallback had to complain about.
        raise next((failure for failure in failures if failure.kind in OUTAGE), failures[-1])


def _signed(answer: dict[str, Any], provider: Provider, place: int) -> dict[str, Any]:
    """The answer, and whose it is."""
    return {**answer, "provider": provider.name, "degraded": place > 0}
