"""A harness that crashes leaves nothing behind, and where there is no library there is a reason."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brownout.harness.clock import WarpClock, WarpUnavailableError
from brownout.harness.clock.library import PATH, Library

SEQUENCE = 8  # where block.h has the number that is odd while a change is going on
HARNESS = """
import os, signal, subprocess, sys
from brownout.harness.clock import WarpClock
clock = WarpClock()
clock.rate = 50
code = "import time; print('up', flush=True); input(); time.sleep(5); print('slept')"
target = subprocess.Popen([sys.executable, "-c", code], env=clock.environment(os.environ), stdout=subprocess.PIPE)
target.stdout.readline()
print(clock.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def files_of_ours() -> set[Path]:
    """What a control block with a name would be found by."""
    places = [Path("/dev/shm"), Path("/tmp")]  # noqa: S108 - looked into, not written to
    return {entry for place in places if place.is_dir() for entry in place.iterdir() if "brownout-clock" in entry.name}


def test_a_harness_that_is_killed_leaves_no_control_files(clock: WarpClock) -> None:
    """The control block has no name, and the way to it is gone with the harness that was killed."""
    before = files_of_ours()

    harness = subprocess.run(
        [sys.executable, "-c", HARNESS], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )

    assert harness.returncode == -9
    assert harness.stdout.startswith("/proc/")
    assert not Path(harness.stdout.strip()).exists()
    assert files_of_ours() == before


def test_a_harness_that_dies_while_it_changes_the_clock_stops_nobody(clock: WarpClock) -> None:
    """A control block whose change was never finished tells the time by what held before, and waits end."""
    clock.leap(86400)
    file = os.open(clock.path, os.O_RDWR)
    with mmap.mmap(file, 0) as block:
        block[SEQUENCE] |= 1
    os.close(file)

    told = subprocess.run(
        [sys.executable, "-c", "import time; time.sleep(0.2); print(time.monotonic())"],
        env=clock.environment(os.environ),
        check=True,
        capture_output=True,
    )

    assert abs(float(told.stdout) - clock.nanoseconds() / 1e9) < 3600


class TestALibraryThatIsNotThere:
    def test_is_said_not_to_have_been_built(self, tmp_path: Path) -> None:
        """Without the file the reason is that it was not built, and what building it needs."""
        with pytest.raises(WarpUnavailableError, match="was not built when brownout was installed"):
            Library(tmp_path / "libwarp.so")

    def test_is_said_to_be_broken(self, tmp_path: Path) -> None:
        """A file that is no library is named, with the linker's own words."""
        broken = tmp_path / "libwarp.so"
        broken.write_bytes(b"not a library")

        with pytest.raises(WarpUnavailableError, match="cannot be loaded"):
            Library(broken)


def test_a_path_with_a_blank_can_be_preloaded(clock: WarpClock, tmp_path: Path) -> None:
    """The linker splits its list at blanks and colons; a library in such a place is loaded all the same."""
    place = tmp_path / "my project: one"
    place.mkdir()
    (place / PATH.name).write_bytes(PATH.read_bytes())
    clock.leap(86400)

    told = subprocess.run(
        [sys.executable, "-c", "import time; print(time.monotonic())"],
        env={"LD_PRELOAD": Library(place / PATH.name).preload, "BROWNOUT_CLOCK": clock.path},
        capture_output=True,
        check=True,
    )

    assert told.stderr == b""
    assert abs(float(told.stdout) - clock.nanoseconds() / 1e9) < 3600
