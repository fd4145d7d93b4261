"""Server-sent events, however they are cut (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

END = re.compile(r"\r\n|\n|\r(?!\Z)")
"""The end of a line: LF, CR or both. A CR at the very end may be half of both."""


class Events:
    """Bytes in, the data of whole events out."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> Iterator[str]:
        """The data of each event that is whole with these bytes."""
        self._text += self._decoder.decode(data)
        *lines, self._text = END.split(self._text)
        for line in lines:
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
