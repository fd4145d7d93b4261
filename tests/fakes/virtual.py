"""Time that jumps.

On a `VirtualLoop` nothing waits: when the loop has nothing to do, its time jumps to the next thing that was planned. A
`VirtualClock` tells the time of such a loop, so that an hour of target time takes no time at all and every duration is
exact. Sockets still take real time: where the loop watches some, it listens to them for `GRACE_SECONDS` before it
jumps.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

GRACE_SECONDS = 0.002
# Who jumps that far waits for what should never come: time to look twice.
FAR_SECONDS, FAR_GRACE_SECONDS = 600.0, 0.05
STUCK_SECONDS = 5.0
# The date on which virtual time begins: 2026-11-21 10:00:00 UTC.
EPOCH = 1795255200.0
# A loop watches one socket of its own, by which other threads wake it.
OWN_SOCKETS = 1


class _JumpingSelector(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events and timeout != 0 and len(self.get_map()) > OWN_SOCKETS:
            far = timeout is None or timeout > FAR_SECONDS
            events = super().select(FAR_GRACE_SECONDS if far else GRACE_SECONDS)
        if events or timeout == 0:
            return events
        if timeout is None or timeout < 0:
            events = super().select(STUCK_SECONDS)
            if not events:
                raise RuntimeError("the loop waits for what will never come")
            return events
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps over its waits."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since the loop was made, waits included."""
        return self._jumping.now


class VirtualClock:
    """The time of the running `VirtualLoop`."""

    rate = 1.0

    def nanoseconds(self) -> int:
        """Nanoseconds since the loop was made."""
        return round(asyncio.get_running_loop().time() * 1e9)

    def epoch(self) -> float:
        """The date, in seconds since 1970."""
        return EPOCH + asyncio.get_running_loop().time()

    def wall(self, seconds: float) -> float:
        """The same number: the loop's own waits are as long as the clock's."""
        return seconds

    async def sleep(self, seconds: float) -> None:
        """Jump."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Call back when everything before it has been done."""
        return asyncio.get_running_loop().call_later(seconds, callback, *args)


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
