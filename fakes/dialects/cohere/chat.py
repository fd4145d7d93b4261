"""Chats, whole and streamed.

message-start
content-start              what the model thought, then its text
content-delta ...
content-end
tool-plan-delta            or, where tools are called, what it means to do and each call
tool-call-start
tool-call-delta ...
tool-call-end
message-end                why it ended, and what was used
[DONE]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...script import End, Op, Send, Wait, whole
from ..saying import ANY_OBJECT, THOUGHT, Said, Wants, say
from ..wire import json_bytes, sse, stream_head, text_id
from .reading import tools_of
from .refusing import schema_of
from .troubles import headers, uuid

if TYPE_CHECKING:
    from ...ask import Ask

# A chat that is blocked half-way has no reason of its own: it ends with an error.
FINISHES = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "content_filter": "ERROR",
    "tool_calls": "TOOL_CALL",
    "refusal": "COMPLETE",
}
# What the model reads and writes beyond what is billed, as in a published answer: 3 and 1 billed, 70 and 3 in all.
UNBILLED_INPUT, UNBILLED_OUTPUT = 67, 2
PLAN = ("I will call", " a tool.")
DONE = Send(b"data: [DONE]\n\n", "sentinel")


def wants(ask: Ask) -> Wants:
    """What a request wants said."""
    body = ask.body
    tools, choice, format_ = tools_of(body), body.get("tool_choice"), body.get("response_format", {})
    structured = format_.get("type") == "json_object"
    return Wants(
        tools={} if choice == "NONE" else tools,
        forced=tuple(tools) if choice == "REQUIRED" else (),
        talks=body["messages"][-1]["role"] == "tool",
        schema=(schema_of(format_) or ANY_OBJECT) if structured else None,
        stop=tuple(body.get("stop_sequences", ())),
    )


def answer(ask: Ask) -> tuple[Op, ...]:
    """The fair-weather script of a chat."""
    if ask.body.get("thinking", {}).get("type") == "disabled":
        ask.answer = replace(ask.answer, reasoning_tokens=0)
    said = say(ask, wants(ask))
    finish = "STOP_SEQUENCE" if said.stopped is not None else FINISHES.get(said.finish, said.finish)
    if ask.stream:
        return tuple(_streamed(ask, _events(ask, said), finish))
    return _whole(ask, _message(ask, said), finish)


def hollow(ask: Ask, how: str) -> tuple[Op, ...]:
    """A chat without content, or with a text that is null."""
    ask.output_tokens = ask.reasoning_tokens = 0
    text = {"type": "text", "text": None}
    if ask.stream:
        return tuple(_streamed(ask, _block(0, "text", [None], "opening") if how == "null_content" else (), "COMPLETE"))
    return _whole(ask, {"role": "assistant", "content": [text] if how == "null_content" else []}, "COMPLETE")


def event(kind: str, part: str, **fields: Any) -> Send:
    """One event of a stream."""
    return sse(json_bytes({"type": kind, **fields}), part, kind)


def failed(ask: Ask, message: str) -> Send:
    """The event that ends a stream which has failed."""
    return event("message-end", "error", id=uuid(ask), delta={"error": message, "finish_reason": "ERROR"})


def _whole(ask: Ask, message: dict[str, Any], finish: str) -> tuple[Op, ...]:
    body = {"id": uuid(ask), "message": message, "finish_reason": finish, "usage": usage(ask)}
    return whole(200, json_bytes(body), headers=headers(ask))


def usage(ask: Ask) -> dict[str, Any]:
    """What is billed, and what the model has read and written in all."""
    written = ask.output_tokens + (UNBILLED_OUTPUT if ask.output_tokens else 0)
    return {
        "billed_units": {"input_tokens": ask.input_tokens, "output_tokens": ask.output_tokens},
        "tokens": {"input_tokens": ask.input_tokens + UNBILLED_INPUT, "output_tokens": written},
        "cached_tokens": ask.cached_tokens,
    }


def _message(ask: Ask, said: Said) -> dict[str, Any]:
    content = [{"type": "thinking", "thinking": "".join(THOUGHT)}] if ask.reasoning_tokens else []
    if said.pieces or not said.calls:
        content.append({"type": "text", "text": said.text})
    message: dict[str, Any] = {"role": "assistant", **({"content": content} if content else {})}
    if said.calls:
        message["tool_plan"] = "".join(PLAN)
        message["tool_calls"] = [
            _call(ask, number, call.name, call.arguments) for number, call in enumerate(said.calls)
        ]
    return message


def _call(ask: Ask, number: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": text_id(ask, f"{name}_", 12, number).lower(), "type": "function", "function": function}


def _streamed(ask: Ask, events: Iterator[Send] | tuple[()], finish: str) -> Iterator[Op]:
    yield stream_head(headers(ask))
    begun = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield event("message-start", "opening", id=uuid(ask), delta={"message": begun})
    for each in events:
        if each.part == "delta":
            yield Wait(ask.answer.pace.between)
        yield each
    yield event("message-end", "finish", id=uuid(ask), delta={"finish_reason": finish, "usage": usage(ask)})
    yield DONE
    yield End()


def _events(ask: Ask, said: Said) -> Iterator[Send]:
    index = 0
    if ask.reasoning_tokens:
        yield from _block(index, "thinking", THOUGHT, "opening")
        index += 1
    if said.pieces or not said.calls:
        yield from _block(index, "text", said.pieces, "delta")
    for piece in PLAN if said.calls else ():
        yield event("tool-plan-delta", "opening", delta={"message": {"tool_plan": piece}})
    for number, call in enumerate(said.calls):
        started = {"message": {"tool_calls": _call(ask, number, call.name, "")}}
        yield event("tool-call-start", "opening", index=number, delta=started)
        for piece in call.pieces():
            further = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
            yield event("tool-call-delta", "delta", index=number, delta=further)
        yield event("tool-call-end", "finish", index=number)


def _block(index: int, kind: str, pieces: Any, part: str) -> Iterator[Send]:
    opening = {"message": {"content": {"type": kind, kind: ""}}}
    yield event("content-start", "opening", index=index, delta=opening)
    for piece in pieces:
        yield event("content-delta", part, index=index, delta={"message": {"content": {kind: piece}}})
    yield event("content-end", "opening" if part == "opening" else "finish", index=index)
