"""Nothing hangs, and slow is not dead."""

from __future__ import annotations

from typing import Any

from ..fakes.answer import Pace
from ..fakes.faults import AnyFault
from ..fakes.faults.connection import Blackhole, HangBeforeHeaders, Refuse
from ..fakes.faults.replies import Unavailable
from ..fakes.faults.spread import LogNormal
from ..fakes.faults.timing import Drip, Latency, Stall
from ..fakes.weather import always
from ..harness.checks.crowds import not_starved
from ..harness.checks.patience import leaves_with_the_caller, told_of_the_stall
from ..harness.checks.retries import asked_once
from ..harness.scenario import MUST, SHOULD, Case, scenario
from ..harness.stage import Stage, expect

HANGING = 65.0
"""Seconds that a case takes whose target has no deadline of its own."""
AT_ONCE = 1.0
"""Seconds in which a caller is told of what is known at once."""


@scenario("timeout.hang-before-headers", MUST, seconds=HANGING)
async def hang_before_headers(stage: Stage) -> None:
    """A provider that takes the request and never answers does not hold the caller past the deadline."""
    await stage.weather(always(HangBeforeHeaders()))
    call = await stage.call()
    expect(call).ended()


@scenario(
    "timeout.connect-blackhole",
    MUST,
    cases={"blackhole": Blackhole(), "refused": Refuse()},
    seconds=HANGING,
)
async def connect_blackhole(stage: Stage, door: AnyFault) -> None:
    """A provider that cannot be reached does not hold the caller past the deadline.

    A refused connection says so at once: the caller is told in less than a second. Where retries are promised they may
    be for this too, and take the field's backoff besides, at each provider. What a target does once, in its first call,
    is no part of it.
    """
    await stage.weather(always(door))
    expect(await stage.call()).ended()
    if isinstance(door, Refuse):
        expect(await stage.call()).ended(within=AT_ONCE + _backoff(stage))


@scenario("timeout.slow-drip", MUST, seconds=HANGING)
async def slow_drip(stage: Stage) -> None:
    """A body that comes at one byte a second does not hold the caller past the deadline.

    Every single read succeeds in time: only a limit on the whole call notices.
    """
    await stage.weather(always(Drip(piece_bytes=1, pause=1.0)))
    call = await stage.call()
    expect(call).ended()


@scenario("timeout.stream-stall", MUST, needs="stream", streamed=True, seconds=HANGING)
async def stream_stall(stage: Stage) -> None:
    """A caller whose stream has stalled is told before the idle timeout, or the deadline where none is promised."""
    await stage.weather(always(Stall(chunks=3)))
    call = await stage.call(stream=True)
    limits = {"idle": stage.contract.stream and stage.contract.stream.idle_timeout, "deadline": stage.contract.deadline}
    expect(call).to(told_of_the_stall, **limits)


@scenario(
    "timeout.legit-slow",
    MUST,
    cases={"plain": False, "streamed": Case(True, needs="stream", streamed=True)},
    seconds=46,
)
async def legit_slow(stage: Stage, stream: bool) -> None:
    """A slow answer is not a fault: it is delivered whole, and asked for once.

    A stream of 45 s at four tokens a second, or a whole answer after 25 s; where the deadline leaves less time for
    them, as much as three quarters of it.
    """
    most = 0.75 * stage.contract.deadline
    if stream:
        stage.answer(words=int(4 * min(45.0, most)), pace=Pace(first=0.5, between=0.25))
    else:
        stage.answer(pace=Pace(first=min(25.0, most)))
    call = await stage.call(stream=stream)
    expect(call).answered()
    expect(stage.attempts(call)).to(asked_once)


@scenario("timeout.tail", SHOULD, seconds=75, heals=False)
async def tail(stage: Stage) -> None:
    """Of many callers at a provider with a long tail of latency, none waits past the deadline.

    Latency is log-normal around half a second. Of the hundredth part of it that lies above 20 s half is drawn from
    above the deadline, which is where a client without one shows.
    """
    body = LogNormal(median=0.5, sigma=1.586, at_most=20.0)
    await stage.weather(
        always(Latency(first=2 * stage.contract.deadline), every=200),
        always(Latency(first=25.0), every=100),
        always(Latency(first=body)),
    )
    calls = await stage.calls(200, every=0.06)
    expect(calls).ended()


@scenario("timeout.no-starvation", MUST, seconds=32, heals=False)
async def no_starvation(stage: Stage) -> None:
    """Calls that hang do not hold up the others.

    Of thirty callers at once a third hangs; what they hold, such as the connections of a pool, the healthy ones lack.
    In fair weather there are as many callers as are healthy later: a pool that thirty would wait for makes fair weather
    slow, too.
    """
    stage.answer(pace=Pace(first=1.0))
    before = await stage.calls(20)
    await stage.weather(always(HangBeforeHeaders(), every=3))
    calls = await stage.calls(30, patience=min(30.0, stage.contract.deadline))
    expect(calls).to(not_starved, fair=[call.id for call in before])


@scenario(
    "timeout.cancel-propagates",
    MUST,
    cases={
        "mid-stream": Case({"stream": True, "leave_after_chunks": 3}, needs="stream", streamed=True),
        "before-the-first-token": Case({"stream": True, "leave_after": 1.0}, needs="stream", streamed=True),
        "plain": {"leave_after": 1.0},
    },
)
async def cancel_propagates(stage: Stage, leaving: dict[str, Any]) -> None:
    """When a caller leaves, the connection to the provider is closed within a second.

    Until then the provider goes on writing tokens that are paid for and that nobody reads.
    """
    if "leave_after_chunks" not in leaving and not stage.cancels:
        stage.does_not_apply("a blocking function cannot be told that its caller has left")
    await stage.call()  # what a target does once must not take all the time that the caller has
    first = 0.1 if "leave_after_chunks" in leaving else 20.0
    stage.answer(words=200, pace=Pace(first=first, between=0.1))
    call = await stage.call(**leaving)
    await stage.sleep(3.0)
    expect(call).to(leaves_with_the_caller, within=1.0)


@scenario("timeout.retries-within", MUST, seconds=HANGING)
async def retries_within(stage: Stage) -> None:
    """Attempts that each take their time do not add up past the deadline."""
    await stage.weather(always(Latency(first=15.0), Unavailable()))
    call = await stage.call()
    expect(call).ended()


def _backoff(stage: Stage) -> float:
    """What retries that are promised may wait for: the field's 1, 2, 4 s, after every attempt at every provider.

    After the last one, too: some do, and it is no promise that they do not.
    """
    if stage.contract.retry is None:
        return 0.0
    return min((2.0**stage.contract.retry.max_attempts - 1) * len(stage.fakes), stage.contract.deadline - AT_ONCE)
