"""Time that leaps to the next moment that anybody waits for, on real programs."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brownout.fakes.clock import RealClock
from brownout.harness.clock import WarpClock, leaping, rests
from brownout.harness.clock.alarms import NEVER

from .conftest import COMPILER, PROGRAMS
from .test_waits import TIMERS

PATIENCE = 60.0
"""Wall seconds after which a program that hangs is given up."""

SLEEPS = """
import time
began = time.monotonic()
for _ in range(20):
    time.sleep(10)
print(time.monotonic() - began)
"""
ASYNCIO = """
import asyncio, time
async def main():
    began = time.monotonic()
    await asyncio.gather(*(asyncio.sleep(number) for number in range(100)))
    for _ in range(10):
        await asyncio.sleep(10.1)
    print(time.monotonic() - began)
asyncio.run(main())
"""
THREADS = """
import queue, threading, time
began = time.monotonic()
def wait():
    threading.Event().wait(100)
    try:
        queue.Queue().get(timeout=100)
    except queue.Empty:
        pass
threads = [threading.Thread(target=wait) for _ in range(20)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(time.monotonic() - began)
"""
NODE = """
const began = performance.now();
let left = 20;
const next = () => left-- ? setTimeout(next, 10000) : console.log((performance.now() - began) / 1000);
next();
"""
COMPUTES = """
import threading, time
def wait():
    time.sleep(1000)
    print("waited", flush=True)
waiting = threading.Thread(target=wait)
waiting.start()
sum(range(10_000_000))
print("computed", flush=True)
waiting.join()
"""
ASKS = """
import socket, sys
made = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=100)
for _ in range(300):
    made.sendall(b"?")
    assert made.recv(1) == b"!"
print("answered")
"""
TALKS = """
import socket, sys
kind, *where = sys.argv[1:]
address = where[0] if kind == "AF_UNIX" else (where[0], int(where[1]))
made = socket.socket(getattr(socket, kind))
made.settimeout(100)
made.connect(address)
for _ in range(3):
    made.sendall(b"?")
    assert made.recv(1) == b"!"
print("answered")
"""
# Two processes of one target, which talk to each other, and to somebody by datagrams, as one does to a name server.
TALKS_TO_ITSELF = """
import os, socket, sys, time
began = time.monotonic()
doors = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("::1", 0), family=socket.AF_INET6)]
doors.append(socket.socket(socket.AF_UNIX))
doors[-1].bind(sys.argv[1])
doors[-1].listen()
child = os.fork()
for door in doors:
    if child:
        made, _ = door.accept()
        assert made.recv(1) == b"?"
    else:
        with socket.socket(door.family) as made:
            made.connect(door.getsockname())
            time.sleep(1000)
            made.sendall(b"?")
if not child:
    os._exit(0)
os.wait()
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 53))
time.sleep(1000)
print(time.monotonic() - began)
"""
TALKS_TO_MANY = """
import contextlib, socket, sys
for port in range(1, 41):
    with contextlib.suppress(OSError), socket.socket() as made:
        made.connect(("127.0.0.1", port))
"""
STARTS = """
import subprocess
for _ in range(20):
    subprocess.run(["sh", "-c", "true | cat"], check=True, timeout=100)
print("ended")
"""
ALARMED = """
import signal, time
signal.signal(signal.SIGALRM, lambda *_: None)
began = time.monotonic()
signal.alarm(1000)
signal.pause()
print(time.monotonic() - began)
signal.alarm(500)
signal.alarm(0)
time.sleep(2000)
print(time.monotonic() - began)
"""
REPEATING = """
import signal, time
ticks = []
began = time.monotonic()
signal.signal(signal.SIGALRM, lambda *_: ticks.append(time.monotonic() - began))
signal.setitimer(signal.ITIMER_REAL, 100, 10)
time.sleep(200.5)
print(*ticks)
"""
# Another thread wakes while the first one waits for an alarm.
ALARMED_BESIDE = """
import signal, threading, time
def tick():
    while True: time.sleep(7)
signal.signal(signal.SIGALRM, lambda *_: None)
threading.Thread(target=tick, daemon=True).start()
began = time.monotonic()
signal.alarm(1000)
signal.pause()
print(time.monotonic() - began)
"""
BECOMES_ALARMED = """
import os, signal, sys, time
signal.alarm(1000)
os.execv(sys.executable, [sys.executable, "-c", '''
import signal, time
signal.signal(signal.SIGALRM, lambda *_: None)
signal.pause()
print(time.monotonic() - %f)
''' % time.monotonic()])
"""
TAKES_THE_SIGNAL = """
import signal
signal.signal(signal.SIGURG, lambda *_: None)
signal.alarm(1000)
input()
"""
BLOCKS_THE_SIGNAL = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG})
signal.alarm(1000)
input()
"""
TAKES_THE_SIGNAL_LATER = """
import signal
signal.alarm(1000)
signal.signal(signal.SIGURG, lambda *_: None)
input()
"""
IGNORES_THE_SIGNAL = """
import signal, time
signal.signal(signal.SIGALRM, lambda *_: None)
began = time.monotonic()
for left in (signal.SIG_IGN, signal.SIG_DFL):
    signal.alarm(1000)
    signal.signal(signal.SIGURG, left)
    signal.pause()
print(time.monotonic() - began)
"""
DEAF = """
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
began = time.monotonic()
print("asleep", flush=True)
time.sleep(5)
print(time.monotonic() - began)
"""
HELPED = """
import subprocess, sys
for _ in range(3):
    subprocess.run(sys.argv[1:], check=True, timeout=100, stdout=subprocess.PIPE)
print("helped")
"""
HELPER = "#include <time.h>\nint main(void) { return nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL); }\n"
# Has had a timer of which it told nobody, and becomes another program, which joins where its first process was.
HAS_HAD_A_TIMER = """
import contextlib, os, signal, sys, time
first = os.getpid()
begun, begin = os.pipe()
if os.fork():
    os.read(begun, 1)
    os._exit(0)
os.write(begin, b"!")
with contextlib.suppress(ProcessLookupError):
    while True:
        os.kill(first, 0)
        time.sleep(0.001)
signal.signal(signal.SIGURG, lambda *_: None)
for seconds in (1000, 0):
    signal.setitimer(signal.ITIMER_REAL, seconds)
os.execv(sys.executable, [sys.executable, "-c", "input()"])
"""
BECOMES = """
import os, sys, threading, time
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
time.sleep(0.1)
os.execv(sys.executable, [sys.executable, "-c", "input()"])
"""
RESTLESS = """
import threading, time
def tick():
    while True:
        time.sleep(0.05)
threading.Thread(target=tick, daemon=True).start()
input()
"""
CROWDED = """
import threading
threading.stack_size(65536)
for _ in range(1100):
    threading.Thread(target=threading.Event().wait, args=(1000,), daemon=True).start()
print("waiting", flush=True)
input()
"""


async def started(clock: WarpClock, *command: str) -> asyncio.subprocess.Process:
    """A program on the clock."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, env=clock.environment(os.environ), stdin=pipe, stdout=pipe)


async def said(clock: WarpClock, *command: str) -> str:
    """What a program says while its time leaps."""
    program = await started(clock, *command)
    clock.leaps = True
    async with leaping(clock), asyncio.timeout(PATIENCE):
        out, _ = await program.communicate()
    assert program.returncode == 0
    return out.decode()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that takes a moment."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  # another process does not tell
            await asyncio.sleep(0.001)


@pytest.mark.slow
class TestWaits:
    @pytest.mark.parametrize(
        ("program", "seconds"), [(SLEEPS, 200), (ASYNCIO, 200), (THREADS, 200)], ids=["sleep", "asyncio", "threads"]
    )
    async def test_of_python_are_as_long_as_asked_for(self, program: str, seconds: float, clock: WarpClock) -> None:
        """
        Minutes of waiting are over at once, and are to the program what they would have been.
        """
        took = float(await said(clock, sys.executable, "-c", program))

        assert seconds <= took < 1.1 * seconds

    async def test_of_node_are(self, clock: WarpClock) -> None:
        """
        So are timers of Node, which waits by epoll.
        """
        if not shutil.which("node"):
            pytest.skip("node is not installed")
        took = float(await said(clock, "node", "-e", NODE))

        assert 200 <= took < 220

    async def test_of_the_harness_are(self, clock: WarpClock) -> None:
        """
        What is planned here happens in its order, at its moment.
        """
        began, order = clock.nanoseconds(), []

        async def sleep(seconds: float) -> None:
            await clock.sleep(seconds)
            order.append((seconds, (clock.nanoseconds() - began) / 1e9))

        program = await started(clock, sys.executable, "-c", "input()")
        await until(lambda: clock.attaches == 1)
        clock.leaps = True
        async with leaping(clock), asyncio.timeout(PATIENCE):
            await asyncio.gather(*(sleep(seconds) for seconds in (300, 5, 60, 59.9)))
        await program.communicate(b"\n")

        assert [5, 59.9, 60, 300] == [seconds for seconds, _ in order]
        assert all(seconds <= woken < seconds + 5 for seconds, woken in order)

    @pytest.mark.parametrize("kind", ["timerfd_repeating", *TIMERS])
    async def test_by_the_kernels_own_timers_are(self, kind: str, clock: WarpClock, waits: Path) -> None:
        """
        A timer that the kernel keeps is leapt to.
        """
        took, _, outcome = (await said(clock, str(waits), kind, "3600")).split(" ", 2)

        assert "0 0\n" == outcome
        assert 3600 <= float(took) < 3605

    async def test_after_a_timer_are(self, clock: WarpClock) -> None:
        """
        Time leaps on when a timer has fired, and when one was called off.
        """
        alarmed, slept = map(float, (await said(clock, sys.executable, "-c", ALARMED)).split())

        assert 1000 <= alarmed < 1005
        assert 3000 <= slept < 3005

    async def test_leap_over_no_tick(self, clock: WarpClock) -> None:
        """
        A timer that repeats ticks as often, and when, it would have.
        """
        ticks = [float(tick) for tick in (await said(clock, sys.executable, "-c", REPEATING)).split()]

        assert 11 == len(ticks)
        assert all(due <= tick < due + 1 for due, tick in zip(range(100, 201, 10), ticks, strict=True))

    async def test_for_an_alarm_are_though_another_thread_wakes_earlier(self, clock: WarpClock) -> None:
        """
        Who waits for an alarm waits until it comes, however often time leaps to what another thread waits for.
        """
        assert 1000 <= float(await said(clock, sys.executable, "-c", ALARMED_BESIDE)) < 1050

    async def test_by_an_alarm_of_an_earlier_program_are(self, clock: WarpClock) -> None:
        """
        An alarm that stays set while its process becomes another program is leapt to.
        """
        assert 1000 <= float(await said(clock, sys.executable, "-c", BECOMES_ALARMED)) < 1005

    async def test_of_one_who_ignores_the_signal_of_a_change_are(self, clock: WarpClock) -> None:
        """
        A program that has the signal for changes ignored, or left to the kernel, hears of them all the same.
        """
        assert 2000 <= float(await said(clock, sys.executable, "-c", IGNORES_THE_SIGNAL)) < 2005


@pytest.mark.slow
class TestNothingLeaps:
    async def test_over_one_who_computes(self, clock: WarpClock) -> None:
        """
        While one thread computes another's thousand seconds are not over.
        """
        assert ["computed", "waited"] == (await said(clock, sys.executable, "-c", COMPUTES)).split()

    async def test_over_what_is_under_way(self, clock: WarpClock) -> None:
        """
        Three hundred questions are answered, none of them after a hundred seconds.
        """

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1):
                writer.write(b"!")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            clock.ports = {port}
            assert "answered\n" == await said(clock, sys.executable, "-c", ASKS, str(port))

    @pytest.mark.parametrize("kind", ["AF_INET", "AF_INET6", "AF_UNIX"])
    async def test_over_a_stranger_who_works(self, kind: str, clock: WarpClock, tmp_path: Path) -> None:
        """
        Somebody who is no part of the target, and takes his wall time, is not given up after a hundred target seconds.
        """

        async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1):
                await asyncio.sleep(0.2)
                writer.write(b"!")
            writer.close()

        if kind == "AF_UNIX":
            where = [str(tmp_path / "door")]
            server, told = await asyncio.start_unix_server(work, where[0]), "somebody at a Unix socket"
        else:
            host = "127.0.0.1" if kind == "AF_INET" else "::1"
            server = await asyncio.start_server(work, host, 0)
            where = [host, str(server.sockets[0].getsockname()[1])]
            told = f"127.0.0.1:{where[1]}"
        async with server:
            assert "answered\n" == await said(clock, sys.executable, "-c", TALKS, kind, *where)

        assert told == clock.stranger

    async def test_but_over_who_talks_to_itself(self, clock: WarpClock, tmp_path: Path) -> None:
        """
        The target's own processes live on its clock, and are no strangers, wherever they listen.
        """
        door = str(tmp_path / "door")

        assert 4000 <= float(await said(clock, sys.executable, "-c", TALKS_TO_ITSELF, door)) < 4010
        assert clock.stranger is None

    async def test_for_one_who_talks_to_more_than_can_be_told(self, clock: WarpClock) -> None:
        """
        Of many whom a target talks to, the last ones cannot be told apart, and are strangers.
        """
        await said(clock, sys.executable, "-c", TALKS_TO_MANY)
        clock.ports = set(range(1, 41))

        assert str(clock.stranger).startswith("somebody at port ")

    async def test_over_a_program_that_is_being_started(self, clock: WarpClock) -> None:
        """
        Programs that a target starts, and waits for, have not joined its clock yet, and are waited for all the same.
        """
        assert "ended\n" == await said(clock, sys.executable, "-c", STARTS)

    @pytest.mark.parametrize("shell", [False, True], ids=["started", "become"])
    async def test_over_a_program_that_cannot_be_warped(self, shell: bool, clock: WarpClock, tmp_path: Path) -> None:
        """
        While a target waits for a program that sleeps in real time, its own time does not leap to where it gives up;
        also where that program has taken the place of one that could be warped.
        """
        source, helper = tmp_path / "helper.c", tmp_path / "helper"
        source.write_text(HELPER)
        compile_it = [COMPILER or "cc", "-static", source, "-o", helper]
        if COMPILER is None or subprocess.run(compile_it, check=False, capture_output=True).returncode:  # noqa: ASYNC221
            pytest.skip("a statically linked program is compiled here, and there is no compiler that does it")
        words = ["sh", "-c", f"exec {helper}"] if shell else [str(helper)]

        assert "helped\n" == await said(clock, sys.executable, "-c", HELPED, *words)

    @pytest.mark.parametrize("kind", ["ppoll", "pselect6", "semtimedop"])
    async def test_over_a_wait_that_nobody_tells_of(self, kind: str, clock: WarpClock, tmp_path: Path) -> None:
        """
        A thread that waits for a while past the library is not overtaken by another's hundred seconds.
        """
        program = tmp_path / "untold"
        if COMPILER is None:
            pytest.skip("the program that waits past the library is compiled here, and there is no C compiler")
        compile_it = [COMPILER, "-O1", "-pthread", PROGRAMS / "untold.c", "-o", program]
        subprocess.run(compile_it, check=True)  # noqa: ASYNC221

        assert "done\n" == await said(clock, str(program), kind)

    async def test_over_a_leap_that_has_not_been_heard_of(self, clock: WarpClock) -> None:
        """
        Who sleeps with all signals blocked notices a leap a little later, and time does not leap on until then.
        """
        program = await started(clock, sys.executable, "-c", DEAF)
        assert program.stdout
        await program.stdout.readline()
        await RealClock().sleep(0.05)
        clock.leaps = True
        waiting = asyncio.ensure_future(clock.sleep(1000))
        async with leaping(clock), asyncio.timeout(PATIENCE):
            clock.leap(10)
            slept = float(await program.stdout.readline())
        waiting.cancel()
        await program.communicate()

        assert 10 <= slept < 100

    @pytest.mark.parametrize("ends", [False, True], ids=["it-may-not", "it-has-died"])
    async def test_where_there_is_nothing_to_wait_for(self, ends: bool, clock: WarpClock) -> None:
        """
        A clock that may not leap does not, whoever waits; nor does one whose target has died, which is to be heard of.
        """
        program = await started(clock, sys.executable, "-c", "input()")
        await until(lambda: clock.attaches == 1)
        clock.leaps = ends
        if ends:
            await program.communicate(b"\n")
        before = clock.nanoseconds()
        waiting = asyncio.ensure_future(clock.sleep(1000))
        async with leaping(clock):
            await RealClock().sleep(0.1)
        waiting.cancel()
        program.stdin.close() if program.stdin else None
        await program.wait()

        assert clock.nanoseconds() - before < 500e9


@pytest.mark.slow
class TestRests:
    async def test_a_target_that_waits_for_its_callers(self, clock: WarpClock) -> None:
        """
        A program that waits for nobody knows how long is at rest, and nobody waits for a moment.
        """
        program = await started(clock, sys.executable, "-c", "input()")
        await until(lambda: clock.attaches == 1)

        assert await rests(clock, PATIENCE)
        assert NEVER == clock.next

        await program.communicate(b"\n")

    async def test_not_one_that_wakes_all_the_time(self, clock: WarpClock) -> None:
        """
        A program that wakes twenty times a second, as a JVM does, would leap from one of these moments to the next.
        """
        program = await started(clock, sys.executable, "-c", RESTLESS)
        await until(lambda: clock.next not in {None, NEVER})

        assert not await rests(clock, 1.0)

        await program.communicate(b"\n")

    @pytest.mark.parametrize(
        "program",
        [TAKES_THE_SIGNAL, TAKES_THE_SIGNAL_LATER, BLOCKS_THE_SIGNAL, CROWDED],
        ids=["takes-the-signal", "takes-it-later", "blocks-it", "too-many"],
    )
    async def test_not_one_whose_moments_nobody_knows(self, program: str, clock: WarpClock) -> None:
        """
        Timers of a program that would not hear of a leap, and more waits than there are places, are told of.
        """
        running = await started(clock, sys.executable, "-c", program)
        await until(lambda: clock.attaches == 1)
        await until(lambda: clock.next is None)

        assert not await rests(clock, 1.0)

        running.kill()
        await running.communicate()

    async def test_one_that_has_become_a_program_without_timers(self, clock: WarpClock) -> None:
        """
        What a program did not tell of its timers is forgotten with it, wherever the next one joins.
        """
        program = await started(clock, sys.executable, "-c", HAS_HAD_A_TIMER)
        await until(lambda: clock.attaches == 3)  # the program, its child, and what that has become

        assert await rests(clock, 5.0)

        await program.communicate(b"\n")

    async def test_one_that_has_become_another_program(self, clock: WarpClock) -> None:
        """
        The waits of threads that ended with an exec are forgotten.
        """
        program = await started(clock, sys.executable, "-c", BECOMES)
        await until(lambda: clock.attaches == 2)  # the program, and what it has become

        assert await rests(clock, PATIENCE)
        assert NEVER == clock.next

        await program.communicate(b"\n")
