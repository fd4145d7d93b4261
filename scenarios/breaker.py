"""A dead provider is left alone, then tried gently.

How a breaker opens is here; what it does then is in `breaker_open.py`. Every figure is the contract's own. In real time
a cooldown and a window of a minute make these rows slow: have your target read both from its environment, set them to a
few seconds in `[start] env`, and claim those in `[contract.breaker]`.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

from ..fakes.answer import Pace
from ..fakes.faults import Fault
from ..fakes.faults.connection import Cut, HangBeforeHeaders
from ..fakes.faults.replies import RateLimited, ServerError, Status
from ..fakes.weather import always, first, sometimes
from ..harness.checks.breakers import asked, does_not_flap, left_alone
from ..harness.company import PACE
from ..harness.contract import Breaker
from ..harness.history import Call
from ..harness.scenario import MAY, MUST, SHOULD, scenario
from ..harness.stage import Stage, expect

FAIL_FAST = "Release It!, chapter 5: circuit breaker"
SETTLING = 0.1
"""Seconds in which whoever counts failures has counted the last."""
HINT = 1
"""The shortest Retry-After that can be said in whole seconds."""
CALLS, WINDOWS = 400, 5
"""How many calls a breaker has to bear, and over how many of its windows."""
ERRORS = 0.3
"""The part of them that fails."""


def promised(stage: Stage) -> Breaker:
    """The claim; the scenario ends here where what reaches a provider's wire says nothing of its breaker."""
    contract = stage.contract
    assert contract.breaker is not None
    if contract.fallback is not None and contract.fallback.balance:
        stage.does_not_apply("calls are spread over the providers: a call that one does not get says nothing of it")
    return contract.breaker


def first_provider(stage: Stage) -> str:
    """The provider that calls go to in fair weather."""
    fallback = stage.contract.fallback
    return fallback.chain[0] if fallback is not None and fallback.chain else stage.primary.fake.name


def breakers(stage: Stage) -> int:
    """How many breakers the first provider has: one, or one for each of its keys."""
    return len(stage.fakes[first_provider(stage)].fake.keys) if promised(stage).scope == "key" else 1


async def storm(stage: Stage, *faults: Fault, in_turn: bool = False, **fields: Any) -> list[Call]:
    """As many failing calls as open the breaker for certain, whether it counts them or their attempts."""
    count, provider = promised(stage).opens_after * breakers(stage), first_provider(stage)
    await stage.weather(always(*faults), at=stage.fakes[provider])
    if in_turn:
        calls = [await stage.call(**fields) for _ in range(count)]
    else:
        calls = await stage.calls(count, **fields)
    await stage.sleep(SETTLING)
    return calls


async def is_closed(stage: Stage) -> None:
    """More callers at once than there may be probes, all of whom reach the provider."""
    await stage.weather()
    stage.answer(pace=Pace(first=0.3))
    calls = await stage.calls(promised(stage).probes + 9)
    expect(calls).to(asked, provider=first_provider(stage))


async def _is_open(stage: Stage, failing: list[Call], **fields: Any) -> None:
    """More callers than there may be probes, who find the provider left alone."""
    breaker, provider = promised(stage), first_provider(stage)
    patience = min(5.0, stage.contract.deadline)
    later = await stage.calls(breaker.probes + 3, patience=patience, **fields)
    storm_ids = [call.id for call in failing]
    expect(later).to(left_alone, provider=provider, storm=storm_ids, cooldown=breaker.cooldown)


@scenario("breaker.opens", MUST, needs="breaker", seconds=15, source=FAIL_FAST)
async def opens(stage: Stage) -> None:
    """After as many failures in a row as promised, further calls make no request to the provider.

    To keep asking a provider that is down costs every caller the whole of its timeouts, and keeps the provider down.
    Failed attempts or failed calls may count: as many calls fail here as promised. Where another provider answers
    instead, the dead one is still left alone.
    """
    await _is_open(stage, await storm(stage, ServerError()))


@scenario("breaker.opens-on-rate", SHOULD, needs="breaker.error_rate", seconds=18, source=FAIL_FAST)
async def opens_on_rate(stage: Stage) -> None:
    """When as large a part of all requests fails as promised, the breaker opens, although some still succeed.

    A provider that fails every other request never fails five times in a row. Between the failing calls there are
    enough others that it is the rate that tells.
    """
    breaker, provider = promised(stage), first_provider(stage)
    if breakers(stage) > 1:
        stage.does_not_apply("each key has a breaker of its own, and which of them meets what fails is not known")
    rate = breaker.error_rate or 1.0
    run = math.ceil((1 + rate) / (1 - rate)) if rate < 1 else math.inf
    if run >= (breaker.failures or math.inf):
        stage.does_not_apply(f"so many failures in a row open it before a rate of {rate:.0%} could")
    # Tried again without a success between them, attempts would open it by their number.
    await stage.weather(always(ServerError(should_retry=False)), at=stage.fakes[provider])
    every = min(PACE, breaker.window / (4 * breaker.minimum))
    async with asyncio.TaskGroup() as group:
        failing: list[asyncio.Task[Call]] = []
        for number in range(2 * breaker.minimum):
            fair = number % (run + 1) == run
            call = group.create_task(stage.call(spared=fair))
            failing += [] if fair else [call]
            await stage.sleep(every)
    await _is_open(stage, [call.result() for call in failing])


@scenario("breaker.opens-on-timeouts", SHOULD, needs="breaker", seconds=65, source=FAIL_FAST)
async def opens_on_timeouts(stage: Stage) -> None:
    """A provider that takes requests and never answers opens the breaker as one does that answers with errors.

    It is the outage that costs callers the most. Takes as long as the target waits for an answer.
    """
    await _is_open(stage, await storm(stage, HangBeforeHeaders()))


@scenario(
    "breaker.opens-on-broken-streams",
    SHOULD,
    needs="breaker",
    streamed=True,
    cases={how: Cut(1, how=how) for how in ("fin", "reset")},
    seconds=15,
    source=FAIL_FAST,
)
async def opens_on_broken_streams(stage: Stage, fault: Fault) -> None:
    """A provider whose streams all break off opens the breaker, although each began with a 200.

    One after the other: who counts the beginning of a stream as a success never sees two failures in a row.
    """
    if not stage.contract.claims("stream"):
        stage.does_not_apply("the contract does not claim stream")
    await _is_open(stage, await storm(stage, fault, in_turn=True, stream=True), stream=True)


@scenario("breaker.ignores-client-errors", MUST, needs="breaker", seconds=5, source=FAIL_FAST)
async def ignores_client_errors(stage: Stage) -> None:
    """Requests that the provider calls wrong do not open the breaker, however many there are.

    The provider is well. One caller with a broken request must not cut off all the others.
    """
    breaker = promised(stage)
    await stage.weather(always(Status(400)), at=stage.fakes[first_provider(stage)])
    await stage.calls(max(20, 2 * breaker.opens_after, 2 * breaker.minimum))
    await is_closed(stage)


@scenario("breaker.ignores-rate-limits", MAY, needs="breaker", seconds=12)
async def ignores_rate_limits(stage: Stage) -> None:
    """Rate limits do not open the breaker.

    Both designs exist: whoever counts them leaves a busy provider alone for a whole cooldown, and whoever does not lets
    every caller find out for himself.
    """
    breaker = promised(stage)
    await stage.weather(always(RateLimited(retry_after=HINT)), at=stage.fakes[first_provider(stage)])
    await stage.calls(max(20, 2 * breaker.opens_after, 2 * breaker.minimum))
    await stage.sleep(HINT)
    await is_closed(stage)


@scenario("breaker.counts-consecutive", SHOULD, needs="breaker", seconds=12, source=FAIL_FAST)
async def counts_consecutive(stage: Stage) -> None:
    """One failure less than promised, a success, and as many failures again do not open the breaker.

    Counted without a success between them, the failures of a month open it in the end.
    """
    breaker, provider = promised(stage), first_provider(stage)
    if breaker.failures is None and breaker.error_rate is not None:
        stage.does_not_apply("the contract claims a rate, and no failures in a row")
    if breaker.opens_after == 1:
        stage.does_not_apply("it opens after one failure")
    fair = math.ceil(4 * breaker.opens_after / (breaker.error_rate or 1.0))
    for _ in range(2):
        # So many successes that the failures are a small part of all.
        await stage.calls(fair, every=0.005, spared=True)
        await stage.weather(first(1, ServerError()), at=stage.fakes[provider])
        await stage.calls(breaker.opens_after - 1)
        await stage.call(spared=True)
    await is_closed(stage)


@scenario("breaker.no-flap", SHOULD, needs="breaker", seconds=300, heals=False, source=FAIL_FAST)
async def no_flap(stage: Stage) -> None:
    """A provider of whose requests some fail at random does not make the breaker open and close all the time.

    Three in ten, over five of the contract's windows; fewer where so many would open it rightly. It may open once for
    each window.
    """
    breaker, provider = promised(stage), first_provider(stage)
    failures = breaker.failures or (math.inf if breaker.error_rate is not None else breaker.opens_after)
    chance = min(ERRORS, 0.6 * (breaker.error_rate or 1.0), (1 / CALLS) ** (1 / failures))
    await stage.weather(sometimes(chance, ServerError()), at=stage.fakes[provider])
    calls = await stage.calls(CALLS, every=WINDOWS * breaker.window / CALLS)
    expect(calls).to(does_not_flap, provider=provider, probes=breaker.probes, at_most=WINDOWS * breakers(stage))
