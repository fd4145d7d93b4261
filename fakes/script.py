"""The wire operations a fake plays in answer to one request.

A dialect turns a request into the fair-weather script, faults rewrite it, a player plays it. A script is a plain
sequence of operations, so a fault is a generator over it and is tested without a socket.

    Wait(0.5) Head(200, headers) Send(b"data: ...") Wait(0.02) Send(...) End()      fair weather
    Wait(0.5) Head(200, headers) Send(b"data: ...") Reset()                         cut by a reset

The head decides how the body is framed: with `content-length` bytes go out as they are, with
`transfer-encoding: chunked` each `Send` is one chunk, with `upgrade: websocket` each event is one message, as
`websocket` says, with none of them the end of the connection ends the body.
A script ends with exactly one of `End`, `Close`, `Reset` and `Hang`; what follows it is never played. On a stream of
HTTP/2 it may also end with `ResetStream` or `TurnAway`; what each operation comes to there is at the top of `http2`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for `seconds` of target time."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Head:
    """Send the status line and the headers."""

    status: int
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Send:
    """Send a piece of the body in a segment of its own.

    `part` says what the piece is to the dialect, for faults that aim at one of them:

    body       of a whole answer
    opening    what comes before the first text: role, empty items
    delta      a piece of the text, of a tool call's arguments, of a refusal
    finish     what says that the answer is over, and why; a repetition of the whole text belongs here
    usage      what was used, where it comes in a piece of its own
    sentinel   the end of the stream itself, such as `[DONE]`
    error      an error inside the stream
    garbage    what nobody can parse
    comment    what every client has to ignore
    """

    data: bytes
    part: str = "body"


@dataclass(frozen=True, slots=True)
class Raw:
    """Send bytes past all framing, head and chunk sizes included; what has no head yet has none after it either."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """End the message as its framing demands and keep the connection."""


@dataclass(frozen=True, slots=True)
class Close:
    """Send a FIN, whatever the framing still owes; in a WebSocket session a close frame first, if it has a code."""

    code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reset:
    """Send a RST."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Send nothing more and keep the connection open until the other side leaves."""


@dataclass(frozen=True, slots=True)
class GoAway:
    """On HTTP/2: send GOAWAY, after which no stream begins; the streams that are open are answered to their end."""


@dataclass(frozen=True, slots=True)
class TurnAway:
    """On HTTP/2: send GOAWAY that names another last stream: this one has not been processed and never will be."""


@dataclass(frozen=True, slots=True)
class ResetStream:
    """On HTTP/2: end the stream with RST_STREAM and an error code, by its name in RFC 9113; the connection stays."""

    code: str


Op = Wait | Head | Send | Raw | End | Close | Reset | Hang | GoAway | TurnAway | ResetStream
Script = Iterable[Op]

LAST = (End, Close, Reset, Hang, TurnAway, ResetStream)


def ended(script: Script) -> Iterator[Op]:
    """The script up to and with its first last operation; one that has none ends properly."""
    for op in script:
        yield op
        if isinstance(op, LAST):
            return
    yield End()


def header(headers: Headers, name: str) -> str | None:
    """The first value of a header, its name in lower case."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


def with_headers(head: Head, *changes: tuple[str, str | None]) -> Head:
    """The same head with headers set, or dropped where the value is None."""
    names = {name.lower() for name, _ in changes}
    kept = tuple(pair for pair in head.headers if pair[0].lower() not in names)
    return Head(head.status, kept + tuple((name, value) for name, value in changes if value is not None))


# What a head says of the connection that carries it; on HTTP/2 it means nothing and may not be sent (RFC 9113 8.2.2).
OF_A_CONNECTION = ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade")


def on_a_stream(head: Head) -> Head:
    """The head as a stream of HTTP/2 carries it."""
    return with_headers(head, *((name, None) for name in OF_A_CONNECTION))


def whole(status: int, body: bytes, content_type: str = "application/json", headers: Headers = ()) -> tuple[Op, ...]:
    """A complete message with `content-length`."""
    framing = (("content-type", content_type), ("content-length", str(len(body))))
    return (Head(status, headers + framing), Send(body), End())


def describe(op: Op) -> str:
    """One operation as a report writes it: `wait 0.5`, `send 118 delta`."""
    match op:
        case Wait(seconds):
            return f"wait {seconds:g}"
        case Head(status):
            return f"head {status}"
        case Send(data, part):
            return f"send {len(data)} {part}"
        case Raw(data):
            return f"raw {len(data)}"
        case ResetStream(code):
            return f"reset_stream {code}"
        case Close(code) if code is not None:
            return f"close {code}"
        case _:
            return type(op).__name__.lower()
