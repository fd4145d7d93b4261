"""Messages, whole and streamed.

message_start
content_block_start        for each block: what the model thought, then text, or tool calls
content_block_delta ...
content_block_stop
message_delta              why it ended, and what was used
message_stop               there is no [DONE]
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...script import End, Op, Send, Wait, whole
from ..saying import THOUGHT, Said, Wants, say
from ..wire import json_bytes, json_value, sse, stream_head, text_id
from .limits import common_headers
from .refusing import format_of

if TYPE_CHECKING:
    from ...ask import Ask

FINISHES = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
    "tool_calls": "tool_use",
    "refusal": "refusal",
}
PING = Send(b'event: ping\ndata: {"type":"ping"}\n\n', "comment")
NOTICE = sse(b'{"type":"notice"}', "comment", "notice")
GARBAGE = sse(b'{"type":"content_block_delta","index":0,"delta":{"type":"text_', "garbage", "content_block_delta")


@dataclass(frozen=True, slots=True)
class Block:
    """One content block: as it stands in a whole answer, and as it is streamed."""

    whole: dict[str, Any]
    opening: dict[str, Any]
    deltas: tuple[dict[str, Any], ...]
    part: str = "delta"
    """What its deltas are; what comes before the text is of the opening."""


def wants(ask: Ask) -> Wants:
    """What a request wants said."""
    body = ask.body
    choice, format_ = body.get("tool_choice", {}), format_of(body)
    tools = {
        tool["name"]: tool["input_schema"]
        for tool in body.get("tools", ())
        if tool.get("type", "custom") == "custom"  # the provider's own tools run at the provider
    }
    forced = {"any": tuple(tools), "tool": (choice.get("name"),)}.get(choice.get("type"), ())
    last = body["messages"][-1]["content"]
    return Wants(
        tools={} if choice.get("type") == "none" else tools,
        forced=forced,
        talks=isinstance(last, list) and any(block["type"] == "tool_result" for block in last),
        parallel=choice.get("disable_parallel_tool_use") is not True,
        schema=format_["schema"] if format_ is not None else None,
        stop=tuple(body.get("stop_sequences", ())),
    )


def answer(ask: Ask) -> tuple[Op, ...]:
    """The fair-weather script of a message."""
    thinking = ask.body.get("thinking", {}).get("type", "disabled")
    if thinking == "disabled":
        ask.answer = replace(ask.answer, reasoning_tokens=0)
    if ask.max_output is None:
        # A message of no tokens fills the cache and says nothing.
        ask.answer = replace(ask.answer, words=0, text=None, tool_calls=(), refusal=None, reasoning_tokens=0)
    said = say(ask, wants(ask))
    ended = {"stop_reason": _stop_reason(ask, said), "stop_sequence": said.stopped}
    details = {"stop_details": _stop_details(said)}
    blocks = list(_blocks(ask, said))
    if ask.stream:
        return tuple(_streamed(ask, blocks, {**ended, **details}))
    message = message_of(ask, [block.whole for block in blocks], {**ended, **details}, ask.output_tokens)
    return whole(200, json_bytes(message), headers=common_headers(ask))


def hollow(ask: Ask, how: str) -> tuple[Op, ...]:
    """A message without content, or with a text that is null."""
    text = {"type": "text", "text": None}
    blocks = [] if how == "no_choices" else [Block(text, {"type": "text", "text": ""}, (_text_delta(None),), "opening")]
    ended = {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None}
    if ask.stream:
        return tuple(_streamed(ask, blocks, ended))
    message = message_of(ask, [block.whole for block in blocks], ended, 0)
    return whole(200, json_bytes(message), headers=common_headers(ask))


def message_of(ask: Ask, content: list[dict[str, Any]], ended: dict[str, Any], output_tokens: int) -> dict[str, Any]:
    """A message object, as far as it is known."""
    return {
        "model": ask.model,
        "id": text_id(ask, "msg_01", 22),
        "type": "message",
        "role": "assistant",
        "content": content,
        **ended,
        "usage": {
            **_input_usage(ask),
            "cache_creation": {
                "ephemeral_5m_input_tokens": ask.cache_written_tokens,
                "ephemeral_1h_input_tokens": 0,
            },
            **_output_usage(ask, output_tokens),
            "service_tier": "standard",
        },
    }


def _input_usage(ask: Ask) -> dict[str, int]:
    """What is read from the cache or put into it is not in `input_tokens`."""
    return {
        "input_tokens": ask.input_tokens - ask.cached_tokens - ask.cache_written_tokens,
        "cache_creation_input_tokens": ask.cache_written_tokens,
        "cache_read_input_tokens": ask.cached_tokens,
    }


def _output_usage(ask: Ask, output_tokens: int) -> dict[str, Any]:
    usage: dict[str, Any] = {"output_tokens": output_tokens}
    if ask.reasoning_tokens and output_tokens >= ask.reasoning_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": ask.reasoning_tokens}
    return usage


def _stop_reason(ask: Ask, said: Said) -> str:
    if said.stopped is not None:
        return "stop_sequence"
    finish = "refusal" if said.refused and said.finish == "stop" else said.finish
    # Any other finish is one of Anthropic's own that no other provider has, such as "pause_turn".
    return "max_tokens" if ask.max_output is None else FINISHES.get(finish, finish)


def _stop_details(said: Said) -> dict[str, Any] | None:
    if not said.refused and said.finish != "content_filter":
        return None
    return {"type": "refusal", "category": None, "explanation": said.text if said.refused else None}


def _blocks(ask: Ask, said: Said) -> Iterator[Block]:
    if ask.reasoning_tokens:
        yield _thought(ask)
    if said.pieces:
        text = {"type": "text", "text": said.text}
        yield Block(text, {"type": "text", "text": ""}, tuple(map(_text_delta, said.pieces)))
    for number, call in enumerate(said.calls):
        started = {"type": "tool_use", "id": text_id(ask, "toolu_01", 22, number), "name": call.name, "input": {}}
        # The first fragment of the arguments is empty on the real wire too.
        fragments = ({"type": "input_json_delta", "partial_json": piece} for piece in ("", *call.pieces()))
        yield Block({**started, "input": _arguments(call.arguments)}, started, tuple(fragments))


def _thought(ask: Ask) -> Block:
    signature = b64encode(text_id(ask, "thought", 96).encode()).decode()
    shown = THOUGHT if ask.body["thinking"].get("display", "summarized") == "summarized" else ()
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in shown]
    return Block(
        {"type": "thinking", "thinking": "".join(shown), "signature": signature},
        {"type": "thinking", "thinking": "", "signature": ""},
        (*deltas, {"type": "signature_delta", "signature": signature}),
        "opening",
    )


def _text_delta(piece: str | None) -> dict[str, Any]:
    return {"type": "text_delta", "text": piece}


def _arguments(written: str) -> Any:
    """The arguments as an object; of those that broke off, nothing can be made but an empty one."""
    try:
        return json_value(written.encode("utf-8", "surrogatepass"))
    except Exception:  # whatever is wrong with half an object
        return {}


def _streamed(ask: Ask, blocks: list[Block], ended: dict[str, Any]) -> Iterator[Op]:
    yield stream_head(common_headers(ask))
    nothing = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
    yield event("message_start", "opening", {"message": message_of(ask, [], nothing, min(1, ask.output_tokens))})
    for index, block in enumerate(blocks):
        yield event("content_block_start", "opening", {"index": index, "content_block": block.opening})
        if index == 0:
            yield PING
        for delta in block.deltas:
            if block.part == "delta":
                yield Wait(ask.answer.pace.between)
            empty = delta.get("partial_json") == ""
            yield event("content_block_delta", "opening" if empty else block.part, {"index": index, "delta": delta})
        stops = "opening" if block.part == "opening" else "finish"
        yield event("content_block_stop", stops, {"index": index})
    usage = {**_input_usage(ask), **_output_usage(ask, ask.output_tokens)}
    yield event("message_delta", "finish", {"delta": ended, "usage": usage})
    yield event("message_stop", "sentinel", {})
    yield End()


def event(kind: str, part: str, fields: dict[str, Any]) -> Send:
    """One event of a stream."""
    return sse(json_bytes({"type": kind, **fields}), part, kind)
