"""Lets target time leap to the next moment at which anything happens, whenever nobody has anything to do.

While somebody computes, target time runs as wall time does, so that nothing is magnified: what a target computes, how
late it is woken, how busy the machine is. When the target and the harness are both at rest, all that is left to do is
to wait; and who waits for a moment of target time has said so: the harness in its alarms, the target in the control
block. So time leaps to the first of these moments.

Everybody is at rest when, in this order,

1. all threads of the target's processes sleep, and there are any: one that has died is still to be heard of. And all of
   them have told what they wait for: of one that is not on the clock, if only for a moment, nobody knows it, nor of a
   thread that the kernel says to wait with an end and that has told of none,
2. nothing is under way between two sockets: a busy kernel leaves packets for later. What is held back is let go by a
   timer of the kernel's, so that it is looked for first: later it may have come, and nobody has read it yet,
3. the loop has gone round so often that whatever the target had sent by then has been read, and what follows from it
   here has been done: each round takes a message one step further,
4. nothing is under way, and no thread of the target has run meanwhile.

Nothing leaps for a target that has connected to somebody who lives in wall time, such as a database: all seem to rest
while that one works. Nor for one that has the kernel keep a timer (an alarm, say) and takes SIGURG for itself or blocks
it, so that the timer cannot be moved, or where the kernel does not say what is under way; and it is not worth while for
one that never rests for long, such as a JVM, which wakes twenty times a second by itself. `stranger` and `rests` say
so, and the engine makes time run faster instead.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ...fakes.clock import Clock
from .alarms import NEVER, SECOND, Alarms
from .library import library
from .metronome import REAL_TIME
from .warp import WarpClock

ROUNDS = 25
"""Rounds of the loop: the longest way of a message from its file to the scenario has about ten steps."""
SOON, LATE = SECOND * 3 // 10_000, SECOND // 1000
"""Nanoseconds of wall time between two looks, shortly after something has happened and later."""
TOGETHER = SOON // 2
"""Looks that are due within so many nanoseconds are made at once, and share the rounds."""
LEAST, WORTH = SECOND // 1000, SECOND * 80 // 1000
"""Nanoseconds of target time: the shortest leap, and how far a target at rest has to let time leap to be worth it."""
HELD_BACK = SECOND // 5
"""How far a leap is looked at twice: a small piece may be held back for 40 ms."""


@dataclass(slots=True)
class _Look:
    """When a clock is to be looked at."""

    at: int = 0
    pause: int = SOON


@dataclass(frozen=True, slots=True)
class _Rest:
    """What was seen of a clock at which everybody rests: how often they have run, and how far time could leap."""

    clock: WarpClock
    runs: int
    ahead: int


class _Leaper:
    """Looks at the clocks of one loop: those of all the scenarios that are under way."""

    def __init__(self) -> None:
        self.clocks: dict[WarpClock, _Look] = {}
        self.task = asyncio.ensure_future(self._leap())

    async def _leap(self) -> None:
        awake = asyncio.Event()
        alarms = Alarms(asyncio.get_running_loop(), time.monotonic_ns, lambda: REAL_TIME)
        try:
            while True:
                awake.clear()
                alarms.plan(min(look.at for look in self.clocks.values()), awake.set, ())
                await awake.wait()
                now = time.monotonic_ns() + TOGETHER
                looks = {clock: look for clock, look in self.clocks.items() if look.at <= now}
                leapt = await self._leapt(list(looks))
                now = time.monotonic_ns()
                for clock, look in looks.items():
                    look.pause = SOON if clock in leapt else min(2 * look.pause, LATE)
                    look.at = now + look.pause
        finally:
            alarms.close()

    async def _leapt(self, clocks: Sequence[WarpClock]) -> list[WarpClock]:
        """The clocks at which everybody was at rest, whose time has leapt to where they wait for."""
        leapt: list[WarpClock] = []
        # In this order: a piece that is let go between the two looks is a packet at the second one, or has arrived.
        resting = _let_go([rest for clock in clocks if (rest := _rest(clock)) is not None])
        if not resting or library().packets_wait() is not False:
            return leapt
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
        if library().packets_wait() is not False:
            return leapt
        for rest in resting:
            clock = rest.clock
            # Whoever has run since then may have said something; who runs now is about to.
            moment = clock.next
            if clock not in self.clocks or moment is None or moment == NEVER or not clock.leaps or clock.busy:
                continue
            ahead = moment - clock.nanoseconds()
            if ahead < LEAST or ahead > HELD_BACK >= rest.ahead or clock.runs != rest.runs:
                continue
            clock.leap(ahead / SECOND)
            leapt.append(clock)
        return leapt


def _rest(clock: WarpClock) -> _Rest | None:
    if not clock.leaps or clock.busy or clock.stranger is not None:
        return None
    if (runs := clock.runs) is None or (moment := clock.next) is None:
        return None
    ahead = moment - clock.nanoseconds()
    return _Rest(clock, runs, ahead) if ahead >= LEAST else None


def _let_go(resting: list[_Rest]) -> list[_Rest]:
    """Those that can leap as far as they are asked to, since nothing is held back on its way to or from them."""
    far = [rest.clock for rest in resting if rest.ahead > HELD_BACK]
    held_back = library().pieces_wait
    if not far or held_back(port for clock in far for port in clock.ports) is False:
        return resting
    return [rest for rest in resting if rest.ahead <= HELD_BACK or held_back(rest.clock.ports) is False]


_LEAPERS: dict[asyncio.AbstractEventLoop, _Leaper] = {}


@asynccontextmanager
async def leaping(clock: Clock) -> AsyncIterator[None]:
    """Let a clock leap, as long as this is entered and `clock.leaps` says that it may."""
    if not isinstance(clock, WarpClock):
        yield
        return
    loop = asyncio.get_running_loop()
    leaper = _LEAPERS.get(loop)
    if leaper is None:
        leaper = _LEAPERS[loop] = _Leaper()
    leaper.clocks[clock] = _Look()
    try:
        yield
    finally:
        del leaper.clocks[clock]
        if not leaper.clocks:
            del _LEAPERS[loop]
            leaper.task.cancel()
            await asyncio.gather(leaper.task, return_exceptions=True)


async def rests(clock: WarpClock, within: float) -> bool:
    """Whether a target that has nothing to do comes to rest, so that its time can leap; `within` is in wall seconds."""
    if library().packets_wait() is None or library().pieces_wait(clock.ports) is None:
        return False
    for _ in range(round(within * SECOND / LATE)):
        if _far(clock) and (runs := clock.runs) is not None and _far(clock) and clock.runs == runs:
            return True
        await asyncio.sleep(LATE / SECOND)
    return False


def _far(clock: WarpClock) -> bool:
    moment = clock.next
    return moment is not None and moment - clock.nanoseconds() >= WORTH
