"""Measures how late this machine wakes those who wait.

A check that judges a figure needs to know how much of it may be noise. Noise is wall time times the rate: a millisecond
of scheduling is a twentieth of a second of target time at rate 50. So a metronome beats in the harness's own event loop
while a scenario runs, and says for any part of it how late its beats came. It tells of the machine and of the harness;
what the target's own computing costs is `cpu_seconds`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from array import array
from dataclasses import dataclass
from itertools import compress
from types import TracebackType
from typing import Self

from ...fakes.clock import Clock, Handle
from .alarms import SECOND, Alarms
from .library import RATE_ONE, Line

EVERY = 5_000_000  # nanoseconds of wall time: fine enough to meet a stall, and under half a percent of a core

REAL_TIME = Line(wall=0, target=0, rate=RATE_ONE, date_offset=0)


@dataclass(frozen=True, slots=True)
class Noise:
    """How late wake-ups came, in seconds of target time."""

    beats: int
    median: float
    p99: float
    worst: float


class Metronome:
    """Beats while it is entered, and knows how late each beat came."""

    def __init__(self, clock: Clock, every: int = EVERY) -> None:
        self._clock = clock
        self._every = every
        self._moments = array("q")
        self._lateness = array("d")
        self._alarms: Alarms | None = None
        self._next: Handle | None = None
        self._due = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        if sys.platform == "linux":
            self._alarms = Alarms(loop, time.monotonic_ns, lambda: REAL_TIME)
        self._due = time.monotonic_ns()
        self._plan()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._next:
            self._next.cancel()
        if self._alarms:
            self._alarms.close()

    def noise(self, since: int = 0, until: int | None = None) -> Noise:
        """The noise of the whole time, or between two moments of the clock in nanoseconds."""
        chosen = (since <= moment and (until is None or moment <= until) for moment in self._moments)
        late = sorted(compress(self._lateness, chosen))
        if not late:
            return Noise(0, 0.0, 0.0, 0.0)
        return Noise(len(late), late[len(late) // 2], late[len(late) * 99 // 100], late[-1])

    def _plan(self) -> None:
        now = time.monotonic_ns()
        self._due = max(self._due + self._every, now)
        if self._alarms:
            self._next = self._alarms.plan(self._due, self._beat, ())
        else:
            loop = asyncio.get_running_loop()
            self._next = loop.call_later((self._due - now) / SECOND, self._beat)

    def _beat(self) -> None:
        late = max(0, time.monotonic_ns() - self._due) / SECOND
        self._moments.append(self._clock.nanoseconds())
        self._lateness.append(late * self._clock.rate)
        self._plan()
