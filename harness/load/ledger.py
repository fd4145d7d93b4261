"""Both sides of a load run: whole on disk, slim in memory.

An exchange with its headers, its body and its pieces takes much memory, and a load run has a hundred thousand of them.
So what is over is written down at once, on one of a few shelves by its call's canary, and only what figures and curves
need is kept. A call and its exchanges always lie on the same shelf, so a promise about calls is judged shelf by shelf,
on whole records, with one shelf in memory.

What that costs with 100,000 streamed calls is measured by `bench/load.py`, and stands in BENCHMARKS.md.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from ...fakes.journal import Exchange
from ...fakes.script import header
from ..history import Call, Chunk, History, Record, Sighting, write
from ..history import load as load_history
from ..pii.concealing import Veil, conceal_logs, conceal_record, planted, sightings
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
        self._veil = Veil(rig.personal)
        self._sighted: dict[tuple[str, str, str], Sighting] = {}

    def call(self, call: Call) -> None:
        """A call is over."""
        self._rig.forget_keys(call)
        self._write(call)
        if call.done:
            self.gaps.extend((b.at - a.at) / 1e9 for a, b in zip(call.chunks, call.chunks[1:], strict=False))
        self.calls.append(_slim_call(call))

    def sweep(self, *, everything: bool = False) -> None:
        """Take over the exchanges that are over; at the end also those that never were."""
        for server in self._rig.fakes.values():
            left = []
            for exchange in server.journal:
                if everything or (exchange.finished is not None and exchange.ended):
                    self._write(exchange)
                    self.exchanges.append(_slim_exchange(exchange))
                else:
                    left.append(exchange)
            server.journal[:] = left

    @property
    def sightings(self) -> list[Sighting]:
        """Where each planted value was seen first in each part of calls and exchanges, in each form."""
        return list(self._sighted.values())

    def conceal(self, frame: History) -> None:
        """Make what the frame holds, logs and events, hold no value, and note in it where there were some."""
        frame.sightings = conceal_logs(frame.logs, self._veil)
        for event in frame.events:
            self._veil.record(event)
        frame.planted = planted(self._rig.personal, [*self.sightings, *frame.sightings])

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

    def save(self, path: Path, frame: History) -> None:
        """Write all of it into one file."""
        with path.open("wb") as file:
            write(file, frame.records())
            for part in self._paths:
                with part.open("rb") as source:
                    while data := source.read(1 << 20):
                        file.write(data)

    def discard(self) -> None:
        """Remove the parts."""
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._paths[0].parent.rmdir()

    def _write(self, record: Call | Exchange) -> None:
        """Put what is over on its shelf, without any value that was planted: in clear those are in memory alone."""
        written: list[Record] = [record]
        if self._rig.personal:
            seen = sightings(record, self._veil)
            conceal_record(record, self._veil)
            for one in seen:
                self._sighted.setdefault((one.value, one.place, one.form), one)
            written += seen
        write(self._files[zlib.crc32((record.canary or "").encode()) % len(self._files)], written)


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
