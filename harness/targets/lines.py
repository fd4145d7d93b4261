"""A target that speaks the line protocol, whatever it runs in."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from ...fakes.clock import Clock
from ..protocol import CallEvent, CallRequest, Quit, encode
from ..target_file import Start
from . import TargetFailed, Witness
from .process import GRACE, Process
from .ready import told, until_ready
from .started import Started
from .talk import Talk

LAST_WORDS = 0.5
"""Wall seconds for reading what a target wrote before it ended; a child of its may hold the pipe open for ever."""


class LineTarget(Started, ABC):
    """Starts it, holds the conversation, and ends the calls that it can no longer answer."""

    def __init__(self, start: Start, clock: Clock, witness: Witness) -> None:
        super().__init__(start, clock, witness)
        self._talk: Talk | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._burying: asyncio.Future[None] | None = None

    async def start(self, places: Mapping[str, str]) -> None:
        """Start it, and wait for its `ready`."""
        self._home.furnish(places)
        talk = self._talk = Talk(self._witness, self._home.source("stdout"))
        try:
            process = self._process = await self._launch(talk)
        except TargetFailed as failed:
            raise TargetFailed(f"{failed}{told(self._home)}") from failed
        self._burying = asyncio.ensure_future(self._bury(talk, process))
        await until_ready(process, self._home, self._clock, self._start.ready.within, talk.ready)

    @property
    def cancels(self) -> bool:
        """Whether a call that says nothing yet can be cancelled, by the target's own word."""
        return self._talk is None or not self._talk.ready.done() or self._talk.ready.result().cancels

    @property
    def presented(self) -> tuple[str | None, str | None]:
        """What its `ready` says."""
        if self._talk is None or not self._talk.ready.done() or self._talk.ready.cancelled():
            return None, None
        ready = self._talk.ready.result()
        return ready.name, ready.version

    def call(self, request: CallRequest) -> AsyncIterator[CallEvent]:
        """Send the call and yield its events."""
        assert self._talk is not None
        return self._talk.call(request)

    async def cancel(self, call: str) -> None:
        """Tell the target that the caller has left."""
        if self._talk is not None:
            self._talk.cancel(call)

    @abstractmethod
    async def _launch(self, talk: Talk) -> Process:
        """Start it, with everything that it says going to the conversation."""

    async def _quit(self, process: Process) -> None:
        """Say that no more calls will come, and let it end by itself."""
        if self._transport is None or process.dead.done():
            return
        self._transport.write(encode(Quit()))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        await process.expect_end(GRACE)

    async def _bury(self, talk: Talk, process: Process) -> None:
        """Wait for the target's end, or for it to go mute; what it had written before is read first."""
        either: list[asyncio.Future[Any]] = [talk.ended, process.dead]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        with self._hears():
            await process.within(LAST_WORDS, talk.ended, process.dead)
        if process.dead.done():
            talk.lose(f"the target has ended: {process.end}")
            return
        if not process.stopping:
            self._witness.note("closed_stdout", pid=self.pid)
        talk.lose("the target has closed its standard output")

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        self._transport = None
        if self._burying is not None:
            self._burying.cancel()
        if self._talk is not None:
            self._talk.lose("the target has been stopped")

    def _speak(self, transport: asyncio.BaseTransport, talk: Talk) -> None:
        writing = self._transport = cast(asyncio.WriteTransport, transport)

        def send(line: bytes) -> bool:
            if writing.is_closing():
                return False
            writing.write(line)
            return True

        talk.send = send
