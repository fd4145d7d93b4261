"""Staying under the limit instead of bouncing off it.

The fakes enforce `contract.quota`, or the limits of the first provider where it has no figure, with true token buckets,
and send the provider's own headers. A bucket of a minute takes long to empty: state `window = "1s"` in
`[contract.quota]` if your limiter never lets more than a second's worth leave at once, and lower limits if yours are
beyond what one machine can offer; the rows then take a few seconds each.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ..fakes.fake import Limits
from ..harness.checks.limits import ENOUGH, stays_under_limit
from ..harness.history import Call
from ..harness.scenario import MUST, SHOULD, scenario
from ..harness.stage import Stage, expect

LIMITS = "provider documentation: rate limits"
MOST_CALLERS = 2000
"""So many can be offered here in the time that a row takes."""
LOAD = 4.0
"""Seconds of load at least."""
DRAIN = 8.0
"""Seconds that callers wait on after the last one came."""
TELLING = 1.5 * ENOUGH
"""Requests that have to be able to leave: with fewer, no share can be told."""
LONGEST_WAIT = 90.0
"""Seconds for which load is offered in real time."""
LONGEST = 16_000
"""Tokens that an answer may be allowed where tokens are to be the limit; the prompt takes the rest."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What may leave: `rate` a second, and `holds` at once."""

    rate: float
    holds: float

    @property
    def seconds(self) -> float:
        """How long load is offered: until the rate matters beside what may leave at once, and a share can be told."""
        return max(LOAD, self.holds / self.rate / 3, (TELLING - self.holds) / self.rate)

    @property
    def allowed(self) -> int:
        """How much may leave in that time."""
        return int(self.holds + self.rate * self.seconds)


@scenario("quota.under-rpm", MUST, needs="quota", heals=False, seconds=20, source=LIMITS)
async def under_rpm(stage: Stage) -> None:
    """Under twice the load that the limit of requests allows, less than one request in a hundred is refused."""
    limit = requests_a_minute(stage)
    calls = await offer(stage, limit.allowed * 2, limit.seconds)
    expect(stage.attempts(calls)).to(stays_under_limit)


@scenario("quota.under-tpm", MUST, needs="quota", heals=False, seconds=20, source=LIMITS)
async def under_tpm(stage: Stage) -> None:
    """Under twice the load that the limit of tokens allows, less than one request in a hundred is refused.

    A provider counts the prompt and the longest answer that a request allows when it comes. Prompts are as long as it
    takes to reach the limit of tokens well before that of requests.
    """
    limit = tokens_a_minute(stage)
    quota = stage.contract.quota
    a_minute = quota.rpm if quota is not None and quota.rpm is not None else 0
    wanted = int(1.5 * limit.rate * 60 / a_minute if a_minute else limit.holds / 10)
    longest = min(wanted, LONGEST)
    probe = await stage.call(max_tokens=longest)
    taken = max((x.input_tokens + (x.max_output or 0) for x in stage.exchanges(probe)), default=0)
    text = "Please answer." + " k7q2" * max(0, (wanted - taken) * 4 // 5)
    count = int(2 * limit.allowed / max(taken, wanted))
    calls = await offer(stage, count, limit.seconds, text=text, max_tokens=longest)
    expect(stage.attempts(calls)).to(stays_under_limit)


@scenario("quota.queues", MUST, needs="quota.queue", heals=False, seconds=20, source=LIMITS)
async def queues(stage: Stage) -> None:
    """Of a burst of three times what may leave at once every call is answered, as far as the deadline allows."""
    limit = requests_a_minute(stage)
    in_time = limit.holds + limit.rate * stage.within_deadline(20.0) / 2
    calls = await stage.calls(int(min(3 * limit.holds, in_time)))
    expect(calls).answered()


@scenario("quota.adapts", SHOULD, needs="quota", heals=False, seconds=20, source=LIMITS)
async def adapts(stage: Stage) -> None:
    """When the limit is halved, the rate follows within ten seconds.

    The headers of every answer tell of the limit and of what is left of it.
    """
    limit = requests_a_minute(stage)
    before, grace, after = 2.0, 10.0, max(LOAD, 2 * TELLING / limit.rate)
    seconds = before + grace + after
    async with asyncio.TaskGroup() as group:
        load = group.create_task(offer(stage, int(0.9 * limit.rate * seconds), seconds, drain=1.0))
        await stage.sleep(before)
        stage.limits(Limits(rpm=max(1, int(limit.rate * 30)), window=limit.holds / limit.rate))
        halved = stage.elapsed() / 1e9
    expect(stage.attempts(load.result())).to(stays_under_limit, since=halved + grace)


async def offer(
    stage: Stage,
    count: int,
    seconds: float,
    *,
    drain: float = DRAIN,
    text: str = "Please answer.",
    max_tokens: int | None = None,
) -> list[Call]:
    """So many callers, evenly over so many seconds; who still waits a while after the last one came gives up."""
    if count > MOST_CALLERS:
        stage.does_not_apply(f"it takes {count} callers in {seconds:g} s, and no more than {MOST_CALLERS} are offered")
    if stage.in_real_time and seconds > LONGEST_WAIT:
        stage.does_not_apply(f"nobody waits for {seconds:g} s in real time: --clock auto")

    async def late(number: int) -> Call:
        wait = number * seconds / count
        await stage.sleep(wait)
        return await stage.call(text, patience=seconds + drain - wait, max_tokens=max_tokens)

    return list(await asyncio.gather(*map(late, range(count))))


def requests_a_minute(stage: Stage) -> Limit:
    """Have the fakes enforce the limit of requests, and say what it comes to."""
    quota, provided = stage.contract.quota, stage.primary.fake.limits
    rpm = (quota.rpm if quota is not None else None) or provided.rpm
    return _enforced(stage, Limits(rpm=rpm, window=_window(stage)), rpm, "requests")


def tokens_a_minute(stage: Stage) -> Limit:
    """Have the fakes enforce the limit of tokens, and say what it comes to."""
    quota, provided = stage.contract.quota, stage.primary.fake.limits
    tpm = (quota.tpm if quota is not None else None) or provided.tpm
    return _enforced(stage, Limits(tpm=tpm, window=_window(stage)), tpm, "tokens")


def _window(stage: Stage) -> float:
    quota = stage.contract.quota
    return stage.primary.fake.limits.window if quota is None or quota.window is None else quota.window


def _enforced(stage: Stage, limits: Limits, a_minute: int | None, what: str) -> Limit:
    if not stage.fresh:
        stage.does_not_apply("the target is started once for the run, and would remember these limits")
    if a_minute is None:
        stage.does_not_apply(f"neither contract.quota nor the first provider limits {what}")
    stage.limits(limits)
    return Limit(a_minute / 60, a_minute * limits.window / 60)
