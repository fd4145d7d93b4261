"""The event loop that everything runs in: uvloop where it is installed, asyncio's own elsewhere.

Ctrl-C cancels what runs, once: it then stops its targets and says what had finished. asyncio's own way is to raise
KeyboardInterrupt at the second one wherever the program happens to be, which leaves reports unwritten.
Here the second one asks for patience, and the third leaves at once.

What a run has seen it keeps, so that collections find little and look through all of it: they are made seldom.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

from .exits import Exit

Returned = TypeVar("Returned")

SELDOM = 20_000
"""New objects after which the youngest are looked through: measured, a tenth of a run's time less than with 700."""


def run(main: Coroutine[Any, Any, Returned]) -> Returned:
    """Run a coroutine to its end; Ctrl-C and TERM cancel it, and it may still say what had finished."""
    interruption = _Interruption()
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # whoever has another, or ignores it, has a reason
        signal.signal(signal.SIGINT, interruption.pressed)
    usual = gc.get_threshold()
    gc.freeze()  # the modules, which stay
    gc.set_threshold(SELDOM)
    try:
        with asyncio.Runner(loop_factory=_factory()) as runner:
            return runner.run(_terminable(main, interruption))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
        signal.signal(signal.SIGINT, before)


class _Interruption:
    """What Ctrl-C does, the first, the second and the third time."""

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self._times = 0

    def pressed(self, number: int, frame: FrameType | None) -> None:
        """Somebody has pressed Ctrl-C."""
        if self.task is None:
            raise KeyboardInterrupt
        self._times += 1
        if self._times == 1 and not self.task.done():
            self.task.get_loop().call_soon_threadsafe(self.task.cancel)
        elif self._times == 2:
            os.write(2, b"stopping what runs; Ctrl-C once more leaves at once\n")
        elif self._times > 2:
            os._exit(Exit.INTERRUPTED)


async def _terminable(main: Coroutine[Any, Any, Returned], interruption: _Interruption) -> Returned:
    task = asyncio.current_task()
    assert task is not None
    interruption.task = task
    # A CI server that cancels a job sends TERM; the reports of what has finished are wanted then, too.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await main


def _factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415  # it is missing on some platforms
    except ImportError:
        return None
    return uvloop.new_event_loop
