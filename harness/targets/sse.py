"""Server-sent events as the WHATWG has them: bytes in, events out, at whatever place the bytes are cut."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

# A carriage return at the end may be the first half of a line's end.
LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")
EVENT_CHARACTERS = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event; `data` is None where the block had none."""

    name: str
    data: str


class EventReader:
    """Fed with the body of a reply; what is unfinished at the body's end is no event."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
        self._rest = ""
        self._name = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """The events that are whole by now."""
        *lines, self._rest = LINE_END.split(self._rest + self._decode(data))
        self._rest = self._rest[:EVENT_CHARACTERS]
        return [event for line in lines if (event := self._line(line)) is not None]

    def end(self) -> list[ServerSentEvent]:
        """The body has ended: the last line's end may be a lone carriage return."""
        return self.feed(b"\n") if self._rest.endswith("\r") else []

    def _line(self, line: str) -> ServerSentEvent | None:
        if not line:
            event = ServerSentEvent(self._name or "message", "\n".join(self._data)) if self._data else None
            self._name, self._data = "", []
            return event
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None
