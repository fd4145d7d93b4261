"""What every dialect needs to write its wire: JSON, server-sent events, identifiers."""

from __future__ import annotations

import json
import math
from base64 import b32encode
from datetime import UTC, datetime
from hashlib import shake_256
from typing import TYPE_CHECKING, Any

import msgspec

from ..script import Head, Headers, Send

if TYPE_CHECKING:
    from ..ask import Ask

EVENT_STREAM: Headers = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("transfer-encoding", "chunked"),
)


class Unreadable(Exception):
    """Bytes that are no JSON."""


def json_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8, as providers send it; what UTF-8 cannot carry becomes a question mark."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def json_value(data: bytes) -> Any:
    """The value of strict JSON in UTF-8; anything else is `Unreadable`."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def rfc3339(seconds: float) -> str:
    """A date in UTC, its seconds rounded up: who waits until then has waited long enough."""
    return datetime.fromtimestamp(math.ceil(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sse(data: bytes, part: str, event: str | None = None) -> Send:
    """One server-sent event."""
    name = b"event: %b\n" % event.encode() if event else b""
    return Send(b"%bdata: %b\n\n" % (name, data), part)


def stream_head(headers: Headers = ()) -> Head:
    """The head of a stream of server-sent events."""
    return Head(200, (*headers, *EVENT_STREAM))


def hex_id(ask: Ask, prefix: str, digits: int = 32, *salt: object) -> str:
    """An identifier in hexadecimal; see `_digest`."""
    return prefix + _digest(ask, prefix, salt, (digits + 1) // 2).hex()[:digits]


def text_id(ask: Ask, prefix: str, digits: int = 24, *salt: object) -> str:
    """An identifier in letters and digits; see `_digest`."""
    return prefix + b32encode(_digest(ask, prefix, salt, digits)).decode().rstrip("=")[:digits]


def _digest(ask: Ask, prefix: str, salt: tuple[object, ...], size: int) -> bytes:
    """Bytes that are the same for the same request, however often it is rendered, and others for any other.

    The attempt counts requests of one canary at one fake, so that two exchanges never share them.
    """
    request = ask.request
    seen = (ask.fake.name, ask.canary, ask.attempt, request.method, request.path, request.query, prefix, *salt)
    return shake_256("/".join(map(str, seen)).encode("utf-8", "replace") + request.body).digest(size)
