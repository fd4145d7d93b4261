"""How exact target time is, and what it costs. Prints tables; judges nothing.

    python bench/warp.py [--waits 200] [--rates 20 50] [--languages python node java]

Every figure is of programs that are run as they are and measure themselves: those of tests/harness/clock/programs. For
each kind of wait several processes wait at the same time, so that the whole takes minutes and not an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brownout.harness.clock import WarpClock, leaping, preloading, rests

HERE = Path(__file__).parent
PROGRAMS = HERE.parent / "tests" / "harness" / "clock" / "programs"
SECONDS = 10
PROCESSES = 10
LEAPS = 20
KINDS = {
    "python": [
        *("sleep", "asyncio", "uvloop", "event", "condition", "queue", "future", "socket", "select"),
        *("httpx", "requests", "subprocess"),
    ],
    "node": ["setTimeout", "setInterval", "fetch", "http"],
    "java": ["sleep", "scheduler", "socket", "orTimeout", "monitor", "parkUntil"],
}
IDLE = [("sleep", "python"), ("asyncio", "python"), ("setTimeout", "node"), ("scheduler", "java")]
SLEEPERS = ["nanosleep", "epoll_wait", "sem_clockwait", "cond_monotonic"]


def command(language: str, build: Path) -> list[str]:
    """How a language's program is run; compiled first where that is needed."""
    if language == "python":
        return [sys.executable, str(PROGRAMS / "waits.py")]
    if language == "node":
        return ["node", str(PROGRAMS / "waits.mjs")]
    if not (build / "Waits.class").exists():
        subprocess.run(["javac", "-d", build, PROGRAMS / "Waits.java"], check=True)
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", str(build), "Waits"]


@contextmanager
def running(clock: WarpClock, words: list[str], count: int = 1) -> Iterator[list[subprocess.Popen[str]]]:
    """Programs on a clock, each ready."""
    processes = [
        subprocess.Popen(
            words, env=clock.environment(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout
            process.stdout.readline()
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def tell(process: subprocess.Popen[str]) -> None:
    """Let a program that is ready begin."""
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def accuracy(languages: list[str], rates: list[float], waits: int, build: Path) -> None:
    """The table of errors."""
    print(
        f"\nerror of a wait of {SECONDS} s, in percent: median, 95th percentile, worst; earliest; of {waits} waits each"
    )
    each = max(1, waits // PROCESSES)
    for language in languages:
        for kind in KINDS[language]:
            row = f"{language:7}{kind:12}"
            for rate in rates:
                with (
                    WarpClock() as clock,
                    running(clock, [*command(language, build), kind, str(SECONDS), str(each)], PROCESSES) as processes,
                ):
                    clock.rate = rate
                    for process in processes:
                        tell(process)
                    took = [float(process.stdout.readline()) for _ in range(each) for process in processes]  # type: ignore[union-attr]
                errors = sorted(100 * (wait - SECONDS) / SECONDS for wait in took)
                row += (
                    f"   rate {rate:g}: {statistics.median(errors):5.2f} {errors[len(errors) * 95 // 100]:6.2f}"
                    f" {errors[-1]:6.2f}; {errors[0]:6.3f}"
                )
            print(row, flush=True)


def leaps(languages: list[str], build: Path) -> None:
    """The table of waits that time leaps over, beside the same waits at a rate."""
    print(
        f"\n{LEAPS} waits of {SECONDS} s, one after the other, with leaps: error in percent (median, worst), wall"
        " milliseconds for each, and how many times as fast as wall time that is; the same at rate 50"
    )
    for language in languages:
        for kind in KINDS[language]:
            row = f"{language:7}{kind:12}"
            for rate in (None, 50.0):
                words = [*command(language, build), kind, str(SECONDS), str(LEAPS)]
                with WarpClock() as clock, running(clock, words) as (process,):
                    if rate is None and not asyncio.run(rests(clock, 2.0)):
                        row += "   never rests for long enough"
                        continue
                    took, wall = asyncio.run(_measured(clock, process, rate))
                errors = sorted(100 * (wait - SECONDS) / SECONDS for wait in took)
                each = wall / LEAPS
                error = f"{statistics.median(errors):5.2f} {errors[-1]:5.2f}"
                row += f"   {error}  {1000 * each:6.1f} ms {SECONDS / each:5.0f} x"
            print(row, flush=True)


async def _measured(clock: WarpClock, process: subprocess.Popen[str], rate: float | None) -> tuple[list[float], float]:
    """What a program's waits took to itself, and what all of them took of wall time."""
    clock.rate, clock.leaps = rate or 1.0, rate is None
    assert process.stdout
    began = time.monotonic()
    tell(process)
    async with leaping(clock):
        took = [float(await asyncio.to_thread(process.stdout.readline)) for _ in range(LEAPS)]
    return took, time.monotonic() - began


def cost_of_reading(build: Path) -> None:
    """The table of clock readings."""
    program = build / "read_clock"
    subprocess.run(["cc", "-O2", HERE / "read_clock.c", "-o", program], check=True)

    def nanoseconds(environment: dict[str, str]) -> float:
        told = subprocess.run([program], env=environment, check=True, capture_output=True, text=True)
        return float(told.stdout)

    with WarpClock() as clock:
        clock.rate = 50
        plain = nanoseconds(dict(os.environ))
        loaded = nanoseconds(preloading(os.environ))
        warped = nanoseconds(clock.environment(os.environ))
    print("\none reading of CLOCK_MONOTONIC, in nanoseconds of CPU time")
    print(
        f"plain {plain:.1f}   library loaded {loaded:.1f}   warped {warped:.1f}   warped / plain {warped / plain:.2f}"
    )


def cpu_while(pid: int, seconds: float) -> float:
    """Which part of a core a process uses for so long, in percent; the kernel counts it in nanoseconds."""

    def used() -> int:
        return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())

    before = used()
    time.sleep(seconds)
    return (used() - before) / seconds / 1e7


def cost_of_waiting(languages: list[str], build: Path) -> None:
    """The table of processes that only sleep."""
    program = build / "waits"
    subprocess.run(["cc", "-O1", "-pthread", PROGRAMS / "waits.c", "-o", program, "-lrt"], check=True)
    print("\nCPU of a process whose threads all sleep, in percent of a core; at rate 50 where not said otherwise")
    for kind in SLEEPERS:
        row = f"C      {kind:15}"
        for threads in (1, 4, 32):
            with WarpClock() as clock:
                clock.rate = 50
                words = [program, kind, "100000", str(threads)]
                process = subprocess.Popen(words, env=clock.environment(os.environ), stdout=subprocess.DEVNULL)
                while not any(one.has_waited for one in clock.attached()):
                    time.sleep(0.001)
                row += f"   {threads} threads {cpu_while(process.pid, 2):.2f}"
                process.kill()
                process.wait()
        print(row, flush=True)
    for kind, language in IDLE:
        if language not in languages:
            continue
        words = [*command(language, build), kind, "10000", "1"]
        with WarpClock() as clock, running(clock, words) as (process,):
            tell(process)
            time.sleep(1)  # what a runtime does after its start is no waiting
            slow = cpu_while(process.pid, 2)
            clock.rate = 50
            time.sleep(1)
            print(f"{language:7}{kind:15}   rate 1 {slow:.2f}   rate 50 {cpu_while(process.pid, 2):.2f}", flush=True)


def leap_of_a_day(languages: list[str], build: Path) -> None:
    """The table of sleepers that a leap wakes."""
    print("\nwall milliseconds from a leap of a day until a sleeper of a day has said that it is awake")
    program = build / "waits"  # compiled for the table before
    for kind in SLEEPERS:
        with WarpClock() as clock:
            words = [str(program), kind, "86400", "64"]
            process = subprocess.Popen(words, env=clock.environment(os.environ), stdout=subprocess.DEVNULL)
            time.sleep(0.5)
            leapt = time.monotonic()
            clock.leap(86400)
            process.wait()
            print(f"C      {kind:15} {1000 * (time.monotonic() - leapt):6.1f}, the last of 64 threads", flush=True)
    for kind, language in IDLE:
        if language not in languages:
            continue
        with WarpClock() as clock, running(clock, [*command(language, build), kind, "86400", "1"]) as (process,):
            clock.attached()
            tell(process)
            while not any(one.has_waited for one in clock.attached()):
                time.sleep(0.001)
            time.sleep(0.2)  # a runtime waits for other things on the way
            leapt = time.monotonic()
            clock.leap(86400)
            assert process.stdout
            process.stdout.readline()
            print(f"{language:7}{kind:15} {1000 * (time.monotonic() - leapt):6.1f}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="How exact target time is, and what it costs.")
    parser.add_argument("--waits", type=int, default=200, help="waits for each figure (default 200)")
    parser.add_argument("--rates", type=float, nargs="+", default=[20, 50], help="default 20 50")
    parser.add_argument("--languages", nargs="+", choices=list(KINDS), default=list(KINDS))
    arguments = parser.parse_args()
    needed = {"python": [], "node": ["node"], "java": ["java", "javac"]}
    languages = [language for language in arguments.languages if all(map(shutil.which, needed[language]))]
    kernel = ".".join(os.uname().release.split(".")[:2])
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Linux {kernel} {os.uname().machine}")
    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder)
        cost_of_reading(build)
        cost_of_waiting(languages, build)
        leap_of_a_day(languages, build)
        leaps(languages, build)
        accuracy(languages, arguments.rates, arguments.waits, build)


if __name__ == "__main__":
    main()
