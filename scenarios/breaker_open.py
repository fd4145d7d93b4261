"""What a breaker does once it is open.

A storm of failures opens it first; then nothing, or as much as the contract says, may reach the provider.
"""

from __future__ import annotations

from ..fakes.answer import Pace
from ..fakes.faults.replies import ServerError
from ..fakes.faults.timing import Latency
from ..harness.checks.breakers import left_alone, opens_again, probed_gently, told_at_once, unaffected
from ..harness.company import cooled
from ..harness.scenario import MUST, scenario
from ..harness.stage import Stage, expect
from .breaker import FAIL_FAST, breakers, first_provider, is_closed, promised, storm

AT_ONCE = 0.1
"""Seconds within which callers are told that the breaker is open, and the part of a failing attempt's time."""
SLOW = 2.0
"""Seconds that a failing attempt takes, beside which the time of a call that makes none is small."""
COOLDOWNS = 3
"""For how many cooldowns a breaker is watched that has to open again."""


@scenario("breaker.fails-fast", MUST, needs="breaker", seconds=25, source=FAIL_FAST)
async def fails_fast(stage: Stage) -> None:
    """Callers who meet an open breaker are told at once: within 100 ms, and a tenth of what a failing attempt takes.

    That is what it is for. Where another provider answers instead, the time that it takes is its own.
    """
    promised(stage)
    fallback = stage.contract.fallback
    if fallback is not None and fallback.queue:
        stage.does_not_apply("calls wait for the provider's recovery, as promised")
    slow = min(SLOW, 0.1 * stage.contract.deadline)
    await storm(stage, Latency(first=slow), ServerError())
    calls = [await stage.call() for _ in range(10)]
    within = min(AT_ONCE, AT_ONCE * slow)
    expect(calls).to(told_at_once, provider=first_provider(stage), within=within)


@scenario("breaker.stays-open", MUST, needs="breaker", seconds=80, source=FAIL_FAST)
async def stays_open(stage: Stage) -> None:
    """While the breaker is open no request is sent to the provider, however many callers come.

    A provider that is left alone for a moment only does not recover. Takes a cooldown.
    """
    breaker = promised(stage)
    failing = await storm(stage, ServerError())
    every = min(1.0, breaker.cooldown / 10)
    calls = await stage.calls(round(breaker.cooldown / every), every=every)
    storm_ids = [call.id for call in failing]
    expect(calls).to(left_alone, provider=first_provider(stage), storm=storm_ids, cooldown=breaker.cooldown)


@scenario("breaker.single-probe", MUST, needs="breaker", seconds=80, source=FAIL_FAST)
async def single_probe(stage: Stage) -> None:
    """When the cooldown is over and many callers come at once, only so many requests as promised try the provider.

    A provider that has just come up goes down again under everything that was held back. Takes a cooldown.
    """
    breaker = promised(stage)
    await storm(stage, ServerError())
    await stage.weather()
    stage.answer(pace=Pace(first=1.0))
    await stage.sleep(cooled(breaker))
    calls = await stage.calls(breaker.probes + 19)
    expect(calls).to(probed_gently, provider=first_provider(stage), probes=breaker.probes)


@scenario("breaker.closes", MUST, needs="breaker", seconds=80, source=FAIL_FAST)
async def closes(stage: Stage) -> None:
    """When the probes have succeeded the breaker is closed: the next calls all reach the provider.

    A breaker that does not close makes an outage of a minute one that lasts until somebody restarts the service.
    Takes a cooldown, and up to three where none of the first callers is let through.
    """
    breaker, provider = promised(stage), first_provider(stage)
    await storm(stage, ServerError())
    await stage.weather()
    await stage.sleep(cooled(breaker))
    for _ in range(4 * (COOLDOWNS - 1)):
        probe = await stage.call()
        if any(exchange.fake == provider for exchange in stage.exchanges(probe)):
            break
        await stage.sleep(breaker.cooldown / 4)
    keys = breakers(stage)
    # Which key a call takes is the target's choice: each has its probes for certain after so many.
    for _ in range(breaker.probes * (1 if keys == 1 else 8 * keys) - 1):
        await stage.call()
    await is_closed(stage)


@scenario("breaker.reopens", MUST, needs="breaker", seconds=200, source=FAIL_FAST)
async def reopens(stage: Stage) -> None:
    """When a probe fails the breaker is open again, for another cooldown.

    Without it the first probe of a long outage lets everything through. Takes three cooldowns.
    """
    breaker, provider = promised(stage), first_provider(stage)
    await storm(stage, ServerError())
    every = breaker.cooldown / 8
    calls = await stage.calls(8 * COOLDOWNS, every=every)
    expect(calls).to(opens_again, provider=provider, cooldown=breaker.cooldown, probes=breaker.probes)


@scenario("breaker.isolated", MUST, needs="breaker", seconds=15, source=FAIL_FAST)
async def isolated(stage: Stage) -> None:
    """The open breaker of a dead provider keeps nobody away from another that is well.

    One breaker for everything makes the outage of one provider that of all.
    """
    promised(stage)
    fallback = stage.contract.fallback
    chain = fallback.chain if fallback is not None else ()
    if fallback is None or not chain:
        stage.does_not_apply("calls go to one provider only: there is no other that could be affected")
    if "error" not in fallback.on:
        stage.does_not_apply("an error of the first provider does not make the next one be asked")
    await storm(stage, ServerError())
    calls = await stage.calls(10)
    expect(calls).to(unaffected, dead=chain[0], well=chain[1])
