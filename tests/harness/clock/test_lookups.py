"""Programs that look functions up by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brownout.harness.clock import WarpClock

from .conftest import COMPILER

READ_FROM_THE_C_LIBRARY = """
import ctypes, time
class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]
found = Timespec()
ctypes.CDLL("libc.so.6").clock_gettime(time.CLOCK_MONOTONIC, ctypes.byref(found))
print(time.monotonic() - found.seconds)
"""

# A library that stands in front of getpid and asks for the one behind it.
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/types.h>
pid_t getpid(void)
{
    pid_t (*behind)(void) = (pid_t (*)(void))dlsym(RTLD_NEXT, "getpid");
    return behind == getpid ? -1 : behind() + 1000000000;
}
"""


def test_a_function_found_in_the_c_library_reads_target_time(clock: WarpClock) -> None:
    """A program that looks clock_gettime up in the C library itself reads the clock that everything else does."""
    clock.leap(86400)

    told = subprocess.run(
        [sys.executable, "-c", READ_FROM_THE_C_LIBRARY],
        env=clock.environment(os.environ),
        check=True,
        capture_output=True,
    )

    assert abs(float(told.stdout)) < 3600


def test_the_next_function_is_the_next_one_of_who_asks(clock: WarpClock, tmp_path: Path) -> None:
    """Another preloaded library finds what stands behind itself, not behind ours."""
    if COMPILER is None:
        pytest.skip("the other library is compiled here, and there is no C compiler")
    (tmp_path / "shim.c").write_text(SHIM)
    shim = tmp_path / "shim.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", tmp_path / "shim.c", "-o", shim, "-ldl"], check=True)

    told = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        env=clock.environment({**os.environ, "LD_PRELOAD": str(shim)}),
        check=True,
        capture_output=True,
    )

    assert int(told.stdout) > 1000000000
