"""From a target file to targets."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ...fakes.clock import Clock
from ..clock import WarpClock
from ..target_file import TargetFile
from . import Target, Witness
from .command import CommandTarget
from .http import HttpTarget
from .python import PythonTarget, Worker


class Targets:
    """Makes the targets of one run, and keeps what they share."""

    def __init__(self, file: TargetFile, clock: Clock, *, warped: bool = False) -> None:
        self._file = file
        self._clock = clock
        python = file.call.python
        self._worker = None if python is None else Worker(python, file.start, clock, warped=warped)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End what they share."""
        if self._worker is not None:
            await self._worker.stop()

    def one(self, witness: Witness, warp: WarpClock | None = None) -> Target:
        """A target, not started yet, for real time or a clock; `witness` is told what it says and does."""
        target = self._one(witness)
        if warp is not None:
            target.live_on(warp)
        return target

    def _one(self, witness: Witness) -> Target:
        start, clock = self._file.start, self._clock
        if self._worker is not None:
            return PythonTarget(self._worker, start, clock, witness)
        if self._file.call.http is not None:
            return HttpTarget(self._file.call.http, start, clock, witness)
        assert self._file.call.command is not None
        return CommandTarget(self._file.call.command, start, clock, witness)
