"""A Realtime session: settings, a conversation of items, and responses to it, in text.

What comes in is text and what goes out is text. Audio is refused as the API refuses what a model cannot do: modalities
other than text, parts with audio and the buffer of input audio each get an `error` event, so that nobody takes silence
for an answer. A response that fails is `response.done` with status "failed" (rate limits, overloads and errors of the
server); what a client asks wrongly is an `error` event, after which the session goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ...answer import count_tokens
from ...ask import Trouble
from ...script import Close, End, Head, Op, Send
from ..reading import texts_of
from ..refusing import Refused
from ..saying import say
from ..session import SECONDS, SPOKEN, Heard, Session
from ..wire import Unreadable, hex_id, json_bytes, json_value, sse
from . import realtime_events as events
from . import troubles
from .completion import wants
from .conversation import Conversation
from .limits import request_id
from .reading import IMAGE_TOKENS, TEXTS, tool_name
from .realtime_checks import SILENT, check_item, check_session, check_settings
from .realtime_settings import beginning, merged
from .refusing import refuse_model
from .validation import missing, of_type, refuse

if TYPE_CHECKING:
    from ...ask import Ask, Request
    from . import OpenAI

CLIENT_EVENTS = (
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "response.create",
    "response.cancel",
)
Event = dict[str, Any]
Spoken = tuple[str, dict[str, Any]]


class Realtime(Session):
    """One client's session."""

    name = "openai"
    route = "realtime.response"
    troubles = frozenset(troubles.TROUBLES)
    writing = frozenset({"realtime.response"})
    finishes = MappingProxyType(events.FINISHES)

    def __init__(self, provider: OpenAI, ask: Ask) -> None:
        self._provider = provider
        self._handshake = ask
        self._model = ask.model
        self._said = 0
        self._conversation = Conversation()
        self._conversation_id = hex_id(ask, "conv_", 21)
        self._settings = beginning(ask)
        self._active: str | None = None
        self._aside = False
        """Whether the response under way is none of the conversation's."""

    def key(self, request: Request) -> str | None:
        """The key that the handshake has brought."""
        return self._provider.key(request)

    def greeting(self, ask: Ask) -> tuple[Send, ...]:
        """The settings with which the session begins."""
        told = {"session": self._settings}
        return (events.written(events.event_id(ask, "greeting"), "session.created", "opening", told),)

    # What the client says.

    def hear(self, message: str | bytes, *, busy: bool, now: float) -> Heard:
        """Settings and items are answered at once, a `response.create` is an exchange."""
        if isinstance(message, bytes):
            why = "Expected a text WebSocket message; binary frames are not supported."
            return self._refused(refuse(why, None, "invalid_event"), {})
        try:
            event = json_value(message.encode("utf-8", "replace"))
        except Unreadable:
            return self._refused(refuse("Invalid event: failed to parse JSON value.", None, "invalid_json"), {})
        if not isinstance(event, dict) or "type" not in event:
            return self._refused(refuse("The 'type' field is missing.", None, "invalid_event"), {})
        try:
            return self._heard(event, busy=busy)
        except Refused as refused:
            return self._refused(refused, event)

    def _heard(self, event: Event, *, busy: bool) -> Heard:
        match event["type"]:
            case "response.create":
                return Heard(asks=True, refusal=self._conflict(event) if busy else None)
            case "response.cancel":
                return self._cancel(event, busy=busy)
            case kind if isinstance(kind, str) and kind.startswith("input_audio_buffer.") and kind in CLIENT_EVENTS:
                raise refuse(SILENT, "type", "invalid_value")
            case kind if isinstance(kind, str) and kind in self._actions:
                return Heard(tuple(self._event(name, fields) for name, fields in self._actions[kind](self, event)))
            case kind:
                *most, last = (f"'{name}'" for name in CLIENT_EVENTS)
                listed = f"{', '.join(most)}, and {last}"
                raise refuse(f"Invalid value: '{kind}'. Supported values are: {listed}.", "type", "invalid_value")

    def _update(self, event: Event) -> Iterator[Spoken]:
        if "session" not in event:
            raise missing("session")
        self._settings = merged(self._settings, check_session(event["session"], self._model))
        yield "session.updated", {"session": self._settings}

    def _create(self, event: Event) -> Iterator[Spoken]:
        if "item" not in event:
            raise missing("item")
        item = check_item("item", event["item"])
        own = {"id": item.get("id") or self._name("item_"), "object": "realtime.item", "status": "completed"}
        item = {name: value for name, value in {**item, **own}.items() if value is not None}
        self._conversation.insert(item, event.get("previous_item_id"))
        told = {"previous_item_id": self._conversation.before(item["id"]), "item": item}
        yield "conversation.item.added", told
        yield "conversation.item.done", told

    def _delete(self, event: Event) -> Iterator[Spoken]:
        item = self._conversation.find(event.get("item_id"), "item_id")
        self._conversation.remove(item["id"])
        yield "conversation.item.deleted", {"item_id": item["id"]}

    def _retrieve(self, event: Event) -> Iterator[Spoken]:
        yield "conversation.item.retrieved", {"item": self._conversation.find(event.get("item_id"), "item_id")}

    def _truncate(self, event: Event) -> Iterator[Spoken]:
        raise refuse("Only model output audio messages can be truncated.", "item_id", "invalid_value")

    _actions: dict[str, Callable[[Realtime, Event], Iterator[Spoken]]] = {  # noqa: RUF012  # a table, never written to
        "session.update": _update,
        "conversation.item.create": _create,
        "conversation.item.delete": _delete,
        "conversation.item.retrieve": _retrieve,
        "conversation.item.truncate": _truncate,
    }

    def _conflict(self, event: Event) -> Trouble | None:
        given = event.get("response")
        if self._aside or (isinstance(given, dict) and given.get("conversation") == "none"):
            return None
        return refuse(
            f"Conversation already has an active response in progress: {self._active}. Wait until the response is "
            "finished before creating a new one.",
            None,
            "conversation_already_has_active_response",
        ).trouble

    def _cancel(self, event: Event, *, busy: bool) -> Heard:
        if busy and event.get("response_id") in (None, self._active):
            return Heard(cancels=True)
        raise refuse("Cancellation failed: no active response found", None, "response_cancel_not_active")

    def _refused(self, refused: Refused, event: Event) -> Heard:
        error = troubles.error(self._handshake, refused.trouble, request_id(self._handshake))
        return Heard((self._event("error", {"error": {**error, "event_id": _own_id(event)}}),))

    def _event(self, kind: str, fields: dict[str, Any]) -> Send:
        return events.written(self._name("event_"), kind, "opening", fields)

    def _name(self, prefix: str) -> str:
        self._said += 1
        return hex_id(self._handshake, prefix, 21, self._said)

    # What the provider answers.

    def understand(self, ask: Ask) -> None:
        """Fill in what a response is asked for: of the session, of the event, and of the conversation."""
        event = json_value(ask.request.body)
        given = event.get("response") or {}
        settings = given if isinstance(given, dict) else {}
        ask.model, ask.stream = self._model, True
        body = {**self._settings, **{name: value for name, value in settings.items() if value is not None}}
        items = body.get("input")
        context = self._conversation.items if items is None else self._resolved(items)
        ask.body = body = {**body, "input": context, "metadata": settings.get("metadata")}
        ask.texts = tuple(text for text in texts_of([body.get("instructions"), *context], TEXTS) if text)
        ask.input_tokens = sum(map(count_tokens, ask.texts)) + IMAGE_TOKENS * json.dumps(context).count('"input_image"')
        tools = body.get("tools")
        if isinstance(tools, list) and tools:
            ask.tools = tuple(name for name in map(tool_name, tools) if name is not None)
            ask.input_tokens += count_tokens(json_bytes(tools).decode("utf-8", "replace"))
        most = body.get("max_output_tokens")
        ask.max_output = most if type(most) is int and most > 0 else None
        if event.get("response") is not None:
            check_settings("response", given)
        self._check(ask, items)

    def _check(self, ask: Ask, items: Any) -> None:
        if items is not None:
            of_type("response.input", items, list)
            for number, item in enumerate(items):
                if not (isinstance(item, dict) and item.get("type") == "item_reference"):
                    check_item(f"response.input[{number}]", item)
                else:
                    self._conversation.find(item.get("id"), f"response.input[{number}].id")
        model = ask.fake.find(ask.model)
        if model is None:
            raise refuse_model()
        room = model.window - (ask.max_output or 0)
        if ask.input_tokens > room and ask.body.get("truncation") == "disabled":
            raise Refused(Trouble("context_length"))
        # The API drops the oldest items of a conversation that has outgrown the model.
        ask.input_tokens = min(ask.input_tokens, room)

    def _resolved(self, items: Any) -> list[Any]:
        """Items with those of the conversation in the place of references to them; judged later."""
        known = {item["id"]: item for item in self._conversation.items}
        given = items if isinstance(items, list) else []
        reference = [isinstance(item, dict) and item.get("type") == "item_reference" for item in given]
        return [
            known.get(str(item.get("id")), {}) if refers else item
            for item, refers in zip(given, reference, strict=True)
        ]

    def say(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script of a response."""
        said = say(ask, wants(ask, None))
        made = events.outputs(ask, said)
        reason = events.REASONS.get(said.finish)
        details = {"type": "incomplete", "reason": reason} if reason else None
        return self._played(ask, made, "incomplete" if reason else "completed", details)

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A response without output, or with a message whose text is null."""
        if how == "no_choices":
            return self._played(ask, [], "completed", None)
        said = say(ask, wants(ask, None))
        made = [events.Output(output.item, ()) for output in events.outputs(ask, said)][:1]
        for output in made:
            if output.item["type"] == "message":
                output.item["content"] = [{"type": "output_text", "text": None}]
        ask.output_tokens = ask.reasoning_tokens = 0
        return self._played(ask, made, "completed", None)

    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """A failed response, or an `error` event; a key that is no good any more ends the session."""
        status = trouble.status or troubles.row(trouble).status
        error = troubles.error(ask, trouble, request_id(ask))
        head = Head(status, SPOKEN)
        if troubles.row(trouble).type != troubles.INVALID:
            conversation = self._conversation_for(ask)
            created = events.response(ask, conversation, "in_progress")
            begun = events.written(events.event_id(ask, 0), "response.created", "error", {"response": created})
            return (head, begun, self._failed(ask, error, 1), End())
        event = error_event(ask, error, _asked_by(ask))
        if status == 401:
            return (head, event, Close(3000, f"{error['type']}.{error['code']}"))
        return (head, event, End())

    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The error event's own text."""
        error = troubles.error(ask, trouble, request_id(ask))
        return error_event(ask, error, _asked_by(ask)).data.removeprefix(b"data: ").strip()

    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The end of a response that fails while it is under way."""
        return self._failed(ask, troubles.error(ask, trouble, request_id(ask)), sent)

    def garbage(self, ask: Ask) -> Send:
        """A message that nobody can parse."""
        return sse(b'{"type":"response.output_text.delta","event_id":"event_', "garbage")

    def ping(self, ask: Ask) -> Send:
        """A ping frame."""
        return Send(b": ping\n\n", "comment")

    def unknown_event(self, ask: Ask) -> Send:
        """An event of a type that there is not."""
        return events.written(events.event_id(ask, "notice"), "response.notice", "comment", {})

    def cancelled(self, ask: Ask, said: bytes) -> tuple[Send, ...]:
        """What is open of a response is ended as it is, and the response says that the client has cancelled it."""
        conversation = self._conversation_for(ask)
        at = {"response_id": hex_id(ask, "resp_", 21)}
        told: list[events.Event] = []
        kinds, item, done = events.retold(said)
        if "response.created" not in kinds:
            created = events.response(ask, conversation, "in_progress")
            told.append(("response.created", "opening", {"response": created}))
        if item is not None:
            previous = self._conversation.before(item["id"])
            told += events.item_ends(at, len(done), item, previous)
            done.append(item)
        texts = [text for each in done for text in texts_of(each, ("content", "text", "arguments"))]
        for each in done:
            if conversation is not None:
                self._conversation.put(each)
        response = events.response(
            ask,
            conversation,
            "cancelled",
            status_details={"type": "cancelled", "reason": "client_cancelled"},
            output=done,
            usage=events.usage(ask, sum(map(count_tokens, texts))),
        )
        told.append(("response.done", "finish", {"response": response}))
        return tuple(
            events.written(events.event_id(ask, "cancelled", number), kind, part, fields)
            for number, (kind, part, fields) in enumerate(told)
        )

    def expired(self, now: float) -> tuple[Send, Close]:
        """After an hour."""
        minutes = round(SECONDS / 60)
        why = f"Your session hit the maximum duration of {minutes} minutes."
        error = {"type": troubles.INVALID, "code": "session_expired", "message": why, "param": None, "event_id": None}
        return self._event("error", {"error": error}), Close(1001, why)

    def _played(
        self, ask: Ask, made: Sequence[events.Output], status: str, details: dict[str, Any] | None
    ) -> Sequence[Op]:
        conversation = self._conversation_for(ask)
        self._active, self._aside = hex_id(ask, "resp_", 21), conversation is None
        at = {"response_id": self._active}
        created = events.response(ask, conversation, "in_progress")
        told: list[events.Event] = [("response.created", "opening", {"response": created})]
        for index, output in enumerate(made):
            previous = self._conversation.before(output.item["id"]) if conversation else None
            if conversation is not None:
                self._conversation.put(output.item)
                ask.undo.append(partial(self._conversation.remove, output.item["id"]))
            told += events.item_events(at, index, output, previous)
        response = events.response(
            ask,
            conversation,
            status,
            status_details=details,
            output=[output.item for output in made],
            usage=events.usage(ask, ask.output_tokens),
        )
        told.append(("response.done", "finish", {"response": response}))
        told.append(("rate_limits.updated", "comment", events.limits(ask)))
        return (Head(200, SPOKEN), *events.paced(ask, told), End())

    def _failed(self, ask: Ask, error: dict[str, Any], number: int) -> Send:
        told = {name: error[name] for name in ("type", "code", "message") if error[name] is not None}
        response = events.response(
            ask,
            self._conversation_for(ask),
            "failed",
            status_details={"type": "failed", "error": told},
            usage=events.usage(ask, 0),
        )
        return events.written(events.event_id(ask, "failed", number), "response.done", "error", {"response": response})

    def _conversation_for(self, ask: Ask) -> str | None:
        body = ask.body if isinstance(ask.body, dict) else {}
        return None if body.get("conversation") == "none" else self._conversation_id


def error_event(ask: Ask, error: dict[str, Any], cause: str | None = None) -> Send:
    """An error as an event; `cause` is what the client has called the event that has caused it."""
    return events.written(events.event_id(ask, "error"), "error", "error", {"error": {**error, "event_id": cause}})


def _own_id(event: Event) -> str | None:
    given = event.get("event_id")
    return given if isinstance(given, str) else None


def _asked_by(ask: Ask) -> str | None:
    try:
        event = json_value(ask.request.body)
    except Unreadable:
        return None
    return _own_id(event) if isinstance(event, dict) else None
