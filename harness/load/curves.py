"""From a ledger to figures and curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil

from ...reports.results import Latency, LoadPoint, LoadResult, LoadSpell
from ..checks.loads import foul_weather, in_fair_weather
from ..checks.samples import quantile
from ..history import Call, History
from .ledger import Ledger
from .profile import Profile

POINTS = 90
"""About so many points a curve has."""
WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


def told(
    ledger: Ledger,
    frame: History,
    profile: Profile,
    experienced: Mapping[str, int],
    cpu_seconds: dict[str, float],
    history: str,
) -> LoadResult:
    """Everything that is reported of a run besides its verdicts."""
    calls, exchanges = ledger.calls, ledger.exchanges
    begun = next((event.at for event in frame.events if event.what == "users"), 0) / 1e9
    latency = _latencies(calls)
    latency["between tokens"] = _latency(ledger.gaps)
    last = max((_end(call) for call in calls), default=begun)
    width = next((wide for wide in WIDTHS if (last - begun) / wide <= POINTS), WIDTHS[-1])
    return LoadResult(
        profile.name,
        profile.about,
        profile.users,
        round(max(last - begun, 0.0), 3),
        len(calls),
        len(exchanges),
        sum(not call.done for call in calls),
        latency,
        _latencies(in_fair_weather(calls, frame)),
        dict(experienced),
        sum((x.trouble or "").startswith("rate_limited") and not x.faults for x in exchanges),
        sum(exchange.microdollars for exchange in exchanges),
        round(frame.heading.noise, 3),
        {name: round(seconds, 2) for name, seconds in cpu_seconds.items()},
        width,
        _points(ledger, begun, last, width),
        _weather(frame, begun, last),
        history,
    )


def _latencies(calls: Iterable[Call]) -> dict[str, Latency]:
    answered = [call for call in calls if call.done]
    streams = [call for call in answered if call.stream]
    return {
        "answers": _latency([call.took or 0.0 for call in answered if not call.stream]),
        "streams": _latency([call.took or 0.0 for call in streams]),
        "first tokens": _latency([(call.chunks[0].at - call.started) / 1e9 for call in streams if call.chunks]),
    }


def _latency(waits: Sequence[float]) -> Latency:
    if not waits:
        return Latency(0)
    middle, high, higher = (round(quantile(waits, share), 4) for share in (0.5, 0.95, 0.99))
    return Latency(len(waits), middle, high, higher, round(max(waits), 4))


def _points(ledger: Ledger, begun: float, last: float, width: float) -> list[LoadPoint]:
    points = [LoadPoint(number * width) for number in range(max(1, ceil((last - begun) / width)))]

    def place(seconds: float) -> int:
        return min(max(int((seconds - begun) / width), 0), len(points) - 1)

    waits: list[list[float]] = [[] for _ in points]
    of_call: dict[str | None, int] = {}
    for call in ledger.calls:
        number = of_call[call.canary] = place(call.start_seconds)
        points[number].calls += 1
        points[number].errors += not call.done
        if call.done:
            waits[number].append(call.took or 0.0)
    billed: Counter[int] = Counter()
    for exchange in ledger.exchanges:
        billed[place(exchange.end_seconds)] += exchange.microdollars
        if exchange.canary in of_call:
            points[of_call[exchange.canary]].attempts += 1
    spent = 0
    for number, (point, taken) in enumerate(zip(points, waits, strict=True)):
        point.microdollars = spent = spent + billed[number]
        if taken:
            point.p50, point.p95 = round(quantile(taken, 0.5), 4), round(quantile(taken, 0.95), 4)
    return points


def _weather(frame: History, begun: float, last: float) -> list[LoadSpell]:
    names = [e.details.get("name", "") for e in frame.events if e.what == "weather" and e.details.get("rules")]
    return [
        LoadSpell(name, round(since - begun, 3), round(min(until, last) - begun, 3))
        for name, (since, until) in zip(names, foul_weather(frame), strict=True)
    ]


def _end(call: Call) -> float:
    return max(at for at in (call.ended, call.given_up, call.cancelled, call.started) if at is not None) / 1e9
