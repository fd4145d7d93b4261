"""Fair calls beside those that a scenario lets fail, so that a breaker has no reason to open.

A breaker that opens after a few failures is right to, and hides what a row about retries has come to see: the attempts
that are not made. So where the contract claims a breaker, the failing calls have company: calls that no fault meets,
often enough that neither so many failures follow each other, nor so large a part fails, as the contract says opens it.
Whatever a breaker counts, calls or attempts, all or the retryable, it stays closed. Where none is claimed nothing is
done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .checks.breakers import stayed_closed
from .contract import Breaker
from .history import Call
from .stage import DoesNotApply, Stage

PACE = 0.02
"""Seconds from one fair call to the next beside a crowd."""
ALONE = 0.1
"""The same beside a single call, whose attempts are further apart than that."""
SHARE = 0.4
"""The error rate from which on a crowd may come as fast as it likes: its failures are a fifth of all."""
FEW, FEW_TIMES = 5, 5.0
"""Where fewer failures open it, a crowd comes so many times further apart: they must not meet by chance."""
ROOM = 3.0
"""A limit of requests that the target keeps to itself leaves room for so many times the company."""
MOST = 200
"""Fair calls to begin with, at most: what `minimum` asks for, twice over."""


@asynccontextmanager
async def company(stage: Stage, *, every: float = PACE, strict: bool = False) -> AsyncIterator[float]:
    """Fair calls, one each so many seconds, for as long as the failing ones go on.

    Yields how many times as far apart as usual the failing calls have to come. On a machine that stands still the
    breaker may open all the same; where that would be taken for a fault, `strict` ends the scenario undecided.
    """
    breaker = stage.contract.breaker
    if breaker is None:
        yield 1.0
        return
    if breaker.opens_after == 1:
        stage.does_not_apply("a breaker that opens after one failure leaves nothing to try again")
    slower = max(1.0, _slowest(stage) / every)
    over = asyncio.Event()
    fair: list[asyncio.Task[Call]] = []

    async def go_on() -> None:
        async with asyncio.TaskGroup() as group:
            while not over.is_set():
                fair.append(group.create_task(stage.call(spared=True)))
                await stage.sleep(every * slower)

    await stage.calls(min(2 * breaker.minimum, MOST), every=PACE * slower, spared=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(go_on())
        try:
            few = FEW_TIMES if breaker.opens_after < FEW else 1.0
            yield max(few, SHARE / (breaker.error_rate or 1.0)) * slower
        finally:
            over.set()
    if strict and any(not stage.exchanges(call.result()) for call in fair):
        stage.expect([call.result() for call in fair]).to(stayed_closed)
        raise DoesNotApply("the breaker has opened")


def _slowest(stage: Stage) -> float:
    """Seconds between fair calls that a target does not make wait in a line of its own."""
    quota = stage.contract.quota
    return ROOM * 60 / quota.rpm if quota is not None and quota.rpm else 0.0


def cooled(breaker: Breaker) -> float:
    """Seconds after which a breaker that was open a moment ago tries the provider again."""
    return 1.1 * breaker.cooldown + 0.2
