"""Who is on a clock, and who cannot be, and why."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from brownout.harness.clock import (
    WarpClock,
    cpu_seconds,
    family,
    why_not_family,
    why_not_process,
    why_not_program,
    why_not_target,
)

from .conftest import Starter

HELD = "import sys; print('up', flush=True); sys.stdin.readline()"


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Path]:
    """Compiles a program that waits for its input to end."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("programs are compiled here, and there is no C compiler")

    def compile_program(*options: str) -> Path:
        source, program = tmp_path / "program.c", tmp_path / "program"
        source.write_text('#include <stdio.h>\nint main(void) { puts("up"); fflush(stdout); return getchar() == 1; }\n')
        if subprocess.run([compiler, source, "-o", program, *options], check=False, capture_output=True).returncode:
            pytest.skip(f"this compiler does not take {options}")
        return program

    return compile_program


class TestAProgram:
    def test_that_is_dynamically_linked_can_be_warped(self) -> None:
        """Nothing speaks against the Python that runs the tests."""
        assert why_not_program(sys.executable) is None

    def test_is_looked_for_along_the_path(self) -> None:
        """A bare name is found as a shell would find it, and what is not there is said not to be."""
        assert why_not_program("sh") is None
        assert why_not_program("no-such-program") == "no-such-program is not a program that can be run here"

    def test_that_is_statically_linked_cannot(self, compiled: Callable[..., Path]) -> None:
        """A static program has no dynamic linker to load the library, and the reason says so."""
        program = compiled("-static")

        assert why_not_program(program) == f"{program} is statically linked"

    def test_that_is_setuid_cannot(self, compiled: Callable[..., Path]) -> None:
        """A setuid program is told by its mode."""
        program = compiled()
        program.chmod(program.stat().st_mode | stat.S_ISUID)

        reason = why_not_program(program)

        assert reason
        assert "setuid" in reason

    def test_of_another_linker_cannot(self, compiled: Callable[..., Path]) -> None:
        """A program of another C library is told by its linker."""
        program = compiled("-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1")
        program.chmod(0o755)

        reason = why_not_program(program)

        assert reason
        assert reason.endswith("is not linked with glibc but by /lib/ld-musl-x86_64.so.1")

    def test_of_go_cannot(self, tmp_path: Path, compiled: Callable[..., Path]) -> None:
        """A Go program is told by the note that its linker leaves, though it is dynamically linked."""
        note = tmp_path / "note.s"
        note.write_text('.section .note.go.buildid, "a", @note\n.long 4, 4, 4\n.ascii "Go\\0\\0"\n.ascii "abcd"\n')

        reason = why_not_program(compiled(str(note)))

        assert reason
        assert reason.endswith("is a Go program, which makes its system calls itself")

    def test_of_another_machine_cannot(self, compiled: Callable[..., Path]) -> None:
        """A program for another kind of processor is told by its header."""
        program = compiled()
        bytes_of_it = bytearray(program.read_bytes())
        bytes_of_it[18:20] = (243).to_bytes(2, "little")
        program.write_bytes(bytes_of_it)

        reason = why_not_program(program)

        assert reason
        assert reason.endswith("is built for another kind of machine than the library")

    @pytest.mark.parametrize("line", ["#!{}", "#! {} -u", "#!/usr/bin/env {}", "#!/usr/bin/env -S A=b {}"])
    def test_that_is_a_script_is_as_good_as_its_interpreter(
        self, line: str, tmp_path: Path, compiled: Callable[..., Path]
    ) -> None:
        """A script's first line leads to the program that counts."""
        program = compiled("-static")
        script = tmp_path / "script"
        script.write_text(line.format(program) + "\n")
        script.chmod(0o755)

        assert why_not_program(script) == f"{program} is statically linked"


class TestAProcess:
    def test_on_the_clock_is_known_to_be(self, clock: WarpClock, start: Starter) -> None:
        """A program started with the clock's environment is on it, and counted once."""
        program = start(sys.executable, "-c", HELD)
        program.line()

        assert why_not_process(clock, program.pid) is None
        assert [program.pid] == [process.pid for process in clock.attached()]
        assert clock.attaches == 1

    def test_on_another_clock_is_not_on_this_one(self, clock: WarpClock, start: Starter) -> None:
        """Two scenarios at a time do not take each other's targets for their own."""
        program = start(sys.executable, "-c", HELD)
        program.line()

        with WarpClock() as another:
            assert why_not_process(another, program.pid) is not None

    def test_that_runs_a_static_program_is_not(
        self, clock: WarpClock, start: Starter, compiled: Callable[..., Path]
    ) -> None:
        """A running static program is found out, though it was started with the clock's environment."""
        path = compiled("-static")
        program = start(path)
        program.line()

        assert why_not_process(clock, program.pid) == f"{path} is statically linked"
        assert clock.attaches == 0

    async def test_whose_parent_scrubbed_the_environment_is_not(self, clock: WarpClock, start: Starter) -> None:
        """A child that was started without the library makes its whole family not on the clock, and is named."""
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HELD!r}], env={{}})"
        program = start(sys.executable, "-c", code)
        program.line()

        reason = await why_not_family(clock, program.pid)

        assert why_not_process(clock, program.pid) is None
        assert len(family(program.pid)) == 2
        assert reason
        assert "scrubs the environment" in reason

    def test_that_has_ended_is_no_objection(self, clock: WarpClock) -> None:
        """A process that is not there any more has nothing against the clock."""
        ended = subprocess.Popen(["true"])
        ended.wait()

        assert why_not_process(clock, ended.pid) is None


class TestAFamily:
    def test_shares_one_time(self, clock: WarpClock, start: Starter) -> None:
        """A forked child and a program started late, in a shell, tell the time of the one that started them."""
        clock.rate = 50
        clock.leap(86400)
        code = (
            "import os, subprocess, sys, time\n"
            "read, write = os.pipe()\n"
            "a = time.monotonic()\n"
            "if os.fork() == 0:\n"
            "    os.write(write, repr(time.monotonic()).encode()); os._exit(0)\n"
            "b = float(os.read(read, 99))\n"
            "os.wait()\n"
            "tell = [sys.executable, '-c', 'import time; print(time.monotonic())']\n"
            "c = float(subprocess.check_output(['sh', '-c', '\"$@\"', 'sh', *tell]))\n"
            "print(a <= b <= c <= time.monotonic())"
        )

        assert start(sys.executable, "-c", code).end() == ["True"]
        assert clock.attaches == 4

    def test_slots_of_the_dead_are_used_again(self, clock: WarpClock, start: Starter) -> None:
        """More children than there are slots, killed before they can leave, do not use them up."""
        code = (
            "import os, signal\n"
            "for _ in range(1000):\n"
            "    child = os.fork()\n"
            "    if child == 0:\n"
            "        os.kill(os.getpid(), signal.SIGKILL)\n"
            "    os.wait()\n"
            "print('up', flush=True); input()"
        )
        program = start(sys.executable, "-c", code)
        program.line()

        assert [program.pid] == [process.pid for process in clock.attached()]
        assert clock.attaches == 1001

    def test_costs_what_its_members_cost(self, start: Starter) -> None:
        """CPU time is summed over the children."""
        spin = "import time\nwhile time.process_time() < 0.1: pass\nprint('up', flush=True); input()"
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spin!r}])"
        program = start(sys.executable, "-c", code)
        program.line()

        assert 0.1 <= cpu_seconds(program.pid) < 60


class TestARunningTarget:
    async def test_that_answers_in_target_time_is_on_the_clock(self, clock: WarpClock, start: Starter) -> None:
        """A target that puts the clock's date into its reply lives on the clock."""
        program = start(sys.executable, "-c", "import time\nwhile input(): print(time.time(), flush=True)")

        async def exchange() -> float:
            program.tell("?")
            return float(await asyncio.to_thread(program.line))

        assert await why_not_target(clock, program.pid, exchange) is None

    async def test_that_answers_with_the_real_date_is_not(self, clock: WarpClock, start: Starter) -> None:
        """A target whose library is loaded and whose replies carry the real date gives itself away."""
        program = start(sys.executable, "-c", HELD)
        program.line()

        async def exchange() -> float:
            return time.time()

        reason = await why_not_target(clock, program.pid, exchange)

        assert reason == "the target's replies carry the real date"

    async def test_that_reads_no_clock_is_not(self, clock: WarpClock, start: Starter) -> None:
        """A target that answers without the C library's clock and waits is not taken on trust."""
        program = start("cat")

        async def exchange() -> None:
            program.tell("?")
            await asyncio.to_thread(program.line)

        reason = await why_not_target(clock, program.pid, exchange)

        assert reason == "the target answers without reading a clock or waiting through the C library"


class TestAWorker:
    def test_moves_its_children_to_their_clocks(self, clock: WarpClock) -> None:
        """A preloaded worker is in real time; each forked child, and what it starts, is on the clock it attached to."""
        from brownout.harness.clock import preloading  # noqa: PLC0415 - only this test starts a worker

        code = (
            "import os, subprocess, sys, time\n"
            "from brownout.harness.clock.attach import attach\n"
            "if os.fork() == 0:\n"
            "    print(attach(sys.argv[1]), time.time(), flush=True)\n"
            "    os.execvp('date', ['date', '+%s'])\n"
            "os.wait()\n"
            "print(time.time())"
        )
        clock.leap(86400)

        told = subprocess.run(
            [sys.executable, "-c", code, clock.path],
            env=preloading(os.environ),
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split()

        assert told[0] == "True"
        assert abs(float(told[1]) - time.time() - 86400) < 3600
        assert abs(float(told[2]) - time.time() - 86400) < 3600
        assert abs(float(told[3]) - time.time()) < 3600

    def test_is_told_when_it_cannot(self, clock: WarpClock) -> None:
        """Attaching without the library, or to a clock that is closed, is False and changes nothing."""
        from brownout.harness.clock.attach import attach  # noqa: PLC0415 - only these tests attach

        assert attach(clock.path) is False
        assert "BROWNOUT_CLOCK" not in os.environ
