"""What time it is for the target.

Every duration in Brownout is target time. The fakes read it and wait in it through a `Clock` and through nothing
else, so that the same script plays in real time, in scaled time and in virtual time. This module and
`harness/clock` are the only ones that ask the operating system for the time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable


class Handle(Protocol):
    """Something that was planned and can be called off."""

    def cancel(self) -> None:
        """Call it off; harmless when it has happened already."""


class Clock(Protocol):
    """Maps wall time to target time."""

    @property
    def rate(self) -> float:
        """Target seconds that pass in one wall second."""

    def nanoseconds(self) -> int:
        """Monotonic target time in nanoseconds; only differences mean anything."""

    def epoch(self) -> float:
        """The date in target time, in seconds since 1970 (UTC)."""

    def wall(self, seconds: float) -> float:
        """How many wall seconds a target duration takes at the present rate."""

    async def sleep(self, seconds: float) -> None:
        """Wait for a target duration."""

    def call_later(self, seconds: float, callback: Callable[..., object], *args: Any) -> Handle:
        """Call `callback(*args)` in the running loop after a target duration."""


@runtime_checkable
class PausingClock(Protocol):
    """A clock that can also wait where no event loop runs."""

    def pause(self, seconds: float) -> None:
        """Wait for a target duration and let nothing else happen meanwhile."""


class RealClock:
    """Target time is wall time."""

    rate = 1.0

    def nanoseconds(self) -> int:
        """Monotonic time in nanoseconds."""
        return time.monotonic_ns()

    def epoch(self) -> float:
        """The date in seconds since 1970 (UTC)."""
        return time.time()

    def wall(self, seconds: float) -> float:
        """The same number: nothing is scaled."""
        return seconds

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Call `callback(*args)` in the running loop after `seconds`."""
        return asyncio.get_running_loop().call_later(seconds, callback, *args)

    def pause(self, seconds: float) -> None:
        """Wait, and block the thread."""
        time.sleep(seconds)


class JumpingClock:
    """Time that passes only by waiting: each wait is over at once, and it is so much later.

    For one caller at a time, without a socket: an hour takes no time, and every figure is exact. Callers that wait side
    by side would each move the time for all of them.
    """

    rate = 1.0

    def __init__(self, epoch: float = 0.0) -> None:
        self._epoch = epoch
        self._now = 0

    def nanoseconds(self) -> int:
        """How long was waited so far, in nanoseconds."""
        return self._now

    def epoch(self) -> float:
        """The date in seconds since 1970 (UTC)."""
        return self._epoch + self._now / 1e9

    def wall(self, seconds: float) -> float:
        """Nothing: waits take no time."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Jump, when everything that is ready has been done."""
        await asyncio.sleep(0)
        self.pause(seconds)

    def call_later(self, seconds: float, callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        """Jump and call `callback(*args)`, when everything that is ready has been done."""
        return asyncio.get_running_loop().call_soon(self._arrive, self._now + round(seconds * 1e9), callback, args)

    def pause(self, seconds: float) -> None:
        """Jump."""
        self._now += max(0, round(seconds * 1e9))

    def _arrive(self, at: int, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._now = max(self._now, at)
        callback(*args)
