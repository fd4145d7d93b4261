"""Server-sent events, however they are cut (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

import codecs
from collections.abc import Iterator


class Events:
    """Bytes in, the data of whole events out."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> Iterator[str]:
        """The data of each event that is whole with these bytes."""
        self._text += self._decoder.decode(data)
        for line in self._lines():
            if line:
                field, _, value = line.partition(":")
                if field == "data":
                    self._data.append(value.removeprefix(" "))
            elif self._data:
                event, self._data = "\n".join(self._data), []
                yield event

    @property
    def unfinished(self) -> bool:
        """Whether the bytes so far end inside an event."""
        return bool(self._text.strip() or self._data)

    def _lines(self) -> Iterator[str]:
        """Whole lines; a line ends with LF, CR or both, and a CR at the very end may be half of both."""
        start = 0
        while (end := _line_end(self._text, start)) is not None:
            yield self._text[start : end[0]]
            start = end[1]
        self._text = self._text[start:]


def _line_end(text: str, start: int) -> tuple[int, int] | None:
    places = [place for mark in "\r\n" if (place := text.find(mark, start)) >= 0]
    if not places:
        return None
    end = min(places)
    if text[end] == "\n":
        return end, end + 1
    if end + 1 == len(text):
        return None
    return end, end + 2 if text[end + 1] == "\n" else end + 1
