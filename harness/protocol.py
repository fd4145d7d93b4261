"""The line protocol between the harness and a target: one JSON object per line, UTF-8.

    -> {"op":"call","id":"c1","messages":[...],"stream":true,...}
    <- {"id":"c1","event":"chunk","text":"..."}
    <- {"id":"c1","event":"done","text":null,"finish":"stop",...}
    <- {"id":"c1","event":"error","kind":"timeout","message":"..."}
    -> {"op":"cancel","id":"c1"}
    -> {"op":"quit"}

Every kind of target is driven through these values; a target of kind `http` has them made by the caller's side.

What a target writes is read leniently where it can only mean one thing: a field of the wrong type is dropped, and the
event stands, because an answer that went unheard over its `cost` would be held against the target as a hung call; a
`text` that is none is given to the caller as JSON. What is no event is a log line.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec


class CallRequest(msgspec.Struct, tag="call", tag_field="op"):
    """What a caller asks of the target."""

    id: str
    messages: list[dict[str, Any]]
    stream: bool = False
    user: str | None = None
    model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    tools: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] = {}


class Cancel(msgspec.Struct, tag="cancel", tag_field="op"):
    """The caller has left."""

    id: str


class Quit(msgspec.Struct, tag="quit", tag_field="op"):
    """No more calls will come."""


class Ready(msgspec.Struct, tag="ready", tag_field="event"):
    """The target takes calls from here on."""

    name: str | None = None
    version: str | None = None
    cancels: bool = True
    """Whether a call that says nothing yet can be told that its caller has left; a blocking function cannot."""


class ChunkEvent(msgspec.Struct, tag="chunk", tag_field="event"):
    """A piece of a streamed answer."""

    id: str
    text: str


class Usage(msgspec.Struct):
    """Tokens as the target accounts for them."""

    input: int | None = None
    output: int | None = None


class Done(msgspec.Struct, tag="done", tag_field="event"):
    """The answer is over; everything but `id` is the target's own account of it."""

    id: str
    text: str | None = None
    finish: str | None = None
    model: str | None = None
    provider: str | None = None
    degraded: bool = False
    usage: Usage | None = None
    cost: float | None = None
    tool_calls: list[dict[str, Any]] | None = None


class Error(msgspec.Struct, tag="error", tag_field="event"):
    """The call has failed and the caller is told.

    Kinds that a target tells: rate_limited, timeout, provider, budget, context, content_policy, invalid, unauthorized,
    other. Kinds that a caller finds, the target having told nothing: see `UNTOLD`.
    """

    id: str
    kind: str = "other"
    message: str = ""
    partial: bool = False


UNTOLD = frozenset({"died", "cut", "refused", "garbled"})
"""The target has ended; the connection broke before the answer's end; it took none; what came cannot be read."""

CallEvent = ChunkEvent | Done | Error
Event = Ready | ChunkEvent | Done | Error
Op = CallRequest | Cancel | Quit

_ENCODER = msgspec.json.Encoder()
_EVENTS = msgspec.json.Decoder(Event)
_KINDS: dict[str, type[Event]] = {"ready": Ready, "chunk": ChunkEvent, "done": Done, "error": Error}


def encode(message: Op | Event) -> bytes:
    """One line."""
    return _ENCODER.encode(message) + b"\n"


def decode_event(line: bytes) -> Event | None:
    """The event a line tells of; None for every other line, which is a log line."""
    try:
        event: Event = _EVENTS.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return event


def mend_event(line: bytes) -> tuple[Event | None, list[str]]:
    """The event that a line means although it is not written as it should be, and what is wrong with it."""
    try:
        read = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None, []
    name = read.get("event") if isinstance(read, dict) else None
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        return None, []
    fields: dict[str, Any] = {}
    wrong = []
    for field in msgspec.structs.fields(kind):
        if field.name in read:
            try:
                fields[field.name] = msgspec.convert(read[field.name], field.type)
            except msgspec.ValidationError:
                wrong.append(field.name)
                if field.name == "text":  # whatever it is, the caller gets it
                    fields["text"] = json.dumps(read["text"])
    try:
        return kind(**fields), wrong
    except TypeError:  # what it cannot do without is missing or wrong
        return None, wrong


def whole(text: str) -> str:
    """The text with halves of characters joined, or replaced where the other half is missing."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def sound(event: CallEvent) -> None:
    """Make all text in an event such that a history can hold it."""
    for field in event.__struct_fields__:
        setattr(event, field, _sound(getattr(event, field)))


def _sound(value: Any) -> Any:
    match value:
        case str():
            return whole(value)
        case list():
            return [_sound(item) for item in value]
        case dict():
            return {_sound(key): _sound(item) for key, item in value.items()}
    return value
