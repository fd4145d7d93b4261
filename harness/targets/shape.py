"""Callers of a target that has a shape of its own: a body template, and selectors for what comes back.

A streamed reply is server-sent events where it says so, else JSON by the line where `chunk` is given, else plain text.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from ..protocol import CallEvent, CallRequest, ChunkEvent, Done, Error, whole
from ..target_file import HttpCall
from .output import Cutter
from .replies import BODY_BYTES, RAW_CHARACTERS, Reading, Refusal, Whole, as_text, chunk, kind_of, parsed, raw
from .selectors import MISSING, select, selector
from .sse import EventReader

# A string of JSON, or a placeholder outside of one.
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
FIELD = re.compile(r"\{(prompt|messages|user|stream|model|max_tokens|temperature|tools|metadata)\}")


def values(request: CallRequest, model: str | None) -> dict[str, Any]:
    """What the placeholders of a body stand for."""
    content = request.messages[-1].get("content") if request.messages else ""
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return {
        "prompt": content or "",
        "messages": request.messages,
        "user": request.user,
        "stream": request.stream,
        "model": request.model or model,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "tools": request.tools,
        "metadata": request.metadata,
    }


def render(template: str, given: dict[str, Any]) -> str:
    """The body, each placeholder as JSON; inside a string of the template, as a part of that string."""

    def outside(text: str) -> str:
        return FIELD.sub(lambda found: json.dumps(given[found[1]]), text)

    def inside(found: re.Match[str]) -> str:
        return json.dumps(as_text(given[found[1]]) if given[found[1]] is not None else "")[1:-1]

    parts, at = [], 0
    for string in STRING.finditer(template):
        parts += [outside(template[at : string.start()]), FIELD.sub(inside, string[0])]
        at = string.end()
    return "".join([*parts, outside(template[at:])])


class Selectors:
    """Where a reply has what."""

    def __init__(self, call: HttpCall) -> None:
        self.done = call.done
        self._of = {
            name: selector(text)
            for name in ("answer", "chunk", "finish", "error", "degraded", "model_used")
            if (text := getattr(call, name)) is not None
        }
        self._ends = selector(call.done) if call.done is not None and call.done.startswith("$") else None

    def has(self, name: str) -> bool:
        """Whether the target file says where it stands."""
        return name in self._of

    def find(self, name: str, body: Any) -> Any:
        """What stands there; None where nothing does."""
        found = select(body, self._of[name]) if name in self._of else MISSING
        return None if found is MISSING else found

    def ends(self, data: str, body: Any) -> bool:
        """Whether an event is the end of the stream."""
        if self._ends is not None:
            found = select(body, self._ends)
            return found is not MISSING and bool(found)
        return self.done is not None and data.strip() == self.done

    def note(self, done: Done, body: Any) -> None:
        """What a reply, or an event of one, says about itself."""
        if (degraded := self.find("degraded", body)) is not None:
            done.degraded = bool(degraded)
        if (model := self.find("model_used", body)) is not None:
            done.model = as_text(model)
        if (finish := self.find("finish", body)) is not None:
            done.finish = as_text(finish)

    def error(self, call: str, body: Any, *, partial: bool) -> Error | None:
        """The error that stands there."""
        told = self.find("error", body)
        if told is None or told is False or told == "":
            return None
        envelope = body.get("error") if isinstance(body, dict) else None
        return Error(call, kind_of(envelope, "provider"), as_text(told), partial)

    def read(self, request: CallRequest, status: int, content_type: str) -> Reading:
        """How the reply is to be read."""
        kind = content_type.partition(";")[0].strip().lower()
        if not 200 <= status < 300:
            return Told(request.id, status, self)
        if not request.stream or (kind == "application/json" and not self.has("chunk")):
            return Plain(request.id, self)
        if kind == "text/event-stream":
            return Events(request.id, self)
        return Lines(request.id, self) if self.has("chunk") else Text(request.id, self)


class Told(Refusal):
    """A reply whose status says that the call has failed; where its message stands may be given."""

    def __init__(self, call: str, status: int, selectors: Selectors) -> None:
        super().__init__(call, status)
        self._selectors = selectors

    def end(self) -> CallEvent:
        """The error."""
        error = super().end()
        told = self._selectors.find("error", self.json())
        if isinstance(error, Error) and told is not None:
            error.message = as_text(told)[:RAW_CHARACTERS]
        return error


class Plain(Whole):
    """A whole answer."""

    def __init__(self, call: str, selectors: Selectors) -> None:
        super().__init__()
        self._call = call
        self._selectors = selectors

    def end(self) -> CallEvent:
        """The answer, or the error that stands in its place."""
        body = self.json()
        error = self._selectors.error(self._call, body, partial=False)
        if error is not None:
            return error
        if not self._selectors.has("answer"):
            return raw(self._call, self.text)
        answer = self._selectors.find("answer", body)
        if answer is None:
            return raw(self._call, self.text)
        done = Done(self._call, text=as_text(answer))
        self._selectors.note(done, body)
        return done


class Pieces:
    """A stream, whatever its framing is: each piece of data is one event."""

    def __init__(self, call: str, selectors: Selectors) -> None:
        self._call = call
        self._selectors = selectors
        self._done = Done(call)
        self._chunks = 0

    def feed(self, data: bytes) -> list[CallEvent]:
        """What has come, to the stream's end."""
        return self._pieces(self._cut(data))

    def end(self) -> CallEvent:
        """The body has ended, with or without the stream's own end."""
        for found in self._pieces(self._left()):
            if isinstance(found, Done | Error):
                return found
        return self._done

    def _cut(self, data: bytes) -> list[str]:
        """The pieces that are complete with these bytes; text without any framing has none."""
        return []

    def _left(self) -> list[str]:
        return []

    def _pieces(self, pieces: list[str]) -> list[CallEvent]:
        found: list[CallEvent] = []
        for piece in pieces:
            found += self._piece(piece)
            if found and isinstance(found[-1], Done | Error):
                break
        return found

    def _piece(self, data: str) -> list[CallEvent]:
        body = parsed(data)
        error = self._selectors.error(self._call, body, partial=self._chunks > 0)
        if error is not None:
            return [error]
        self._selectors.note(self._done, body)
        ended = self._selectors.ends(data, body)
        text = "" if ended and self._selectors.done == data.strip() else self._text(data, body)
        found: list[CallEvent] = chunk(self._call, whole(text))
        self._chunks += len(found)
        if ended:
            self._done.finish = self._done.finish or "stop"
            found.append(self._done)
        return found

    def _text(self, data: str, body: Any) -> str:
        if not self._selectors.has("chunk"):
            return data
        text = self._selectors.find("chunk", body)
        return "" if text is None else as_text(text)


class Events(Pieces):
    """Server-sent events."""

    def __init__(self, call: str, selectors: Selectors) -> None:
        super().__init__(call, selectors)
        self._events = EventReader()

    def _cut(self, data: bytes) -> list[str]:
        return [event.data for event in self._events.feed(data)]

    def _left(self) -> list[str]:
        return [event.data for event in self._events.end()]


class Lines(Pieces):
    """One JSON document a line."""

    def __init__(self, call: str, selectors: Selectors) -> None:
        super().__init__(call, selectors)
        self._cutter = Cutter(BODY_BYTES)

    def _cut(self, data: bytes) -> list[str]:
        return [text for line, _ in self._cutter.feed(data) if (text := line.decode("utf-8", "replace").strip())]

    def _left(self) -> list[str]:
        return [line.decode("utf-8", "replace") for line, _ in self._cutter.end()]


class Text(Pieces):
    """Plain text as it comes."""

    def __init__(self, call: str, selectors: Selectors) -> None:
        super().__init__(call, selectors)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> list[CallEvent]:
        """More of it."""
        text = self._decoder.decode(data)
        return [ChunkEvent(self._call, text)] if text else []
