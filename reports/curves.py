"""The curves of a load run: what can be drawn of its points, and the scale of each.

Across is the time, as a percentage of the run; down is a percentage of the height of the panel. A curve is broken where
there is nothing to say of a stretch, such as the latency of answers while nobody was answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .results import LoadPoint, LoadResult
from .wording import dollars, seconds

NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
TICKS = 6
"""About so many times are written below a panel."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a panel; `parts` are the points of its unbroken parts, `dots` those that stand alone."""

    name: str
    kind: str
    parts: list[str]
    dots: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing."""

    title: str
    curves: list[Curve]
    most: str
    """What stands at the top of the scale, and half way."""
    half: str
    ticks: list[tuple[float, str]]
    weather: list[tuple[float, float, str]]
    """Where it begins, how wide it is, and its name."""
    summary: str


def curves(load: LoadResult) -> list[Panel]:
    """Every panel there is."""
    width = load.width
    rate = _Drawn("calls a second", "p0", [point.calls / width for point in load.points])
    errors = _Drawn("failed calls a second", "bad", [point.errors / width for point in load.points])
    answers = [_Drawn("p50", "p0", _each(load, "p50")), _Drawn("p95", "p1", _each(load, "p95"))]
    tried = [point.attempts / point.calls if point.calls else None for point in load.points]
    spent = [float(point.microdollars) for point in load.points]
    return [
        _panel(load, "Calls that began", [rate, errors], lambda value: f"{value:g} /s"),
        _panel(load, "How long an answer took", answers, seconds),
        _panel(load, "Requests for each call", [_Drawn("requests", "p3", tried)], lambda value: f"{value:g}"),
        _panel(load, "Billed so far", [_Drawn("dollars", "p2", spent)], lambda value: dollars(round(value))),
    ]


@dataclass(frozen=True, slots=True)
class _Drawn:
    name: str
    kind: str
    values: Sequence[float | None]


def _each(load: LoadResult, name: str) -> list[float | None]:
    return [getattr(point, name) for point in load.points]


def _panel(load: LoadResult, title: str, drawn: list[_Drawn], written: Callable[[float], str]) -> Panel:
    known = [value for one in drawn for value in one.values if value is not None]
    top = _nice(max(known, default=0.0))
    lines = [_curve(one, load.points, _length(load), load.width, top) for one in drawn]
    worst = ", ".join(
        f"{one.name} at most {written(max((v for v in one.values if v is not None), default=0.0))}" for one in drawn
    )
    return Panel(title, lines, written(top), written(top / 2), _ticks(load), _weather(load), f"{title}: {worst}.")


def _curve(drawn: _Drawn, points: list[LoadPoint], length: float, width: float, top: float) -> Curve:
    parts: list[list[tuple[float, float]]] = [[]]
    for point, value in zip(points, drawn.values, strict=True):
        if value is None:
            parts.append([])
        else:
            across = min((point.at + width / 2) / length, 1.0) * 100
            parts[-1].append((round(across, 2), round(100 - 100 * value / top, 2)))
    lines = [" ".join(f"{x:g},{y:g}" for x, y in part) for part in parts if len(part) > 1]
    return Curve(drawn.name, drawn.kind, lines, [part[0] for part in parts if len(part) == 1])


def _length(load: LoadResult) -> float:
    return max(len(load.points) * load.width, load.seconds, load.width)


def _nice(most: float) -> float:
    """The next round figure."""
    if most <= 0:
        return 1.0
    unit = 1.0
    while unit > most:
        unit /= 10
    while unit * 10 < most:
        unit *= 10
    return next(unit * step for step in NICE if unit * step >= most * 0.999)


def _ticks(load: LoadResult) -> list[tuple[float, str]]:
    length = _length(load)
    step = _nice(length / TICKS)
    return [
        (round(100 * number * step / length, 2), seconds(number * step) if number else "0")
        for number in range(int(length / step) + 1)
    ]


def _weather(load: LoadResult) -> list[tuple[float, float, str]]:
    length = _length(load)
    return [
        (round(100 * spell.start / length, 2), round(100 * (spell.end - spell.start) / length, 2), spell.name)
        for spell in load.weather
    ]
