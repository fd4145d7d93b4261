"""One start of a program: its keeper, its pipes, its end.

The harness drives the keeper (see `keeper.py`) over the lifeline and keeps the time: TERM, a grace, KILL.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import msgspec

from ...fakes.clock import Clock
from . import TargetFailed, Witness
from .keeper import descendants, families
from .output import Printed, Source

KEEPER = str(Path(__file__).with_name("keeper.py"))
GRACE = 2.0
"""Wall seconds between TERM and KILL."""
BURIAL = 10.0
"""Wall seconds after which what was killed should be gone; what is not hangs in the kernel."""


MARK = "BROWNOUT_TARGET"
"""Names the start in the environment of everything started, should a keeper be killed."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be started, every placeholder filled."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    folder: str | None = None
    """Removed when the harness crashes."""


class Pipes:
    """A program's standard streams: one end to be given away, the other being read."""

    def __init__(self, **theirs: int) -> None:
        self.theirs = theirs
        self.ends: list[asyncio.Future[None]] = []
        """When each has been read to its end."""

    async def keep(self, name: str, source: Source) -> None:
        """Read a stream as log lines."""
        reader, self.theirs[name] = os.pipe()
        _, protocol = await asyncio.get_running_loop().connect_read_pipe(
            lambda: Printed(source), os.fdopen(reader, "rb", 0)
        )
        self.ends.append(protocol.ended)

    def give_away(self) -> None:
        """Close the ends that are the program's."""
        for number in self.theirs.values():
            os.close(number)
        self.theirs = {}


class Lifeline(asyncio.Protocol):
    """The harness's end of the socket to a keeper: what is kept, and how it is."""

    def __init__(self, command: Command) -> None:
        loop = asyncio.get_running_loop()
        self._command = command
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self.started: asyncio.Future[int] = loop.create_future()
        self.ended: asyncio.Future[int | None] = loop.create_future()
        """The program's exit code, negative for a signal; None when its keeper took it along."""
        self.gone: asyncio.Future[None] = loop.create_future()
        """When nothing that was started lives any more."""
        self.closed: asyncio.Future[None] = loop.create_future()
        """When the keeper itself has ended."""
        self.keeper = 0
        self.pid = 0
        self.buried = False
        """Whether the keeper has said that nothing is left."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The keeper waits for its order."""
        # uvloop's transports do all that asyncio's do, and are none of its classes.
        self._transport = cast("asyncio.Transport", transport)
        self.say(msgspec.to_builtins(self._command))

    def say(self, message: dict[str, Any]) -> None:
        """Order something; nothing happens when the keeper has ended."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(msgspec.json.encode(message) + b"\n")

    def data_received(self, data: bytes) -> None:
        """The keeper reports."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            match msgspec.json.decode(line):
                case {"pid": pid, "keeper": keeper}:
                    self.pid, self.keeper = pid, keeper
                    if not self.started.done():  # nobody waits where the run was interrupted
                        self.started.set_result(pid)
                case {"failed": why} if not self.started.done():
                    self.started.set_exception(TargetFailed(f"the target could not be started: {why}"))
                case {"ended": code}:
                    self.ended.set_result(code)
                case {"gone": _}:
                    self.buried = True
                    self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        """The keeper has ended, and with it what it kept."""
        if not self.started.done():
            self.started.set_exception(TargetFailed("the target could not be started: its keeper has ended"))
        self._settle()
        if not self.closed.done():
            self.closed.set_result(None)

    def sweep(self) -> None:
        """Kill what carries the mark: the keeper was killed itself and could not."""
        mark = f"{MARK}={self._command.env[MARK]}".encode()
        for pid in chain.from_iterable(families().values()):
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go: whatever still lives is killed."""
        if self._transport is not None:
            self._transport.close()

    def _settle(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        if not self.gone.done():
            self.gone.set_result(None)


class Process:
    """A program that runs, its output being kept."""

    def __init__(
        self, life: Lifeline, child: subprocess.Popen[bytes] | None, pipes: Pipes, clock: Clock, witness: Witness
    ) -> None:
        self._child = child
        self._clock = clock
        self._witness = witness
        self._ends = pipes.ends
        self.stopping = False
        """Whether it is to end."""
        self.life = life
        self.dead: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """How it ended: it has failed, or nothing of it lives. One that has detached itself and left lives on."""
        life.ended.add_done_callback(lambda ended: self._die() if ended.result() != 0 else None)
        life.gone.add_done_callback(lambda gone: self._die())

    @property
    def end(self) -> str:
        """How it ended, in words."""
        code = self.life.ended.result() if self.life.ended.done() else None
        if code is None:
            return "it is gone"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    async def stop(self, grace: float = GRACE) -> None:
        """TERM, a grace, KILL; what had to be done is noted."""
        self.stopping = True
        if not self.life.gone.done() and not self.life.closed.done():
            left = names(self.life.keeper) if self.life.ended.done() else []
            if left:
                self._witness.note("left_processes", processes=left)
            self.life.say({"op": "signal", "number": int(signal.SIGTERM)})
            if not await self.within(grace, self.life.ended):
                self._witness.note("ignored_term", grace_seconds=grace, processes=names(self.life.keeper))
            elif not left and not await self.within(grace, self.life.gone):
                self._witness.note("left_processes", processes=names(self.life.keeper))
        await self.kill()

    async def expect_end(self, seconds: float) -> None:
        """Give it so many wall seconds to end by itself."""
        self.stopping = True
        if not await self.within(seconds, self.life.ended):
            self._witness.note("ignored_quit", grace_seconds=seconds)

    async def kill(self) -> None:
        """KILL, for all of it, and wait until it is gone."""
        self.stopping = True
        self.life.say({"op": "kill"})
        if not await self.within(BURIAL, self.life.closed):
            self._witness.note("left_running", processes=names(self.life.keeper))
        elif self._child is not None:
            self._child.wait()
        if not self.life.buried:
            self.life.sweep()
        self.life.close()
        await self.within(GRACE, *self._ends)

    async def within(self, seconds: float, *futures: asyncio.Future[Any]) -> bool:
        """Whether they are all done within so many wall seconds."""
        timer = asyncio.ensure_future(self._clock.sleep(seconds * self._clock.rate))
        done = asyncio.ensure_future(asyncio.wait(futures)) if futures else None
        try:
            await asyncio.wait({timer} | ({done} if done else set()), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            if done:
                done.cancel()
        return all(future.done() for future in futures)

    def _die(self) -> None:
        if self.dead.done():
            return
        self.dead.set_result(self.end)
        if not self.stopping:
            self._witness.note("target_died", end=self.end, pid=self.life.pid)


Bear = Callable[[socket.socket, Pipes], "subprocess.Popen[bytes] | None"]
"""Brings a keeper into the world, which gets the lifeline's other end and the program's streams."""


def bear(theirs: socket.socket, pipes: Pipes) -> subprocess.Popen[bytes]:
    """A keeper of its own, for a command."""
    argv = [sys.executable, "-I", "-S", KEEPER, str(theirs.fileno())]
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, **pipes.theirs}
    # What is preloaded into targets is not meant for it; where its interpreter finds its libraries is.
    env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return subprocess.Popen(argv, pass_fds=(theirs.fileno(),), start_new_session=True, env=env, **streams)  # noqa: S603


def names(keeper: int) -> list[str]:
    """The names of everything that a keeper keeps."""
    found = []
    for pid in descendants(keeper):
        with contextlib.suppress(OSError):
            found.append(Path(f"/proc/{pid}/comm").read_text("utf-8").strip())
    return found


async def launch(
    command: Command,
    pipes: Pipes,
    clock: Clock,
    witness: Witness,
    bear: Bear = bear,
    within: float | None = None,
) -> Process:
    """Start a command below a keeper; `TargetFailed` says why it could not be, or was not `within` wall seconds."""
    loop = asyncio.get_running_loop()
    marked = replace(command, env={**command.env, MARK: uuid4().hex})
    ours, theirs = socket.socketpair()
    try:
        child = bear(theirs, pipes)
    finally:
        theirs.close()
        pipes.give_away()
    _, life = await loop.create_unix_connection(lambda: Lifeline(marked), sock=ours)
    process = Process(life, child, pipes, clock, witness)
    try:
        async with asyncio.timeout(within):
            await life.started
    except TimeoutError:
        await process.kill()
        raise TargetFailed(f"the target was not born within {within:g} s: its import has not ended") from None
    except BaseException:
        await process.kill()
        raise
    return process
