"""Callers that speak the Anthropic dialect to a target: messages, whole and streamed.

They are as strict as the official client: an event counts only where its name says what it is, one named `error` is
one, and what is unknown is nothing. The end of the stream is `message_stop` or the body's.
"""

from __future__ import annotations

import json
from typing import Any

from ..protocol import CallEvent, CallRequest, Done, Usage
from .replies import Reading, Refusal, Stream, Whole, as_text, count, dictionary, parsed, raw, text_or_none
from .sse import ServerSentEvent

HEADERS = {"anthropic-version": "2023-06-01"}
MAX_TOKENS = 1024
"""Where the caller has not set a limit: the API wants one."""


def ask(request: CallRequest, model: str | None) -> dict[str, Any]:
    """The body of a request; what the caller has not set is left out."""
    turns = [turn for turn in request.messages if turn.get("role") != "system"]
    system = [as_text(turn.get("content")) for turn in request.messages if turn.get("role") == "system"]
    body: dict[str, Any] = {
        "model": request.model or model or "claude-sonnet-5-5",
        "max_tokens": request.max_tokens or MAX_TOKENS,
        "messages": turns,
    }
    if system:
        body["system"] = "\n\n".join(system)
    if request.stream:
        body["stream"] = True
    if request.user:
        body["metadata"] = {"user_id": request.user}
    if request.tools:
        body["tools"] = [_tool(dictionary(tool.get("function"))) for tool in request.tools]
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
        content = body.get("content") if isinstance(body, dict) else None
        if self._streamed or not isinstance(content, list):
            return raw(self._call, self.text)
        blocks = [dictionary(block) for block in content]
        texts = [block.get("text") for block in blocks if block.get("type") == "text"]
        done = Done(self._call, text="".join(as_text(text) for text in texts if text is not None))
        calls = [_call(block, block.get("input")) for block in blocks if block.get("type") == "tool_use"]
        done.tool_calls = calls or None
        account(done, body)
        return done


class Streamed(Stream):
    """An answer in server-sent events."""

    def _event(self, event: ServerSentEvent) -> list[CallEvent]:
        if event.name in {"ping", "message"}:  # `message` is what an event without a name is called
            return []
        body = parsed(event.data)
        if event.name == "error":
            told = body.get("error") if isinstance(body, dict) else None
            return [self._failed(told, event)]
        if not isinstance(body, dict):
            return [self._garbled()]
        match body.get("type"):
            case "message_start":
                account(self._done, dictionary(body.get("message")))
            case "content_block_start":
                block = dictionary(body.get("content_block"))
                if block.get("type") == "tool_use" and (index := count(body, "index")) is not None:
                    self._tool_calls[index] = _call(block, "")
            case "content_block_delta":
                return self._delta(count(body, "index"), dictionary(body.get("delta")))
            case "message_delta":
                account(self._done, dictionary(body.get("delta")) | {"usage": body.get("usage")})
            case "message_stop":
                return [self._finished()]
        return []

    def _delta(self, index: int | None, delta: dict[str, Any]) -> list[CallEvent]:
        piece = delta.get("partial_json")
        if delta.get("type") == "input_json_delta" and isinstance(piece, str) and index in self._tool_calls:
            self._tool_calls[index]["function"]["arguments"] += piece
        if delta.get("type") != "text_delta" or delta.get("text") is None:
            return []
        return self._said(as_text(delta["text"]))


def account(done: Done, body: dict[str, Any]) -> None:
    """What a message, or an event about one, says of itself."""
    done.model = text_or_none(body, "model") or done.model
    done.finish = text_or_none(body, "stop_reason") or done.finish
    usage = body.get("usage")
    if isinstance(usage, dict):
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        known = [tokens for name in names if (tokens := count(usage, name)) is not None]
        earlier = done.usage.input if done.usage else None
        done.usage = Usage(sum(known) if known else earlier, count(usage, "output_tokens"))


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    schema = function.get("parameters") or {"type": "object"}
    return {"name": function.get("name"), "description": function.get("description", ""), "input_schema": schema}


def _call(block: dict[str, Any], arguments: Any) -> dict[str, Any]:
    """A tool call in the shape that all callers tell it in."""
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    name = text_or_none(block, "name") or ""
    return {"id": text_or_none(block, "id"), "type": "function", "function": {"name": name, "arguments": written}}
