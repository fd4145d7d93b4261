"""A target that is a command and speaks the line protocol on its standard streams."""

from __future__ import annotations

import asyncio
import os

from ...fakes.clock import Clock
from ..placeholders import fill
from ..target_file import CommandCall, Start
from . import Witness
from .lines import LineTarget
from .process import Command, Pipes, Process, launch
from .talk import Talk


class CommandTarget(LineTarget):
    """Runs the command, and talks to it line by line."""

    def __init__(self, call: CommandCall, start: Start, clock: Clock, witness: Witness) -> None:
        super().__init__(start, clock, witness)
        self._call = call

    async def _launch(self, talk: Talk) -> Process:
        home = self._home
        loop = asyncio.get_running_loop()
        stdin, ops = os.pipe()
        events, stdout = os.pipe()
        pipes = Pipes(stdin=stdin, stdout=stdout)
        pipes.ends.append(talk.ended)
        await pipes.keep("stderr", home.source("stderr"))
        transport, _ = await loop.connect_write_pipe(asyncio.Protocol, os.fdopen(ops, "wb", 0))
        self._speak(transport, talk)
        await loop.connect_read_pipe(lambda: talk, os.fdopen(events, "rb", 0))
        argv = [fill(word, home.places) for word in self._call.command]
        command = Command(argv, home.env, home.cwd, home.workdir)
        return await launch(command, pipes, self._clock, self._witness)
