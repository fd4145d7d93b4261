from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from programs import CLOCK, PROGRAMS, Notebook, alive, command, end, events, pid_in, request, text_of, until

from brownout.harness.protocol import Done, Error
from brownout.harness.targets import TargetFailed
from brownout.harness.targets.output import SOURCE_BYTES
from brownout.harness.targets.process import names
from brownout.harness.targets.vitals import cpu_share, vitals

WORKDIR = {"env": {"WORKDIR": "{workdir}"}}


def folder(target: object) -> Path:
    """The folder of a running target."""
    return Path(target._home.workdir)  # type: ignore[attr-defined]


class TestAnswers:
    async def test_a_call_is_answered_and_other_lines_are_kept(self) -> None:
        """
        An event reaches its caller; a line that is no event, or an unknown one, is a line of the log.
        """
        book = Notebook()

        async with command("polite", book) as target:
            found = await end(target, "héllo 🙂")

        assert found == Done("c1", text="héllo 🙂", finish="stop")
        assert book.said("stdout") == ["a line that is no event", '{"event": "unknown", "id": "c1"}']
        assert book.notes == []

    async def test_a_call_id_can_be_used_again(self) -> None:
        """
        A target that outlives a scenario is asked under an id that it has not had, and the caller never sees it.
        """
        async with command("polite") as target:
            assert (await end(target, "one")).id == "c1"
            assert (await end(target, "two")) == Done("c1", text="two", finish="stop")

    async def test_a_late_answer_does_not_reach_the_next_call_of_that_id(self) -> None:
        """
        What comes for a call that its caller has left is a crossing, and nobody is given it.
        """
        book = Notebook()
        async with command("late", book) as target:
            async for _ in target.call(request()):
                break
            await target.cancel("c1")
            async for event in target.call(request("again")):
                assert event.id == "c1"
                break
            await until(lambda: "cancelled c1" in book.said("stdout"))

        assert book.noted("answered_nobody") == []

    async def test_a_badly_written_end_is_an_end(self) -> None:
        """
        A field of the wrong type is dropped and noted; the answer stands.
        """
        book = Notebook()

        async with command("badly-written", book) as target:
            found = await end(target)

        assert found == Done("c1", text="fine")
        assert [sorted(note["fields"]) for note in book.noted("bad_event")] == [["cost", "usage"]]

    async def test_a_character_cut_in_two_is_joined(self) -> None:
        """
        A program that counts in UTF-16 may cut a character; the caller gets it whole.
        """
        async with command("halves") as target:
            assert text_of(await events(target)) == "a🙂b"


class TestMisbehaving:
    async def test_answering_twice_is_noted(self) -> None:
        """
        The caller has the first end; what follows it is an incident each, and kept as lines.
        """
        book = Notebook()

        async with command("twice", book) as target:
            found = await end(target)
            await until(lambda: book.noted("answered_twice"))

        assert found == Done("c1", text="one")
        assert [note["call"] for note in book.noted("spoke_after_end")] == ["c1"]

    async def test_answering_nobody_is_noted(self) -> None:
        """
        An answer to a call that nobody made is an incident, and harms no other call.
        """
        book = Notebook()

        async with command("nobody", book) as target:
            found = await end(target)

        assert found == Done("c1", text="for somebody")
        assert book.noted("answered_nobody") == [{"call": "c999", "event": "Done"}]

    async def test_dying_ends_every_call(self) -> None:
        """
        A call that is open when the target dies ends as `died`, partial where text had come, and so does a later one.
        """
        book = Notebook()

        async with command("dies", book) as target:
            first = await end(target)
            later = await end(target, id="c2")

        assert first == Error("c1", "died", "the target has ended: exit code 3", partial=True)
        assert later == Error("c2", "died", "the target has ended: exit code 3")
        assert [note["end"] for note in book.noted("target_died")] == ["exit code 3"]
        assert book.said("stderr") == ["last words"]

    async def test_what_was_said_before_dying_counts(self) -> None:
        """
        An answer written just before the end is an answer.
        """
        async with command("answers-and-dies") as target:
            assert await end(target) == Done("c1", text="whole")

    async def test_being_killed_is_told(self) -> None:
        """
        The signal that ended the target is named.
        """
        async with command("killed") as target:
            assert await end(target) == Error("c1", "died", "the target has ended: killed by SIGKILL")

    async def test_closing_stdout_is_noted(self) -> None:
        """
        A target that goes mute and lives on answers nobody: its calls end, and the history says why.
        """
        book = Notebook()

        async with command("closes-stdout", book) as target:
            found = await end(target)

        assert found == Error("c1", "died", "the target has closed its standard output")
        assert len(book.noted("closed_stdout")) == 1

    async def test_closing_stdin_ends_the_next_call(self) -> None:
        """
        A target that no longer listens cannot be asked.
        """
        async with command("closes-stdin") as target:
            assert await end(target) == Done("c1", text="last")
            await until(lambda: target._transport is not None and target._transport.is_closing())
            assert await end(target, id="c2") == Error("c2", "died", "the target has closed its standard input")

    @pytest.mark.slow
    async def test_ignoring_term_is_noted_and_does_not_help(self) -> None:
        """
        A target that ignores both `quit` and TERM is killed.
        """
        book = Notebook()

        async with command("ignores-term", book) as target:
            pid = target.pid

        assert pid is not None
        assert not alive(pid)
        assert [name for name, _ in book.notes] == ["ignored_quit", "ignored_term"]

    async def test_a_detached_process_does_not_outlive_the_target(self) -> None:
        """
        A grandchild with a session and an environment of its own, deaf to TERM, is found, noted and killed.
        """
        book = Notebook()

        async with command("detaches", book, **WORKDIR) as target:
            grandchild = await until(lambda: pid_in(folder(target) / "grandchild"))
            assert alive(grandchild)

        assert not alive(grandchild)
        assert len(book.noted("left_processes")) == 1

    async def test_a_keeper_that_is_killed_takes_its_target_along(self) -> None:
        """
        Should something kill the keeper, the target dies with it, and its other processes are found by their mark.
        """
        book = Notebook()

        async with command("starts-a-child", book, **WORKDIR) as target:
            child = await until(lambda: pid_in(folder(target) / "child"))
            assert target.keeper is not None
            os.kill(target.keeper, signal.SIGKILL)
            await until(lambda: not alive(target.pid or 0))
            found = await end(target)

        assert isinstance(found, Error)
        assert not alive(child)


class TestOutput:
    @pytest.mark.slow
    async def test_a_gigabyte_of_output_is_read_and_not_kept(self) -> None:
        """
        A flood neither stops the target nor fills memory; the history says once that the rest is not kept.
        """
        book = Notebook()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        async with command("floods", book, within=60.0) as target:
            assert await end(target) == Done("c1", text="hello", finish="stop")

        assert sum(len(text) for text in book.said("stdout")) < SOURCE_BYTES
        assert book.noted("output_truncated") == [{"source": "stdout", "kept_bytes": SOURCE_BYTES}]
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024

    @pytest.mark.slow
    async def test_a_line_of_a_gigabyte_is_cut(self) -> None:
        """
        A line that does not end is kept as far as lines are, and neither stops the target nor fills memory.
        """
        book = Notebook()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        async with command("long-line", book, within=60.0) as target:
            assert await end(target) == Done("c1", text="hello", finish="stop")

        assert len(book.said("stderr")) == 1
        assert book.noted("line_truncated") == [{"source": "stderr", "dropped_bytes": (1 << 30) - 65536}]
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024

    async def test_log_files_are_read(self) -> None:
        """
        Declared log files are captured, a last line without an end too.
        """
        book = Notebook()

        async with command("writes-a-log", book, logs=("{workdir}/own.log",), **WORKDIR) as target:
            name = str(folder(target) / "own.log")

        assert book.said(name) == ["line one", "line two, not ended"]


class TestStart:
    async def test_failing_to_start_gives_the_last_lines(self) -> None:
        """
        A target that ends before it is ready is reported with its exit code and what it printed.
        """
        with pytest.raises(TargetFailed, match=r"exit code 7; its last lines:\n  no configuration, no service"):
            async with command("fails"):
                pass

    async def test_not_getting_ready_in_time_gives_the_last_lines(self) -> None:
        """
        A target that never says it is ready is given up after `within`, and ended.
        """
        with pytest.raises(TargetFailed, match=r"not ready within 0.5 s; its last lines:\n  warming up"):
            async with command("never-ready", within=0.5):
                pass

    async def test_a_command_that_is_not_there_is_named(self) -> None:
        """
        A command that cannot be executed is a failure to start.
        """
        from brownout.harness.target_file import CommandCall, Start  # noqa: PLC0415
        from brownout.harness.targets.command import CommandTarget  # noqa: PLC0415

        target = CommandTarget(CommandCall(("no-such-command-anywhere",)), Start(), CLOCK, Notebook())
        try:
            with pytest.raises(TargetFailed, match="No such file or directory: no-such-command-anywhere"):
                await target.start({})
        finally:
            await target.stop()

    async def test_files_are_rendered_and_the_folder_goes_with_the_target(self, tmp_path: Path) -> None:
        """
        Templates are rendered into a folder of the target's own, in which it may live, and which is then removed.
        """
        template = tmp_path / "template"
        template.write_text("url={primary.url} {other}", "utf-8")
        book = Notebook()

        async with command(
            "prints-where", book, cwd=f"{tmp_path}/{{workdir}}", files={"rendered": str(template)}
        ) as target:
            where = folder(target)

        assert book.said("stdout")[0] == f"{where} url=http://127.0.0.1:9/v1 {{other}}"
        assert not where.exists()


class TestKill:
    async def test_a_killed_target_starts_again_in_its_folder(self) -> None:
        """
        `kill` is kill -9; after it, `start` finds what the target had written.
        """
        book = Notebook()
        async with command("polite", book, **WORKDIR) as target:
            first = target.pid
            (folder(target) / "ledger").write_text("spent", "utf-8")
            await target.kill()
            assert not alive(first or 0)
            assert isinstance(await end(target), Error)

            await target.start({})

            assert (folder(target) / "ledger").read_text("utf-8") == "spent"
            assert await end(target, id="c2") == Done("c2", text="hello", finish="stop")
        assert book.noted("killed") == [{"pid": first}]
        assert book.noted("target_died") == []


class TestVitals:
    @pytest.mark.slow
    async def test_a_spinning_target_is_seen(self) -> None:
        """
        A target that idles uses next to nothing of a processor; one that spins uses what it can get.
        """
        async with command("polite") as idle, command("spins") as spinning:
            assert idle.keeper is not None
            assert spinning.keeper is not None
            calm, busy = await asyncio.gather(
                cpu_share(idle.keeper, 1.0, CLOCK), cpu_share(spinning.keeper, 1.0, CLOCK)
            )

        assert busy > 2 * calm

    async def test_every_process_of_the_target_counts(self) -> None:
        """
        Children count, with their memory; the keeper itself does not.
        """
        async with command("starts-a-child", **WORKDIR) as target:
            assert target.keeper is not None
            await until(lambda: len(names(target.keeper or 0)) == 2)
            found = vitals(target.keeper)

        assert found.processes == 2
        assert found.rss_bytes > 4 << 20
        assert found.connections == 0


CRASHING = """
import asyncio, os, signal, sys
sys.path[:0] = [{harness!r}]
from programs import Notebook, command
async def main():
    async with command("detaches-and-ignores", env={{"WORKDIR": "{{workdir}}"}}) as target:
        print(target.pid, target.keeper, target._home.workdir, flush=True)
        await asyncio.sleep(3600)
asyncio.run(main())
"""


class TestHarnessEnds:
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
    async def test_nothing_is_left_behind(self, number: signal.Signals) -> None:
        """
        However the harness ends, its target, what the target detached, the keeper and the folder are gone.
        """
        script = CRASHING.format(harness=str(PROGRAMS.parent.parent))
        with subprocess.Popen(  # noqa: ASYNC220, S603  # it outlives no line of this test
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as harness:
            assert harness.stdout is not None
            line = await asyncio.to_thread(harness.stdout.readline)
            pid, keeper, workdir = line.decode().split()
            grandchild = await until(lambda: pid_in(Path(workdir) / "grandchild"))
            assert alive(grandchild)

            harness.send_signal(number)
            await asyncio.to_thread(harness.wait)

        everything = [int(pid), int(keeper), grandchild]
        await until(lambda: not any(alive(one) for one in everything))
        await until(lambda: not Path(workdir).exists())
