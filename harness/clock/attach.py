"""Moves a running process to a scenario's clock.

For a worker that is started with `preloading(...)`, imports a target once, and forks a child for each scenario. It
imports nothing of this package, so that it works in the target's own interpreter.
"""

from __future__ import annotations

import os


def attach(path: str) -> bool:
    """Join the control block at `path` (`WarpClock.path`), and all that this process starts from here on.

    Call it in the forked child. False when the library was not preloaded or the clock is closed: then the child stays
    in real time.
    """
    try:
        import ctypes  # noqa: PLC0415 - some interpreters are built without it, and then this is real time

        attached: int = ctypes.CDLL(None).brownout_clock_attach(os.fsencode(path))
    except (ImportError, OSError, AttributeError):
        return False
    os.environ["BROWNOUT_CLOCK"] = path
    return attached == 0
