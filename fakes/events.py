"""The events in a body, however they are written: server-sent, in Amazon's frames, or as the body itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from . import frames

LINE_END = re.compile(rb"\r\n|\r|\n")


def payloads(body: bytes) -> Iterator[bytes]:
    """What each event says, what is left of a broken frame, or the body itself where it is no stream of events."""
    whole, rest = frames.split(body)
    if whole:
        yield from (each.said for each in whole)
        if rest:
            yield rest
        return
    lines = LINE_END.split(body.removeprefix(b"\xef\xbb\xbf"))
    if not any(line.startswith(b"data:") for line in lines):
        yield body
        return
    data: list[bytes] = []
    for line in [*lines, b""]:
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []


def with_payloads(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The same events saying something else, in frames of the right length; or the body, changed as a whole."""
    whole, rest = frames.split(data)
    if whole:
        return b"".join(each.saying(change).data for each in whole) + rest
    lines = data.splitlines(keepends=True)
    if not any(line.startswith(b"data:") for line in lines):
        return change(data)
    return b"".join(_with_line(line, change) for line in lines)


def unframed(body: bytes) -> bytes:
    """A body without Amazon's frames; any other as it is."""
    whole, rest = frames.split(body)
    return b"\n".join(each.said for each in whole) + rest if whole else body


def _with_line(line: bytes, change: Callable[[bytes], bytes]) -> bytes:
    text = line.rstrip(b"\r\n")
    if not text.startswith(b"data:") or (changed := change(text[5:])) == text[5:]:
        return line
    return b"data: " + changed + line[len(text) :]
