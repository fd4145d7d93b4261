"""What a caller makes of a reply, whatever shape it has.

The rules, by which nothing that a target does is made better or worse than it is for its callers:

- A status of 400 or more is an error, told by the target.
- A success whose body is not what was asked for is handed over as it came: the caller was told that all is well, and
  this is what it got.
- A reply whose end is missing is an error of kind `cut`, found by the caller's client, as it is for any client.
- A stream that HTTP ends properly is ended: without a finish reason, where it gave none.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, Protocol

from ..protocol import CallEvent, ChunkEvent, Done, Error, whole
from .sse import EventReader, ServerSentEvent

RAW_CHARACTERS = 64 * 1024
"""So much of a body that cannot be read is handed over."""
BODY_BYTES = 64 * 1024 * 1024

BY_STATUS = {
    401: "unauthorized",
    402: "budget",
    403: "unauthorized",
    408: "timeout",
    413: "context",
    429: "rate_limited",
    504: "timeout",
}
BY_CODE = {
    "budget_exceeded": "budget",
    "content_filter": "content_policy",
    "content_policy_violation": "content_policy",
    "context_length_exceeded": "context",
    "insufficient_quota": "budget",
    "rate_limit_error": "rate_limited",
    "rate_limit_exceeded": "rate_limited",
    "timeout": "timeout",
    "timeout_error": "timeout",
}
ENVELOPE = {"message", "type", "param", "code", "status", "request_id"}


class Reading(Protocol):
    """One reply being read."""

    def feed(self, data: bytes) -> list[CallEvent]:
        """What some bytes of the body mean; nothing is read after a `Done` or an `Error`."""

    def end(self) -> CallEvent:
        """What it means that the body has ended properly."""


class Whole:
    """A body that means something only when all of it is there."""

    def __init__(self) -> None:
        self._body = bytearray()

    def feed(self, data: bytes) -> list[CallEvent]:
        """More of it."""
        self._body += data[: BODY_BYTES - len(self._body)]
        return []

    @property
    def text(self) -> str:
        """As text, whatever it is."""
        return self._body.decode("utf-8", "replace")

    def json(self) -> Any:
        """As JSON; None where it is none."""
        return parsed(self.text)


class Refusal(Whole):
    """A reply whose status says that the call has failed."""

    def __init__(self, call: str, status: int) -> None:
        super().__init__()
        self._call = call
        self._status = status

    def end(self) -> CallEvent:
        """The error."""
        body = self.json()
        kind = BY_STATUS.get(self._status, "provider" if self._status >= 500 else "invalid")
        if self._status < 400:
            kind = "other"
        told = body.get("error") if isinstance(body, dict) else None
        if told is None:
            return Error(self._call, kind, self.text[:RAW_CHARACTERS] or f"status {self._status}")
        return Error(self._call, kind_of(told, kind), message_of(told, self.text))


class Stream(ABC):
    """An answer in server-sent events; a dialect says what each of them means."""

    def __init__(self, call: str) -> None:
        self._call = call
        self._events = EventReader()
        self._done = Done(call)
        self._tool_calls: dict[int, dict[str, Any]] = {}
        self._chunks = 0
        self._half = ""
        """The first half of a character that a piece of text ended in."""

    def feed(self, data: bytes) -> list[CallEvent]:
        """What has come, to the stream's end."""
        found: list[CallEvent] = []
        for event in self._events.feed(data):
            found += self._event(event)
            if found and isinstance(found[-1], Done | Error):
                break
        return found

    def end(self) -> CallEvent:
        """The body has ended, with or without the stream's own end."""
        for event in self._events.end():
            for found in self._event(event):
                if isinstance(found, Done | Error):
                    return found
        return self._finished()

    @abstractmethod
    def _event(self, event: ServerSentEvent) -> list[CallEvent]:
        """What one event means."""

    def _said(self, text: str) -> list[CallEvent]:
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        found = chunk(self._call, whole(text.removesuffix(self._half)))
        self._chunks += len(found)
        return found

    def _failed(self, told: Any, event: ServerSentEvent) -> Error:
        message = message_of(told, event.data)
        return Error(self._call, kind_of(told, "provider"), message, partial=self._chunks > 0)

    def _garbled(self) -> Error:
        message = "an event of the stream is no JSON object"
        return Error(self._call, "garbled", message, partial=self._chunks > 0)

    def _finished(self) -> Done:
        self._done.tool_calls = [self._tool_calls[index] for index in sorted(self._tool_calls)] or None
        return self._done


def parsed(text: str) -> Any:
    """The JSON that a text is; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def kind_of(told: Any, otherwise: str) -> str:
    """The kind of an error, by the code or type that its envelope gives."""
    if isinstance(told, dict):
        for field in ("code", "type"):
            name = told.get(field)
            if isinstance(name, str) and name in BY_CODE:
                return BY_CODE[name]
    return otherwise


def message_of(told: Any, body: str) -> str:
    """What the caller is told: the message alone where the envelope holds nothing else, or all of it."""
    if isinstance(told, str):
        return told
    if isinstance(told, dict) and isinstance(told.get("message"), str) and told.keys() <= ENVELOPE:
        return str(told["message"])
    return body[:RAW_CHARACTERS]


def raw(call: str, text: str) -> Done:
    """A success that is not what was asked for, as it came."""
    return Done(call, text=text[:RAW_CHARACTERS])


def as_text(value: Any) -> str:
    """A value where a text was to be expected."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def chunk(call: str, text: str) -> list[CallEvent]:
    """A piece of text, unless it is empty."""
    return [ChunkEvent(call, text)] if text else []


def text_or_none(body: dict[str, Any], field: str) -> str | None:
    """A field that is text."""
    value = body.get(field)
    return value if isinstance(value, str) else None


def dictionary(value: Any) -> dict[str, Any]:
    """A value where an object was to be expected."""
    return value if isinstance(value, dict) else {}


def count(body: dict[str, Any], field: str) -> int | None:
    """A field that is a number of things."""
    value = body.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**62 else None
