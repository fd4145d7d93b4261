"""Target time: an hour of failure in a minute of wall time, on the target's real binary.

A small library (`warp.c` and its neighbours) is preloaded into the target's processes and scales every clock they read
and every wait they make, by a control block that they share with the harness. The engine uses it like this:

1. `unavailable()` says why there is no target time on this machine, and `why_not_program(command[0])` why a program is
   out of reach: statically linked, setuid, Go, another C library. Then the run is in real time, and says so.
2. One `WarpClock()` for each scenario. It is a `fakes.clock.Clock`, so the fakes and the callers take it as theirs.
   Start the target with `clock.environment(base)`. The clock begins in real time: imports cost what they cost.
3. Once the target is ready, `await why_not_target(clock, pid, exchange)`: None means that the running target lives on
   this clock, wholly; anything else is the reason to start it again in real time. `await why_not_family(clock, pid)`
   after the scenario finds children that started late and do not. `await rests(clock, within)` says whether its time
   can leap: then `clock.leaps = True` and `async with leaping(clock)` around the scenario. Otherwise `clock.rate = 50`.
4. `async with Metronome(clock) as metronome` around the scenario; `metronome.noise()` and `cpu_seconds(pid)` times the
   rate are what its figures may be off by, in target seconds. Where a check needs better, run it again at 20, 5, 1.
5. `clock.leap(seconds)` lets a day pass at once. `clock.rate` may change at any moment; both reach every sleeper, here
   and in the target, within milliseconds.
6. `clock.close()`. A harness that crashes leaves no files: the control block has no name on any disk.

A worker that imports a Python target once and forks for each scenario is started with `preloading(base)`, which warps
nothing, and its child joins the scenario's clock with `attach(clock.path)` from `attach.py`.

Left alone: CPU clocks, file times, waits without an end, ppoll and pselect6 through `syscall()`, semtimedop, io_uring,
whose timeouts pass in wall time, and who calls the kernel without the C library. While a thread is seen in such a wait
nothing leaps.
"""

from .leaps import leaping, rests
from .library import Attached, WarpUnavailableError, unavailable
from .metronome import Metronome, Noise
from .processes import cpu_seconds, family, why_not_family, why_not_process, why_not_target
from .programs import why_not_program
from .warp import WarpClock, preloading

__all__ = [
    "Attached",
    "Metronome",
    "Noise",
    "WarpClock",
    "WarpUnavailableError",
    "cpu_seconds",
    "family",
    "leaping",
    "preloading",
    "rests",
    "unavailable",
    "why_not_family",
    "why_not_process",
    "why_not_program",
    "why_not_target",
]
