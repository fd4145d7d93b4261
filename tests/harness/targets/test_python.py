from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from programs import Notebook, alive, end, events, interpreters, pid_in, python, request, text_of, until, worker

from brownout.harness.protocol import ChunkEvent, Done, Error, Usage
from brownout.harness.target_file import read
from brownout.harness.targets import TargetFailed
from brownout.scenarios import targets

PER_TARGET = {"env": {"KEY": "{primary.key}", "LEVEL": "debug"}}
WORKDIR = {"env": {"WORKDIR": "{workdir}"}}


class TestKindsOfCallables:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("plain", "hello False"),
            ("a_dict", "hello False u1 its own 5 ['metadata']"),
            ("coroutine", "async hello"),
            ("generator", "a b"),
            ("async_generator", "a b"),
            ("returns_a_coroutine", "async hello"),
            ("an_object", "object hello"),
            ("a_partial", "async hello"),
            ("nothing", ""),
        ],
    )
    async def test_it_is_called_as_it_wants_to_be(self, name: str, text: str) -> None:
        """
        A callable of each kind is given what it has parameters for, and its answer reaches the caller.
        """
        async with python(f"callables:{name}") as target:
            found = await events(target, user="u1")

        assert text_of(found) == text
        assert isinstance(found[-1], Done)

    async def test_a_dict_has_the_fields_of_done(self) -> None:
        """
        What a dict says of the answer is told to the caller.
        """
        async with python("callables:a_dict") as target:
            found = await end(target, user="u1", model="other", max_tokens=7, metadata={"a": 1})

        assert isinstance(found, Done)
        assert found.text == "hello False u1 other 7 ['metadata']"
        assert (found.finish, found.model, found.usage, found.cost) == ("stop", "m", Usage(3, 4), 0.5)

    async def test_a_generator_may_end_with_a_dict(self) -> None:
        """
        A dict that is yielded last is the end of the answer, not a piece of it.
        """
        async with python("callables:generator") as target:
            found = await events(target)

        assert found == [
            ChunkEvent("c1", "a "),
            ChunkEvent("c1", "b"),
            Done("c1", finish="length", provider="primary", degraded=True),
        ]

    @pytest.mark.parametrize("name", ["odd", "odd_piece"])
    async def test_anything_else_is_an_error_that_says_so(self, name: str) -> None:
        """
        A callable that gives neither text nor a dict is told what is known.
        """
        async with python(f"callables:{name}") as target:
            found = await end(target)

        assert isinstance(found, Error)
        assert "<class 'int'>" in found.message


class TestErrors:
    @pytest.mark.parametrize(
        ("prompt", "kind"),
        [
            ("rate", "rate_limited"),
            ("own", "budget"),
            ("status", "provider"),
            ("client", "invalid"),
            ("any status", "context"),
            ("no status", "provider"),
            ("code", "context"),
            ("timeout", "timeout"),
            ("connection", "provider"),
            ("other", "other"),
        ],
    )
    async def test_an_exception_has_a_kind(self, prompt: str, kind: str) -> None:
        """
        The kind is the exception's own, or what its code, class or status is known for.
        """
        async with python("callables:fails") as target:
            found = await end(target, prompt)

        assert isinstance(found, Error)
        assert (found.kind, found.partial) == (kind, False)

    async def test_an_error_after_text_is_partial(self) -> None:
        """
        The caller is told that what it has read is not all.
        """
        async with python("callables:fails_late") as target:
            assert await end(target) == Error("c1", "rate_limited", "slow down", partial=True)

    async def test_the_message_is_the_callers_alone(self) -> None:
        """
        The worker prints where a call failed, and never why: what it prints is held to be the target's log.
        """
        book = Notebook()

        async with python("callables:fails", book) as target:
            await end(target, "other")

        assert any("call c1 failed: ValueError" in line for line in book.said("stderr"))
        assert not any("secret" in text for _, text in book.logs)


class TestCancel:
    @pytest.mark.parametrize(
        ("name", "line"),
        [
            ("hangs", "closed the generator"),
            ("hangs_whole", "cancelled the coroutine"),
            ("hangs_in_a_thread", "closed the generator"),
        ],
    )
    async def test_leaving_ends_the_work(self, name: str, line: str) -> None:
        """
        When its caller leaves, a coroutine is cancelled, and a generator closed; nothing is said to nobody.
        """
        book = Notebook()

        async with python(f"callables:{name}", book) as target:
            reading = asyncio.ensure_future(anext(target.call(request()).__aiter__()))
            await asyncio.wait({reading}, timeout=0.2)
            await target.cancel("c1")
            await until(lambda: line in book.said("stdout"))
            reading.cancel()

        assert book.notes == []


class TestWorker:
    async def test_the_import_is_shared_and_the_target_is_not(self) -> None:
        """
        Two targets of a worker are two processes with environments, streams and histories of their own.
        """
        one, two = Notebook(), Notebook()

        async with worker("callables:whereabouts", **PER_TARGET) as make:
            first, second = make(one), make(two)
            await first.start({"primary.key": "k1"})
            await second.start({"primary.key": "k2"})
            answers = [text_of(await events(first)), text_of(await events(second))]
            pids = [first.pid, second.pid]
            await first.stop()
            assert alive(pids[1] or 0)
            await second.stop()

        assert [answer.split()[:3] for answer in answers] == [["forked", "k1", "debug"], ["forked", "k2", "debug"]]
        assert one.said("stdout") == [f"printed by {pids[0]}"]
        assert two.said("stdout") == [f"printed by {pids[1]}"]
        assert [line for line in one.said("stderr") if "logged" in line] == ["logged"]

    async def test_killing_a_target_leaves_the_worker(self) -> None:
        """
        After `kill` the same target starts again, from the same worker.
        """
        async with worker("callables:plain") as make:
            target = make(Notebook())
            await target.start({})
            first = target.pid
            await target.kill()
            assert not alive(first or 0)
            await target.start({})
            assert text_of(await events(target)) == "hello False"
            await target.stop()

    async def test_a_target_that_dies_is_told(self) -> None:
        """
        A callable that ends its process ends its own calls, and no other target's.
        """
        async with python("callables:dies") as target:
            assert await end(target) == Error("c1", "died", "the target has ended: exit code 5")

    async def test_a_detached_process_does_not_outlive_the_target(self) -> None:
        """
        What a fork detaches is its own keeper's, and goes with it, while the worker stays.
        """
        book = Notebook()
        async with worker("callables:detaches", **WORKDIR) as make:
            target = make(book)
            await target.start({})
            assert text_of(await events(target)) == "detached"
            grandchild = await until(lambda: pid_in(Path(target._home.workdir) / "grandchild"))
            await target.stop()

            assert not alive(grandchild)
            assert len(book.noted("left_processes")) == 1

    async def test_it_runs_where_the_file_says(self, tmp_path: Path) -> None:
        """
        The working directory is the target's own.
        """
        async with python("callables:where", cwd=str(tmp_path)) as target:
            assert text_of(await events(target)) == str(tmp_path)

    async def test_no_thread_of_the_worker_is_in_the_target(self) -> None:
        """
        A plain callable finds its own thread and the main one.
        """
        async with python("callables:threads") as target:
            assert text_of(await events(target)) == "2"


class TestUnsharedImports:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("reads_settings", "sk-of-this-target same"),
            ("needs_settings", "sk-of-this-target"),
            ("starts_threads", "same"),
            ("starts_processes", "same"),
            ("opens_sockets", "same"),
            ("opens_files", "the first line"),
            ("makes_locks", "same"),
        ],
    )
    async def test_each_target_imports_for_itself(self, name: str, text: str) -> None:
        """
        An import that reads the target's settings, or has what two processes would use together, happens in each anew.
        """
        async with worker(f"{name}:say", **PER_TARGET) as make:
            for _ in range(2):
                target = make(Notebook())
                await target.start({"primary.key": "sk-of-this-target"})
                assert text_of(await events(target)) == text
                await target.stop()

    async def test_an_import_from_the_targets_own_folder_is_made_there(self) -> None:
        """
        Where each target has a folder of its own to be in, what is imported is imported in it.
        """
        async with python("callables:whereabouts", cwd="{workdir}") as target:
            assert text_of(await events(target)).startswith("same")

    async def test_an_import_that_does_not_end_is_given_up(self) -> None:
        """
        What waits for ever while it is imported is a target that does not start.
        """
        with pytest.raises(TargetFailed, match=r"not born within 0\.5 s"):
            async with python("never_imported:say", within=0.5):
                pass

    async def test_a_setting_that_is_the_same_for_all_is_no_reason(self) -> None:
        """
        What has no placeholder is there from the beginning, and the import is shared.
        """
        async with python("reads_settings:say", env={"KEY": "always"}) as target:
            assert text_of(await events(target)) == "always forked"

    async def test_a_module_that_cannot_be_imported_is_told(self) -> None:
        """
        The last lines of a target that does not start hold the traceback of its import.
        """
        with pytest.raises(TargetFailed, match="RuntimeError: this module is broken"):
            async with python("broken:say"):
                pass

    async def test_an_interpreter_that_is_not_there_is_named(self) -> None:
        """
        A wrong path of the interpreter is a failure to start.
        """
        with pytest.raises(TargetFailed, match="no/such/python"):
            async with python("callables:plain", interpreter="no/such/python"):
                pass


class TestShippedTargets:
    @pytest.mark.parametrize("name", ["openai-sdk", "anthropic-sdk", "naive", "reference"])
    def test_what_ships_is_imported_once(self, name: str) -> None:
        """
        No ready-made target makes each of its forks import it anew.
        """
        file = read(Path(targets.__file__).with_name(f"{name}.toml"))
        assert file.call.python is not None
        asked = f"why_unshared({set(file.start.env)!r}, lambda: find({file.call.python.callable!r}))"
        program = f"from brownout.harness.targets.sharing import *; print({asked})"

        assert subprocess.check_output([sys.executable, "-c", program], text=True) == "None\n"  # noqa: S603  # ours


class TestEnd:
    async def test_what_is_registered_for_the_exit_is_run(self) -> None:
        """
        A target that is let go prints its last words.
        """
        book = Notebook()
        async with worker("callables:has_last_words") as make:
            target = make(book)
            await target.start({})
            await events(target)
            await target.stop()

        assert book.said("stdout") == ["registered for the exit"]

    async def test_a_call_that_fails_only_then_tells_nobody_why(self) -> None:
        """
        A thread that is still at a call when all is over prints no more of its error than any other call.
        """
        book = Notebook()
        async with worker("callables:fails_at_the_end") as make:
            target = make(book)
            await target.start({})
            reading = asyncio.ensure_future(events(target))
            await until(lambda: book.said("stdout"))
            await target.stop()
            await reading

        assert any("call c1 failed: ValueError" in line for line in book.said("stderr"))
        assert not any("a secret: hello" in text for _, text in book.logs)

    async def test_what_is_unwritten_is_written(self, tmp_path: Path) -> None:
        """
        A file that the target has not closed holds all that was written to it.
        """
        async with python("callables:has_last_words", cwd=str(tmp_path)) as target:
            await events(target, "file")

        assert (tmp_path / "unwritten").read_text() == "text that only the file's end writes out"


class TestInterpreters:
    @pytest.mark.parametrize("interpreter", interpreters())
    async def test_it_runs_under_every_python(self, interpreter: str) -> None:
        """
        Whatever Python from 3.8 on the target has, it is forked, called and closed.
        """
        book = Notebook()

        async with worker("callables:async_generator", interpreter) as make:
            target = make(book)
            await target.start({})
            assert text_of(await events(target)) == "a b"
            await target.stop()

        assert book.notes == []
