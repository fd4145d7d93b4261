"""Callers that speak the OpenAI dialect to a target: chat completions, whole and streamed.

They are as strict as the official client: a stream is server-sent events, its end is `[DONE]` or the body's, an event
that holds an error is one, and what follows the end is not read. A refusal, which the dialect tells apart by its place
and not by its finish reason, ends with `refusal`.
"""

from __future__ import annotations

from typing import Any

from ..protocol import CallEvent, CallRequest, Done, Usage
from .replies import Reading, Refusal, Stream, Whole, as_text, count, dictionary, parsed, raw, text_or_none
from .sse import ServerSentEvent

HEADERS: dict[str, str] = {}
"""What callers send besides what the target file gives."""


def ask(request: CallRequest, model: str | None) -> dict[str, Any]:
    """The body of a request; what the caller has not set is left out."""
    body: dict[str, Any] = {"model": request.model or model or "gpt-4o-mini", "messages": request.messages}
    if request.stream:
        body["stream"] = True
    for name in ("user", "max_tokens", "temperature", "tools", "metadata"):
        if value := getattr(request, name):
            body[name] = value
    return body


def read(request: CallRequest, status: int, content_type: str) -> Reading:
    """How the reply is to be read."""
    if not 200 <= status < 300:
        return Refusal(request.id, status)
    if request.stream and content_type.partition(";")[0].strip().lower() == "text/event-stream":
        return Streamed(request.id)
    return Plain(request.id, streamed=request.stream)


class Plain(Whole):
    """A whole answer; to a streamed call it is not what was asked for."""

    def __init__(self, call: str, *, streamed: bool) -> None:
        super().__init__()
        self._call = call
        self._streamed = streamed

    def end(self) -> CallEvent:
        """The answer."""
        body = self.json()
        choices = body.get("choices") if isinstance(body, dict) else None
        if self._streamed or not isinstance(choices, list):
            return raw(self._call, self.text)
        choice = dictionary(choices[0]) if choices else {}
        message = dictionary(choice.get("message"))
        content = message.get("content")
        done = Done(self._call, text="" if content is None else as_text(content))
        done.finish = text_or_none(choice, "finish_reason")
        if not done.text and (refusal := text_or_none(message, "refusal")):
            done.text, done.finish = refusal, "refusal"
        calls = message.get("tool_calls")
        done.tool_calls = [c for c in calls if isinstance(c, dict)] if isinstance(calls, list) else None
        account(done, body)
        return done


class Streamed(Stream):
    """An answer in server-sent events."""

    def __init__(self, call: str) -> None:
        super().__init__(call)
        self._refusal = ""

    def _event(self, event: ServerSentEvent) -> list[CallEvent]:
        if event.data.startswith("[DONE]"):
            return [self._finished()]
        body = parsed(event.data)
        if not isinstance(body, dict):
            return [self._garbled()]
        told = body.get("error") or (body if event.name == "error" else None)
        if told:
            return [self._failed(told, event)]
        account(self._done, body)
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return []
        self._done.finish = text_or_none(choices[0], "finish_reason") or self._done.finish
        delta = choices[0].get("delta")
        return self._delta(delta) if isinstance(delta, dict) else []

    def _delta(self, delta: dict[str, Any]) -> list[CallEvent]:
        self._refusal += text_or_none(delta, "refusal") or ""
        calls = delta.get("tool_calls")
        for part in calls if isinstance(calls, list) else []:
            if isinstance(part, dict):
                self._tool_call(part)
        content = delta.get("content")
        if content is None:
            return []
        return self._said(as_text(content))

    def _tool_call(self, part: dict[str, Any]) -> None:
        index = part.get("index")
        call = self._tool_calls.setdefault(
            index if isinstance(index, int) else 0, {"type": "function", "function": {"name": "", "arguments": ""}}
        )
        if isinstance(part.get("id"), str):
            call["id"] = part["id"]
        function = part.get("function")
        for field in ("name", "arguments"):
            if isinstance(function, dict) and isinstance(function.get(field), str):
                call["function"][field] += function[field]

    def _finished(self) -> Done:
        if self._refusal and not self._chunks:
            self._done.text, self._done.finish = self._refusal, "refusal"
        return super()._finished()


def account(done: Done, body: dict[str, Any]) -> None:
    """What a reply, or an event of one, says about itself."""
    done.model = text_or_none(body, "model") or done.model
    done.provider = text_or_none(body, "provider") or done.provider
    usage = body.get("usage")
    if isinstance(usage, dict):
        done.usage = Usage(count(usage, "prompt_tokens"), count(usage, "completion_tokens"))
        cost = usage.get("cost")
        if isinstance(cost, int | float) and not isinstance(cost, bool):
            done.cost = float(cost)
