"""The library on arm64: compiled by a cross compiler, and run by an emulator, where these are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from brownout.harness import clock as package
from brownout.harness.clock import WarpClock

from .conftest import PROGRAMS
from .test_waits import LATE, OUTCOMES, SOME, read

SOURCES = sorted(Path(package.__file__).parent.glob("*.c"))
COMPILER = shutil.which("aarch64-linux-gnu-gcc")
EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
ROOT = "/usr/aarch64-linux-gnu"


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library, compiled without a warning, and the program that waits in every way."""
    if COMPILER is None:
        pytest.skip("aarch64-linux-gnu-gcc is not installed")
    folder = tmp_path_factory.mktemp("arm64")
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-fexceptions", "-pthread"]
    library = ["-fPIC", "-shared", *SOURCES, "-o", folder / "libwarp.so", "-Wl,-z,now", "-ldl"]
    subprocess.run([COMPILER, *flags, *library], check=True)
    subprocess.run([COMPILER, "-O1", "-pthread", PROGRAMS / "waits.c", "-o", folder / "waits", "-lrt"], check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOME)
def test_a_wait_takes_its_time_in_target_time(kind: str, clock: WarpClock, build: Path) -> None:
    """At rate 50 a wait of 5 s takes 5 s by both clocks of an emulated program, and not of ours."""
    if EMULATOR is None:
        pytest.skip("qemu-aarch64 is not installed")
    clock.rate = 50
    preload = ["-E", f"LD_PRELOAD={build / 'libwarp.so'}", "-E", f"BROWNOUT_CLOCK={clock.path}"]
    before = clock.nanoseconds()

    run = [EMULATOR, "-L", ROOT, *preload, build / "waits", kind, "5"]
    wait = read(subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip())

    assert wait.outcome == OUTCOMES.get(kind, "0 0")
    assert 5 <= wait.own <= 5 + LATE
    assert 5 <= wait.monotonic <= (clock.nanoseconds() - before) / 1e9
