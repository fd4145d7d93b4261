"""Target time that passes faster than wall time, for a target that was started with this clock's environment."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from .alarms import NEVER, SECOND, Alarm, Alarms
from .library import RATE_ONE, Attached, library

LEAST_RATE, MOST_RATE = 1.0, 1000.0
BLOCK_NAME = "memfd:brownout-clock"


class WarpClock:
    """The clock of one scenario, shared with the processes of its target.

    It starts in real time. Setting `rate` and leaping reach at once whoever waits on it, here and in the target.
    Closing it leaves nothing behind: the control block has no name on any disk, and is gone with the last process that
    shares it.
    """

    def __init__(self) -> None:
        self._library = library()
        self._file, self._address = self._library.create()
        self._line = self._library.line(self._address)
        self._alarms: dict[asyncio.AbstractEventLoop, Alarms] = {}
        self._lock = threading.Lock()
        self._open = True
        self.leaps = False
        """Whether target time may leap while nobody has anything to do; see `leaps.py`."""
        self.busy = 0
        """How much the harness does outside its loop, in a thread or in the kernel, that it will hear of."""
        self.keeper = 0
        """The process above all of the target's, which tells of their end; 0 where there is none."""
        self.ports: set[int] = set()
        """Where the target and those it talks to listen: what is under way there is something to do, too."""

    @property
    def rate(self) -> float:
        """Target seconds that pass in one wall second."""
        return self._line.rate / RATE_ONE

    @rate.setter
    def rate(self, rate: float) -> None:
        if not LEAST_RATE <= rate <= MOST_RATE:
            raise ValueError(f"a rate is between {LEAST_RATE:g} and {MOST_RATE:g}, and {rate:g} is not")
        self._change(round(rate * RATE_ONE), 0)

    def leap(self, seconds: float) -> None:
        """Let target time pass at once; what falls due by that happens now."""
        if not 0 <= seconds < NEVER / SECOND:
            raise ValueError(f"a leap goes forward, and {seconds:g} s does not")
        self._change(self._line.rate, round(seconds * SECOND))

    @property
    def next(self) -> int | None:
        """The first moment of target time for which anybody waits, here or in the target, `NEVER` where nobody does.

        None where that cannot be told.
        """
        theirs = self._library.next_wait(self._address) if self._open else None
        if theirs is None:
            return None
        ours = (due for alarms in self._alarms.values() if (due := alarms.next) is not None)
        return min(theirs, NEVER, *ours)

    @property
    def runs(self) -> int | None:
        """How often the target's processes have run so far; None unless all are at rest, and there are any."""
        return self._library.runs(self._address, self.keeper) if self._open else None

    @property
    def stranger(self) -> str | None:
        """Somebody whom the target has connected to and who lives in wall time: neither a fake nor of its own."""
        return self._library.stranger(self._address, self.ports) if self._open else None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Target time does not leap meanwhile: the harness does something outside its loop, or waits in wall time."""
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1

    def nanoseconds(self) -> int:
        """Monotonic target time in nanoseconds, the target's own CLOCK_MONOTONIC."""
        return self._line.at(time.monotonic_ns())

    def epoch(self) -> float:
        """The date in target time, in seconds since 1970 (UTC)."""
        return (self.nanoseconds() + self._line.date_offset) / SECOND

    def wall(self, seconds: float) -> float:
        """How many wall seconds a target duration takes at the present rate."""
        return seconds / self.rate

    async def sleep(self, seconds: float) -> None:
        """Wait for a target duration."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        alarm = self.call_later(seconds, _wake, woken)
        try:
            await woken
        finally:
            alarm.cancel()

    def call_later(self, seconds: float, callback: Callable[..., object], *args: Any) -> Alarm:
        """Call `callback(*args)` in the running loop after a target duration."""
        due = self.nanoseconds() + int(min(max(seconds, 0) * SECOND, NEVER))
        loop = asyncio.get_running_loop()
        with self._lock:
            alarms = self._alarms.get(loop)
            if alarms is None:
                alarms = self._alarms[loop] = Alarms(loop, self.nanoseconds, lambda: self._line)
        return alarms.plan(due, callback, args)

    @property
    def path(self) -> str:
        """Where a process of the target finds the control block, as long as this clock is open."""
        return f"/proc/{os.getpid()}/fd/{self._file}"

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment to start a target with: `base`, the library, and this clock's control block."""
        return {**preloading(base), "BROWNOUT_CLOCK": self.path}

    def attached(self) -> list[Attached]:
        """The living processes that share this clock, and what each did with it since this was last asked."""
        return self._library.attached(self._address) if self._open else []

    def shared_by(self, maps: str) -> bool:
        """Whether a process whose /proc/PID/maps this is has mapped the control block."""
        status = os.fstat(self._file)
        block = f" {os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x} {status.st_ino} "
        return any(block in line and BLOCK_NAME in line for line in maps.splitlines())

    @property
    def attaches(self) -> int:
        """How many programs and forked processes have ever joined this clock."""
        return self._library.attaches(self._address) if self._open else 0

    def close(self) -> None:
        """Nothing planned happens any more, and no process can join; those that share the clock keep it."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            for alarms in self._alarms.values():
                alarms.close()
            self._alarms.clear()
            self._library.unmap(self._address)
            os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _change(self, rate: int, leap: int) -> None:
        with self._lock:
            if not self._open:
                raise RuntimeError("this clock is closed")
            self._line = self._library.change(self._address, rate, leap)
            for alarms in self._alarms.values():
                alarms.changed()


def preloading(base: Mapping[str, str]) -> dict[str, str]:
    """An environment in which programs load the library and stay in real time until they attach to a clock."""
    earlier = base.get("LD_PRELOAD")
    preload = library().preload
    return {**base, "LD_PRELOAD": f"{preload}:{earlier}" if earlier else preload}


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
