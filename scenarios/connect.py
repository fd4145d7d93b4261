"""Connections are shared, given back, and not trusted."""

from __future__ import annotations

from ..fakes.answer import Pace
from ..fakes.faults import Fault
from ..fakes.faults.connection import Cut, Refuse, ResetOnAccept
from ..fakes.faults.http2 import Goaway, RefuseStream
from ..fakes.faults.replies import Status
from ..fakes.faults.stream import GarbageEvent
from ..fakes.faults.timing import Stall
from ..fakes.weather import always, first
from ..harness.checks.connections import lets_streams_end, releases, reuses, tells_nothing
from ..harness.checks.contents import no_garbage
from ..harness.company import company
from ..harness.history import Call
from ..harness.scenario import MUST, SHOULD, Case, scenario
from ..harness.stage import Stage, expect

SEQUENTIAL = 50
SHARED = 5
"""Connections that so many calls, one after the other, need at most."""
AT_ONCE, ROUNDS = 10, 20
APART, COMPANY = 0.2, 0.06
"""Seconds from one faulty call to the next where a breaker must have no reason to open, and from one fair one."""
SPARE = 2
"""Connections that a pool may keep for each caller that there was at once."""
PATIENCE = 5.0
"""Seconds for which a faulty call is waited for."""
IN_FLIGHT = 3.0
"""Seconds that an answer takes which is to be in flight when something happens."""


@scenario(
    "connect.reuses",
    SHOULD,
    cases={"plain": False, "streamed": Case(True, needs="stream", streamed=True)},
    seconds=6,
)
async def connections_are_reused(stage: Stage, stream: bool) -> None:
    """Calls that follow one another share a few connections.

    A connection of its own for each call costs a handshake each time, three round trips with TLS.
    """
    calls = [await stage.call(stream=stream) for _ in range(SEQUENTIAL)]
    expect(calls).answered()
    expect(stage.attempts(calls)).to(reuses, at_most=SHARED)


@scenario(
    "connect.no-leak",
    MUST,
    cases={
        "refused": Case(((Status(400),), False)),
        "broken-streams": Case(((GarbageEvent(chunks=2), Stall(chunks=4)), True), needs="stream", streamed=True),
    },
    seconds=20,
)
async def connections_do_not_leak(stage: Stage, case: tuple[tuple[Fault, ...], bool]) -> None:
    """Ten seconds after 200 faulty calls no more connections are open than the callers at once could have needed.

    What is never closed fills the pool, and one day every caller waits for a connection that nobody gives back.
    """
    faults, stream = case
    await stage.weather(always(*faults))
    if stage.contract.breaker is None:
        calls = [call for _ in range(ROUNDS) for call in await stage.calls(AT_ONCE, stream=stream, patience=PATIENCE)]
    else:
        async with company(stage, every=COMPANY) as apart:
            count, every = ROUNDS * AT_ONCE, APART * apart
            calls = await stage.calls(count, every=every, stream=stream, patience=PATIENCE)
    # On a machine that stands still a breaker opens all the same, and one that is not promised may open any time.
    calls = [call for call in calls if stage.exchanges(call)]
    await stage.sleep(10.0)
    stage.count_connections()
    expect(calls).to(releases, at_most=SPARE * max(AT_ONCE, _at_once(stage.history.calls)))


@scenario("connect.reset-on-accept", MUST)
async def reset_on_accept(stage: Stage) -> None:
    """A connection that is reset as soon as it stands is tried again, and the caller has the answer."""
    await stage.weather(first(1, ResetOnAccept()), at=stage.primary)
    before = len(stage.primary.arrivals)
    call = await stage.call()
    if not any(arrival.door == "reset" for arrival in stage.primary.arrivals[before:]):
        stage.does_not_apply("the call made no connection of its own")
    expect(call).answered()


@scenario("connect.dns-like-refused", MUST, seconds=10)
async def refused(stage: Stage) -> None:
    """An endpoint where nobody listens ends in an error before the deadline, and the error shows nothing of it."""
    await stage.weather(always(Refuse()))
    call = await stage.call()
    expect(call).ended().to(tells_nothing)


@scenario(
    "connect.half-response",
    MUST,
    cases={"fin": Cut(how="fin"), "reset": Cut(how="reset")},
    seconds=25,
    source="RFC 9112 8: a message with less than its Content-Length is incomplete",
)
async def half_a_response(stage: Stage, fault: Cut) -> None:
    """A body that ends before its length is a failure: half an answer never reaches the caller as an answer."""
    await stage.weather(always(fault))
    call = await stage.call()
    expect(call).ended().to(no_garbage)


@scenario(
    "connect.goaway",
    SHOULD,
    cases={"refused-stream": (RefuseStream(), 1), "goaway": (Goaway(), 1), "in-flight": (Goaway(), 2)},
    seconds=8,
    source="RFC 9113 6.8, 8.7: what was not processed has not failed, and may be sent again whatever it does",
)
async def what_was_not_processed_is_sent_again(stage: Stage, case: tuple[Fault, int]) -> None:
    """Over HTTP/2, a request that was not processed is sent again, and what is in flight is read to its end.

    Providers recycle connections all day: that costs no caller an answer, and nobody is billed twice for one.
    """
    fault, calls = case
    if not stage.primary.fake.http2:
        stage.does_not_apply("the first provider of the target file does not speak HTTP/2")
    await stage.weather(first(1, fault, every=calls), at=stage.primary)
    if calls == 1:
        made = [await stage.call()]
    else:
        stage.answer(pace=Pace(first=stage.within_deadline(IN_FLIGHT)))
        made = await stage.calls(calls, every=0.2 * IN_FLIGHT)
    _over_http2(stage, made)
    expect(made).answered()
    if calls > 1:
        expect(stage.attempts(made)).to(lets_streams_end)


def _over_http2(stage: Stage, calls: list[Call]) -> None:
    """End the scenario here where calls use no HTTP/2, or share no connection."""
    exchanges = [x for x in stage.exchanges(calls) if x.attempt == 1 and x.fake == stage.primary.fake.name]
    if exchanges and all(exchange.http != "2" for exchange in exchanges):
        stage.does_not_apply("the target speaks HTTP/1.1 with a provider that speaks HTTP/2 too")
    if exchanges and len({exchange.connection for exchange in exchanges}) == len(exchanges) > 1:
        stage.does_not_apply("calls at the same time do not share a connection")


def _at_once(calls: list[Call]) -> int:
    """How many calls were under way at the same time, at most."""
    begun = [(call.started, 1) for call in calls]
    over = [(end, -1) for call in calls if (end := call.ended or call.given_up) is not None]
    under_way = most = 0
    for _, change in sorted(begun + over):
        under_way += change
        most = max(most, under_way)
    return most
