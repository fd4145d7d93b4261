"""Both sides of a load run: whole on disk, slim in memory.

An exchange with its headers, its body and its pieces takes much memory, and a load run has a hundred thousand of them.
So what is over is written down at once, on one of a few shelves by its call's canary, and only what figures and curves
need is kept. A call and its exchanges always lie on the same shelf, so a promise about calls is judged shelf by shelf,
on whole records, with one shelf in memory.

Measured by `bench/load.py` with 100,000 streamed calls: 1.8 kB of memory and 30 us of CPU for each that is taken in, 56
us for each that is judged, and 64 MB while they are.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from ...fakes.journal import Exchange
from ...fakes.script import header
from ..history import Call, Chunk, History, LogLine, Record, write
from ..history import load as load_history
from ..rig import Rig

SHELVES = 32
TELLING = ("retry-after", "retry-after-ms", "date")
"""Headers of replies that figures need."""


class Ledger:
    """Takes in calls and exchanges as they end."""

    def __init__(self, folder: Path, rig: Rig, shelves: int = SHELVES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._rig = rig
        self._paths = [folder / f"{number}.jsonl" for number in range(shelves)]
        self._files: list[BinaryIO] = [path.open("wb") for path in self._paths]
        self.calls: list[Call] = []
        """Slim: without what was said, and of the chunks the first and the last."""
        self.exchanges: list[Exchange] = []
        """Slim: without headers, bodies and pieces."""
        self.gaps = array("f")
        """Seconds between two pieces of an answer, of all streamed answers."""

    def call(self, call: Call) -> None:
        """A call is over."""
        mask = self._rig.mask.text
        call.text, call.message = mask(call.text), mask(call.message)
        call.chunks = [Chunk(chunk.at, mask(chunk.text)) for chunk in call.chunks]
        self._write(call, call.canary)
        if call.done:
            self.gaps.extend((b.at - a.at) / 1e9 for a, b in zip(call.chunks, call.chunks[1:], strict=False))
        self.calls.append(_slim_call(call))

    def sweep(self, *, everything: bool = False) -> None:
        """Take over the exchanges that are over; at the end also those that never were."""
        for server in self._rig.fakes.values():
            left = []
            for exchange in server.journal:
                if everything or (exchange.finished is not None and exchange.ended):
                    self._write(exchange, exchange.canary)
                    self.exchanges.append(_slim_exchange(exchange))
                else:
                    left.append(exchange)
            server.journal[:] = left

    def close(self) -> None:
        """Nothing more will come."""
        for file in self._files:
            file.close()
        self.calls.sort(key=lambda call: call.started)
        self.exchanges.sort(key=lambda exchange: exchange.started)

    def shelves(self, frame: History) -> Iterator[History]:
        """Each part of the history, whole, in the frame of heading and events; one at a time."""
        for path in self._paths:
            yield load_history(path, frame)

    def save(self, path: Path, frame: History, logs: Iterable[LogLine]) -> None:
        """Write all of it into one file."""
        with path.open("wb") as file:
            write(file, frame.records())
            for part in self._paths:
                with part.open("rb") as source:
                    while data := source.read(1 << 20):
                        file.write(data)
            write(file, logs)

    def discard(self) -> None:
        """Remove the parts."""
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._paths[0].parent.rmdir()

    def _write(self, record: Record, canary: str | None) -> None:
        write(self._files[zlib.crc32((canary or "").encode()) % len(self._files)], [record])


def _slim_call(call: Call) -> Call:
    ends = [call.chunks[0], call.chunks[-1]] if call.chunks else []
    return Call(
        call.id,
        call.canary,
        call.started,
        stream=call.stream,
        user=None if call.user is None else sys.intern(call.user),
        chunks=[Chunk(chunk.at, "") for chunk in ends],
        ended=call.ended,
        error=None if call.error is None else sys.intern(call.error),
        degraded=call.degraded,
        cost=call.cost,
        cancelled=call.cancelled,
        given_up=call.given_up,
        ends=call.ends,
    )


def _slim_exchange(exchange: Exchange) -> Exchange:
    headers = tuple((name, value) for name in TELLING if (value := header(exchange.headers, name)) is not None)
    return msgspec.structs.replace(
        exchange,
        pieces=[],
        request_headers=(),
        request_body="",
        texts=(),
        tools=(),
        answer=None,
        script=[],
        headers=headers,
        path=sys.intern(exchange.path),
    )
