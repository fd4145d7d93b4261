"""Lets target time leap to the next moment at which anything happens, whenever nobody has anything to do.

While somebody computes, target time runs as wall time does, so that nothing is magnified: what a target computes, how
late it is woken, how busy the machine is. When the target and the harness are both at rest, all that is left to do is
to wait; and who waits for a moment of target time has said so: the harness in its alarms, the target in the control
block. So time leaps to the first of these moments.

Everybody is at rest when, in this order,

1. all threads of the target's processes sleep, and there are any: one that has died is still to be heard of,
2. nothing is under way between two sockets: a busy kernel leaves packets for later. What is held back is let go by a
   timer of the kernel's, so that it is looked for first: later it may have come, and nobody has read it yet,
3. the loop has gone round so often that whatever the target had sent by then has been read, and what follows from it
   here has been done: each round takes a message one step further,
4. nothing is under way, and no thread of the target has run meanwhile.

Nothing leaps for a target that the kernel keeps timers for, which tell nobody when they are due, or where the kernel
does not say what is under way; and it is not worth while for one that never rests for long, such as a JVM, which wakes
twenty times a second by itself. `rests` says so, and the engine makes time run faster instead.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ...fakes.clock import Clock
from .alarms import NEVER, SECOND, Alarms
from .metronome import REAL_TIME
from .warp import HELD_BACK, WarpClock

ROUNDS = 25
"""Rounds of the loop: the longest way of a message from its file to the scenario has about ten steps."""
SOON, LATE = 0.0003, 0.001
"""Wall seconds between two looks, shortly after something has happened and later."""
LEAST, WORTH = SECOND // 1000, SECOND * 80 // 1000
"""Nanoseconds of target time: the shortest leap, and how far a target at rest has to let time leap to be worth it."""
FAR = 3600.0
"""Target seconds ahead that every way of looking is asked about, to see whether the kernel answers it."""


@asynccontextmanager
async def leaping(clock: Clock) -> AsyncIterator[None]:
    """Let a clock leap, as long as this is entered and `clock.leaps` says that it may."""
    if not isinstance(clock, WarpClock):
        yield
        return
    leaper = asyncio.ensure_future(_leap(clock))
    try:
        yield
    finally:
        leaper.cancel()
        await asyncio.gather(leaper, return_exceptions=True)


async def _leap(clock: WarpClock) -> None:
    pause = SOON
    awake = asyncio.Event()
    alarms = Alarms(asyncio.get_running_loop(), time.monotonic_ns, lambda: REAL_TIME)
    try:
        while True:
            awake.clear()
            alarms.plan(time.monotonic_ns() + int(pause * SECOND), awake.set, ())
            await awake.wait()
            pause = SOON if clock.leaps and await leapt(clock) else min(2 * pause, LATE)
    finally:
        alarms.close()


async def leapt(clock: WarpClock) -> bool:
    """Whether everybody was at rest, and time has leapt to where they wait for."""
    runs, moment = clock.runs, clock.next
    if runs is None or moment is None or clock.busy:
        return False
    looked = (moment - clock.nanoseconds()) / SECOND
    if clock.under_way(ahead=looked) is not False:
        return False
    for _ in range(ROUNDS):
        await asyncio.sleep(0)
    # Whoever has run since then may have said something; who runs now is about to.
    moment = clock.next
    if moment is None or moment == NEVER or not clock.leaps or clock.busy:
        return False
    ahead = moment - clock.nanoseconds()
    if ahead < LEAST or (ahead / SECOND > HELD_BACK >= looked):
        return False
    if clock.under_way() is not False or clock.runs != runs:
        return False
    clock.leap(ahead / SECOND)
    return True


async def rests(clock: WarpClock, within: float) -> bool:
    """Whether a target that has nothing to do comes to rest, so that its time can leap; `within` is in wall seconds."""
    if clock.under_way(ahead=FAR) is None:
        return False
    for _ in range(round(within / LATE)):
        if clock.runs is not None and (moment := clock.next) is not None and moment - clock.nanoseconds() >= WORTH:
            return True
        await asyncio.sleep(LATE)
    return False
