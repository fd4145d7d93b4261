"""The Responses API over a WebSocket: each `response.create` is the body of a POST, its answer the stream without SSE.

Responses of this connection can be continued although they were not stored. `stream_id` names a lane, in which
answers keep their order; here all lanes share one line, so that an answer never begins before the one asked for earlier
has ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ...script import Close, End, Head, Headers, Op, Send, header
from ..refusing import Refused
from ..session import SPOKEN, Heard, Session
from ..wire import Unreadable, json_bytes, json_value, sse
from . import limits, troubles
from .realtime_events import FINISHES
from .refusing import check_window, read_body
from .responses import Kept
from .validation import of_type, one_of, refuse

if TYPE_CHECKING:
    from ...ask import Ask, Request, Trouble
    from . import OpenAI

LANES = 32
LANE = re.compile(r"[A-Za-z0-9_.-]{1,256}")
HINTS = ("retry-after", "retry-after-ms", "x-should-retry")
ENVELOPE = ("type", "stream_id", "generate")


class ResponsesSession(Session):
    """One client's session."""

    name = "openai"
    route = "responses"
    troubles = frozenset(troubles.TROUBLES)
    writing = frozenset({"responses"})
    finishes = MappingProxyType(FINISHES)
    closed_lists = frozenset({"service_tier", "truncation"})

    def __init__(self, provider: OpenAI, ask: Ask) -> None:
        self._provider = provider
        self._handshake = ask
        self._lanes: set[str] = set()
        self._kept = Kept()

    def key(self, request: Request) -> str | None:
        """The key that the handshake has brought."""
        return self._provider.key(request)

    def hear(self, message: str | bytes, *, busy: bool, now: float) -> Heard:
        """Every `response.create` is an exchange; there is nothing else to say."""
        try:
            event = json_value(message.encode("utf-8", "replace") if isinstance(message, str) else message)
            of_type("event", event, dict)
            one_of("type", event.get("type"), ("response.create",))
            self._check_lane(event.get("stream_id"))
        except Unreadable:
            return self._refused(refuse("Invalid event: failed to parse JSON value.", None, "invalid_json"))
        except Refused as refused:
            return self._refused(refused)
        return Heard(asks=True)

    def _check_lane(self, lane: Any) -> None:
        if lane is None:
            return
        of_type("stream_id", lane, str)
        if not LANE.fullmatch(lane):
            raise refuse(f"Invalid 'stream_id': it has to match {LANE.pattern}.", "stream_id", "invalid_value")
        if len(self._lanes | {lane}) > LANES:
            why = "This WebSocket connection has reached its stream limit."
            raise refuse(why, "stream_id", "websocket_stream_limit_reached")
        self._lanes.add(lane)

    def _refused(self, refused: Refused) -> Heard:
        return Heard((_error(self._provider.error(self._handshake, refused.trouble), 400, None),))

    def understand(self, ask: Ask) -> None:
        """Fill in what a response is asked for, as of a POST."""
        event = json_value(ask.request.body)
        ask.body = {name: value for name, value in event.items() if name not in ENVELOPE} | {"stream": True}
        if event.get("background"):
            raise refuse("Background mode is not supported over WebSocket.", "background", "unsupported_parameter")
        read_body(ask)
        self._provider.responses.read(ask, self._kept)
        check_window(ask)

    def say(self, ask: Ask) -> Sequence[Op]:
        """The stream of a response."""
        self._kept.lane = _lane(ask)
        if json_value(ask.request.body).get("generate") is False:
            return self._spoken(ask, self._provider.responses.prepare(ask, self._kept))
        return self._spoken(ask, self._provider.responses.answer(ask, self._kept))

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper answer without its substance."""
        return self._spoken(ask, self._provider.responses.hollow(ask, how))

    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """An `error` event with the status and the headers that HTTP would have had."""
        if isinstance(ask.body, dict):
            self._kept.forget(ask.body.get("previous_response_id"))
        status = trouble.status or troubles.row(trouble).status
        hints = tuple(pair for pair in limits.retry_headers(trouble) if pair[0] in HINTS)
        event = _error(self._provider.error(ask, trouble), status, _lane(ask), dict(hints))
        return (Head(status, (*SPOKEN, *hints)), event, End())

    def carried(self, before: list[Op], after: list[Op]) -> list[Op]:
        """The hints of a refusal's head are in the error that it is; nothing else of a head is."""
        first = next((op for op in after if isinstance(op, Send)), None)
        carried = super().carried(before, after)
        if first is None or first.part != "error" or carried is before:
            return carried
        hints, told = _hints(after), _whole(first)
        if told is None:
            # In pieces already: it tells of what it has told of before.
            hints, heard = _hints(before), first
        else:
            told["error"].pop("headers", None)
            told["error"] |= {"headers": dict(hints)} if hints else {}
            heard = sse(json_bytes(told), "error")
        return [
            Head(op.status, (*SPOKEN, *hints)) if isinstance(op, Head) else heard if op is first else op
            for op in carried
        ]

    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The error event's own text."""
        event = _error(self._provider.error(ask, trouble), trouble.status or troubles.row(trouble).status, _lane(ask))
        return event.data.removeprefix(b"data: ").strip()

    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The event that tells of an error inside a response; an `error` has its details in one place here."""
        told = _value(self._provider.midstream_error(ask, trouble, sent))
        if told["type"] == "error":
            told = {"type": "error", "sequence_number": sent, "error": self._provider.error(ask, trouble)}
        return sse(json_bytes(_in_lane(told, _lane(ask))), "error")

    def garbage(self, ask: Ask) -> Send:
        """A message that nobody can parse."""
        return self._provider.garbage(ask)

    def ping(self, ask: Ask) -> Send:
        """A ping frame."""
        return self._provider.ping(ask)

    def unknown_event(self, ask: Ask) -> Send | None:
        """An event of a type that there is not."""
        event = self._provider.unknown_event(ask)
        return None if event is None else sse(json_bytes(_in_lane(_value(event), _lane(ask))), "comment")

    def cancelled(self, ask: Ask, said: bytes) -> tuple[Send, ...]:
        """Nothing: a client has no way to cancel a response here but to leave."""
        return ()

    def expired(self, now: float) -> tuple[Send, Close]:
        """After an hour."""
        told = {
            "message": "Responses websocket connection limit reached (60 minutes). Create a new websocket connection "
            "to continue.",
            "type": troubles.INVALID,
            "param": None,
            "code": "websocket_connection_limit_reached",
        }
        return _error(told, 400, None), Close(1000)

    def _spoken(self, ask: Ask, script: Sequence[Op]) -> Sequence[Op]:
        return tuple(_spoken(script, _lane(ask)))


def _spoken(script: Sequence[Op], lane: str | None) -> Iterator[Op]:
    """A stream's script as a session has it: its head is not sent, its events may name a lane."""
    for op in script:
        match op:
            case Head(status):
                yield Head(status, SPOKEN)
            case Send(_, part):
                yield op if lane is None else sse(json_bytes(_in_lane(_value(op), lane)), part)
            case _:
                yield op


def _value(event: Send) -> dict[str, Any]:
    told: dict[str, Any] = json_value(event.data.partition(b"data: ")[2].strip())
    return told


def _whole(event: Send) -> dict[str, Any] | None:
    """The error in a piece of a script; None where it holds another amount of it than all."""
    try:
        told = _value(event)
    except Unreadable:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("error"), dict) else None


def _hints(ops: Sequence[Op]) -> Headers:
    head = next((op for op in ops if isinstance(op, Head)), Head(0))
    return tuple((name, value) for name in HINTS if (value := header(head.headers, name)) is not None)


def _in_lane(told: dict[str, Any], lane: str | None) -> dict[str, Any]:
    return told if lane is None else {**told, "stream_id": lane}


def _lane(ask: Ask) -> str | None:
    try:
        event = json_value(ask.request.body)
    except Unreadable:
        return None
    given = event.get("stream_id") if isinstance(event, dict) else None
    return given if isinstance(given, str) else None


def _error(error: dict[str, Any], status: int, lane: str | None, hints: dict[str, str] | None = None) -> Send:
    told: dict[str, Any] = {"type": "error", "error": {**error, **({"headers": hints} if hints else {})}}
    # Under a status that says all is well there is none to tell of.
    told |= {"status": status} if status >= 400 else {}
    return sse(json_bytes(_in_lane(told, lane)), "error")
