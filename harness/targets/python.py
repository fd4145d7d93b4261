"""A target that is a Python callable, in an interpreter of its own.

The worker is started once for a run and forks for each target; see `worker.py`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec

from ...fakes.clock import Clock
from ..clock import preloading
from ..placeholders import names_in
from ..target_file import PythonCall, Start
from . import TargetFailed, Witness
from .lines import LineTarget
from .output import LAST_LINES, Source
from .process import Command, Pipes, Process, launch
from .talk import Talk

WORKER = str(Path(__file__).with_name("worker.py"))


class Unheard:
    """What the worker itself prints, before there is a target, belongs to no history."""

    def log(self, source: str, text: str) -> None:
        """Kept as a last line only."""

    def note(self, what: str, **details: Any) -> None:
        """Nobody asks."""


class Worker:
    """The process that has imported the callable and forks."""

    def __init__(self, call: PythonCall, start: Start, clock: Clock, *, warped: bool = False) -> None:
        self._warped = warped
        self._call = call
        self._start = start
        self._clock = clock
        self._process: Process | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()
        self.folder: str | None = None
        """Where its targets have their folders, for its own keeper to remove: theirs are killed with the rest."""
        self.last: deque[str] = deque(maxlen=LAST_LINES)

    async def start(self) -> None:
        """Start it, unless it runs."""
        async with self._starting:
            if self._process is None or self._process.dead.done():
                await self._end()
                self._process = await self._launch()

    def bear(self, theirs: socket.socket, pipes: Pipes) -> None:
        """Have it fork a keeper and a target."""
        assert self._control is not None
        files = [theirs.fileno(), *(pipes.theirs[name] for name in ("conversation", "stdout", "stderr"))]
        try:
            socket.send_fds(self._control, [b"f"], files)
        except OSError as error:
            raise TargetFailed("the worker has ended") from error

    async def stop(self) -> None:
        """End it."""
        await self._end()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = None

    async def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            await self._process.stop()
        self._control = self._process = None

    async def _launch(self) -> Process:
        self.folder = self.folder or mkdtemp(prefix="brownout-")
        self._control, theirs = socket.socketpair()
        pipes = Pipes(stdin=theirs.detach())
        for name in ("stdout", "stderr"):
            await pipes.keep(name, Source(name, Unheard(), self.last))
        settings = {
            "callable": self._call.callable,
            "path": self._call.path,
            "declared": [name for name, value in self._start.env.items() if changes(value)],
            "share": not changes(self._start.cwd),
        }
        argv = [self._call.interpreter, WORKER, msgspec.json.encode(settings).decode()]
        cwd = os.sep if changes(self._start.cwd) else self._start.cwd
        return await launch(Command(argv, self._env(), cwd, self.folder), pipes, self._clock, Unheard())

    def _env(self) -> Mapping[str, str]:
        """What is the same for every target; the rest is given to each fork."""
        env = {name: value for name, value in os.environ.items() if name not in self._start.env}
        env |= {name: value for name, value in self._start.env.items() if not changes(value)}
        return preloading(env) if self._warped else env


def changes(template: str) -> bool:
    """Whether it has placeholders, and is another for each target."""
    return next(names_in(template), None) is not None


class PythonTarget(LineTarget):
    """One fork of the worker."""

    def __init__(self, worker: Worker, start: Start, clock: Clock, witness: Witness) -> None:
        super().__init__(start, clock, witness)
        self._worker = worker

    async def start(self, places: Mapping[str, str]) -> None:
        """Start the worker, unless it runs, and have it fork."""
        await self._worker.start()
        self._home.inside = self._worker.folder
        await super().start(places)

    async def _launch(self, talk: Talk) -> Process:
        home = self._home
        ours, theirs = socket.socketpair()
        pipes = Pipes(conversation=theirs.detach())
        for name in ("stdout", "stderr"):
            await pipes.keep(name, home.source(name))
        transport, _ = await asyncio.get_running_loop().create_unix_connection(lambda: talk, sock=ours)
        self._speak(transport, talk)
        clock = {} if home.warp is None else {"BROWNOUT_CLOCK": home.warp.path}
        command = Command(["worker"], home.given | clock, home.cwd, home.workdir)
        try:
            within = self._start.ready.within
            return await launch(command, pipes, self._clock, self._witness, self._worker.bear, within)
        except TargetFailed as failed:
            raise TargetFailed("\n".join([str(failed), *self._worker.last])) from failed
