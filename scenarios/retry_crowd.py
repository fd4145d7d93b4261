"""Many callers try again at the same time, and the provider survives it."""

from __future__ import annotations

import asyncio

from ..fakes.faults.replies import Unavailable
from ..fakes.weather import always, first
from ..harness.checks.crowds import does_not_bunch, does_not_gather, recovers_without_a_herd, spreads_out
from ..harness.checks.retries import within_retry_budget
from ..harness.checks.spacing import grows_exponentially
from ..harness.company import company
from ..harness.history import Call
from ..harness.scenario import MUST, SHOULD, scenario
from ..harness.stage import Stage, expect

BACKOFF = "provider documentation: exponential backoff with random jitter"
RETRY_BUDGET = "Site Reliability Engineering, chapter 22: addressing cascading failures"


@scenario("retry.exponential", MUST, seconds=60, heals=False, source=BACKOFF)
async def exponential(stage: Stage) -> None:
    """The waits between attempts grow exponentially.

    Constant and linear waits keep hitting a provider that needs a rest. Forty calls, because how long a client waits is
    partly chance. A retry budget is earned by successes: in four rounds, with fair weather between them, or where a
    breaker is claimed with fair calls beside them.
    """
    if stage.contract.max_attempts < 4:
        stage.does_not_apply(f"{stage.contract.max_attempts} attempts have too few waits to tell how they grow")
    if stage.contract.breaker is not None:
        await stage.weather(always(Unavailable()))
        async with company(stage) as apart:
            failing = await stage.calls(40, every=0.25 * apart)
    else:
        failing = await _four_rounds(stage)
    stage.about_retries_of(failing)
    expect(stage.attempts(failing)).to(grows_exponentially)


@scenario("retry.jitter", MUST, seconds=20, heals=False, source=BACKOFF)
async def jitter(stage: Stage) -> None:
    """Thirty callers that are refused at the same moment do not come back at the same moment.

    They are refused one after the other and their waits laid over each other: what a busy machine adds to the waits of
    a crowd would look like jitter. Four times over, because a few callers may well come together by chance.
    """
    await stage.weather(first(1, Unavailable()))
    async with company(stage) as apart:
        rounds = [await stage.calls(30, every=0.05 * apart) for _ in range(4)]
    stage.about_retries_of([call for calls in rounds for call in calls])
    for calls in rounds:
        expect(stage.attempts(calls)).to(does_not_gather)
    everybody = [call for calls in rounds for call in calls]
    expect(stage.attempts(everybody)).to(does_not_bunch).to(spreads_out)


@scenario("retry.budget", SHOULD, seconds=70, heals=False, source=RETRY_BUDGET)
async def budget(stage: Stage) -> None:
    """In a total outage a provider sees no more than two attempts for each request of a caller.

    A provider that comes back under four times its usual load goes down again. Whether a retry budget or a breaker
    holds the load down is the integration's own affair.
    """
    await stage.weather(always(Unavailable()))
    calls = await stage.callers(50, seconds=60.0, pause=3.0)
    expect(stage.attempts(calls)).to(within_retry_budget, ratio=2.0)


@scenario("retry.herd-on-recovery", SHOULD, seconds=45, heals=False, source=RETRY_BUDGET)
async def herd_on_recovery(stage: Stage) -> None:
    """When a provider comes back it is not run over by everything that piled up."""
    rate = 15
    async with asyncio.TaskGroup() as group:
        load = group.create_task(stage.calls(26 * rate, every=1 / rate))
        await stage.sleep(3.0)
        await stage.weather(always(Unavailable()))
        await stage.sleep(20.0)
        await stage.weather()
    expect(stage.attempts(load.result())).to(recovers_without_a_herd, rate=float(rate))


async def _four_rounds(stage: Stage) -> list[Call]:
    failing: list[Call] = []
    for _ in range(4):
        await stage.weather(always(Unavailable()))
        failing += await stage.calls(10)
        await stage.weather()
        await stage.calls(40)
    return failing
