"""What a target prints: cut into lines, with times, and bounded.

A line longer than `LINE_BYTES` is cut there. A source that has said more than `SOURCE_BYTES` is read on, so that the
target never waits for us, and no longer kept; the history says so once, when it begins, because a search for secrets in
what was kept then proves nothing of the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from pathlib import Path

from ...fakes.clock import Clock
from . import Witness

LINE_BYTES = 64 * 1024
SOURCE_BYTES = 4 * 1024 * 1024
EACH_BYTES = 64
"""What keeping a line costs, however short it is."""
LAST_LINES = 20
LOOK_EVERY = 0.1
"""Wall seconds between two looks at a log file."""


class Cutter:
    """Cuts bytes into lines; keeps at most `LINE_BYTES` of one that does not end, or `limit` of one that is JSON."""

    def __init__(self, limit: int = LINE_BYTES) -> None:
        self._json_limit = limit
        self._limit: int | None = None
        self._kept = bytearray()
        self._dropped = 0

    @property
    def empty(self) -> bool:
        """Whether a line has ended and nothing of the next has come."""
        return not self._kept and not self._dropped

    def feed(self, data: bytes) -> list[tuple[bytes, int]]:
        """The lines that are whole by now, each with the number of bytes that its end was cut short by."""
        lines = []
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._add(piece)
            lines.append(self._take())
        self._add(rest)
        return lines

    def end(self) -> list[tuple[bytes, int]]:
        """What is left without a line's end."""
        return [] if self.empty else [self._take()]

    def _take(self) -> tuple[bytes, int]:
        line = bytes(self._kept), self._dropped
        self._kept, self._dropped, self._limit = bytearray(), 0, None
        return line

    def _add(self, piece: bytes) -> None:
        if self._limit is None and (begun := (self._kept + piece[:64]).lstrip()):
            self._limit = self._json_limit if begun[:1] == b"{" else LINE_BYTES
        room = (self._limit or LINE_BYTES) - len(self._kept)
        self._kept += piece[:room]
        self._dropped += max(0, len(piece) - room)


class Source:
    """One stream or file of a target, as far as it is kept."""

    def __init__(self, name: str, witness: Witness, last: deque[str]) -> None:
        self._name = name
        self._witness = witness
        self._last = last
        self._room = SOURCE_BYTES
        self.full = False
        """Whether it has said more than is kept."""

    def keep(self, line: bytes, dropped: int = 0) -> None:
        """Keep a line, if there is room."""
        if self.full:
            return
        self._room -= len(line) + EACH_BYTES
        if self._room < 0:
            self.full = True
            self._witness.note("output_truncated", source=self._name, kept_bytes=SOURCE_BYTES)
            self._log(f"[brownout: {self._name} has said more than {SOURCE_BYTES} bytes; the rest is not kept]")
            return
        text = line.removesuffix(b"\r").decode("utf-8", "replace")
        if dropped:
            self._witness.note("line_truncated", source=self._name, dropped_bytes=dropped)
            text += f" [brownout: {dropped} bytes more]"
        self._log(text)

    def _log(self, text: str) -> None:
        self._last.append(text)
        self._witness.log(self._name, text)


class Printed(asyncio.Protocol):
    """Reads a pipe of the target's to its end, line by line."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._cutter = Cutter()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """The target has printed something."""
        if not self._source.full:
            for line, dropped in self._cutter.feed(data):
                self._source.keep(line, dropped)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody holds the other end any more."""
        for line, dropped in self._cutter.end():
            self._source.keep(line, dropped)
        if not self.ended.done():
            self.ended.set_result(None)


class LogFile:
    """A log file that the target writes, read as it grows; it may be replaced or cut short."""

    def __init__(self, path: Path, source: Source, clock: Clock) -> None:
        self._path = path
        self._source = source
        self._clock = clock
        self._cutter = Cutter()
        self._inode, self._offset = self._now()

    async def follow(self) -> None:
        """Look again and again."""
        while True:
            self.look()
            await self._clock.sleep(LOOK_EVERY * self._clock.rate)

    def look(self) -> None:
        """Read what has come since the last look."""
        inode, size = self._now()
        if inode != self._inode or size < self._offset:
            self._inode, self._offset = inode, 0
        if size == self._offset or self._source.full:
            return
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read(SOURCE_BYTES)
            self._offset += len(data)
            for line, dropped in self._cutter.feed(data):
                self._source.keep(line, dropped)

    def end(self) -> None:
        """Read what is left, a last line without an end too."""
        self.look()
        for line, dropped in self._cutter.end():
            self._source.keep(line, dropped)

    def _now(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_size
