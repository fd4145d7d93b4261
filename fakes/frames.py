"""Amazon's binary event stream: each message is a frame.

    bytes
    4       length of the whole frame
    4       length of its headers
    4       CRC32 of these two
    n       headers: length of the name, name, type, value
    m       payload
    4       CRC32 of everything before it

Numbers are big-endian. Headers are written as strings (type 7), the only ones that Bedrock has; those that are read
stay the bytes they are.

Bedrock puts events of another provider into frames too: their JSON, in base64, is the field `bytes` of the payload's.
"""

from __future__ import annotations

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"
LENGTHS, NUMBER = struct.Struct(">II"), struct.Struct(">I")
PRELUDE_BYTES = LENGTHS.size + NUMBER.size
AROUND_BYTES = PRELUDE_BYTES + NUMBER.size
"""All that is neither header nor payload."""
STRING = 7


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    headers: bytes
    payload: bytes

    @property
    def data(self) -> bytes:
        """As it stands on the wire."""
        lengths = LENGTHS.pack(AROUND_BYTES + len(self.headers) + len(self.payload), len(self.headers))
        data = lengths + NUMBER.pack(crc32(lengths)) + self.headers + self.payload
        return data + NUMBER.pack(crc32(data))

    @property
    def said(self) -> bytes:
        """What it says: the event of another provider where it holds one, or else its payload."""
        wrapped = _wrapped(self.payload)
        return self.payload if wrapped is None else wrapped[1]

    def saying(self, change: Callable[[bytes], bytes]) -> Frame:
        """The same frame, saying something else."""
        wrapped = _wrapped(self.payload)
        if wrapped is None:
            return replace(self, payload=change(self.payload))
        fields, event = wrapped
        return replace(self, payload=_json({**fields, "bytes": b64encode(change(event)).decode()}))


def frame(headers: Sequence[tuple[str, str]], payload: bytes) -> bytes:
    """One message on the wire."""
    return Frame(b"".join(_header(name, value) for name, value in headers), payload).data


def wrapping(event: bytes, **fields: Any) -> bytes:
    """The payload that holds the event of another provider."""
    return _json({"bytes": b64encode(event).decode(), **fields})


def split(data: bytes) -> tuple[list[Frame], bytes]:
    """The whole frames that data begins with, and the rest."""
    found = [(Frame(data[start + PRELUDE_BYTES : at], data[at:end]), end) for start, at, end in _spans(data)]
    return [each for each, _ in found], data[found[-1][1] + NUMBER.size :] if found else data


def texts(data: bytes) -> list[tuple[int, int]]:
    """Where in data there is text: in the payloads of its frames, or everywhere where there are none."""
    return [(at, end) for _, at, end in _spans(data)] or [(0, len(data))]


def _spans(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Where each whole frame begins, where its payload does, and where that ends."""
    start = 0
    while len(data) - start >= AROUND_BYTES:
        total, headers = LENGTHS.unpack_from(data, start)
        prelude, end = data[start : start + LENGTHS.size], start + total - NUMBER.size
        if crc32(prelude) != NUMBER.unpack_from(data, start + LENGTHS.size)[0] or total < AROUND_BYTES + headers:
            return
        if end + NUMBER.size > len(data) or crc32(data[start:end]) != NUMBER.unpack_from(data, end)[0]:
            return
        yield start, start + PRELUDE_BYTES + headers, end
        start += total


def _header(name: str, value: str) -> bytes:
    text = value.encode("utf-8", "replace")[:32767]
    return bytes([len(name)]) + name.encode() + struct.pack(">BH", STRING, len(text)) + text


def _wrapped(payload: bytes) -> tuple[dict[str, Any], bytes] | None:
    """The fields of a payload that holds another provider's event, and the event."""
    try:
        fields = json.loads(payload)
        return fields, b64decode(fields["bytes"], validate=True)
    except (ValueError, LookupError, TypeError):
        return None


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
