"""The events of a Realtime response, in the order in which captures have them.

response.created
response.output_item.added, conversation.item.added
response.content_part.added                 messages only
response.output_text.delta ...            or function_call_arguments.delta
response.output_text.done                 or function_call_arguments.done
response.content_part.done
conversation.item.done, response.output_item.done
response.done
rate_limits.updated                             of tokens alone, as captured
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...script import Op, Send, Wait
from ..wire import hex_id, json_bytes, sse, text_id

if TYPE_CHECKING:
    from ...ask import Ask
    from ..saying import Said

REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
FINISHES = {"stop": "completed", "tool_calls": "completed", "refusal": "completed", **REASONS}
Event = tuple[str, str, dict[str, Any]]
"""Type, the part of the answer it is, and its own fields."""


@dataclass(frozen=True, slots=True)
class Output:
    """An item that a response has put out, and how its text is cut for streaming."""

    item: dict[str, Any]
    pieces: tuple[str, ...]


def written(event_id: str, kind: str, part: str, fields: dict[str, Any]) -> Send:
    """One event."""
    return sse(json_bytes({"type": kind, "event_id": event_id, **fields}), part)


def event_id(ask: Ask, *salt: object) -> str:
    """The identifier of an event of a response."""
    return hex_id(ask, "event_", 21, *salt)


def paced(ask: Ask, told: Sequence[Event]) -> Iterator[Op]:
    """The events of a response, at the answer's pace."""
    for number, (kind, part, fields) in enumerate(told):
        if part == "delta":
            yield Wait(ask.answer.pace.between)
        yield written(event_id(ask, number), kind, part, fields)


def outputs(ask: Ask, said: Said) -> list[Output]:
    """What a response puts out: calls of tools, or a message."""
    status = "incomplete" if said.finish in REASONS else "completed"
    calls = [
        Output(
            {
                "id": hex_id(ask, "item_", 21, number),
                "object": "realtime.item",
                "type": "function_call",
                "status": status if number == len(said.calls) - 1 else "completed",
                "name": call.name,
                "call_id": text_id(ask, "call_", 16, number),
                "arguments": call.arguments,
            },
            tuple(call.pieces()),
        )
        for number, call in enumerate(said.calls)
    ]
    if calls or not (said.pieces or status == "completed"):
        return calls
    message = {
        "id": hex_id(ask, "item_", 21),
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [{"type": "output_text", "text": said.text}],
    }
    return [Output(message, said.pieces)]


def response(ask: Ask, conversation: str | None, status: str, **more: Any) -> dict[str, Any]:
    """The response object."""
    body = ask.body if isinstance(ask.body, dict) else {}
    return {
        "object": "realtime.response",
        "id": hex_id(ask, "resp_", 21),
        "status": status,
        "status_details": None,
        "output": [],
        "conversation_id": conversation,
        "output_modalities": ["text"],
        "max_output_tokens": ask.max_output or "inf",
        "usage": None,
        "metadata": body.get("metadata"),
        **more,
    }


def usage(ask: Ask, output_tokens: int) -> dict[str, Any]:
    """What a response has used, all of it text."""
    used = output_tokens > 0 or ask.trouble is None
    read, cached = (ask.input_tokens, ask.cached_tokens) if used else (0, 0)
    return {
        "total_tokens": read + output_tokens,
        "input_tokens": read,
        "output_tokens": output_tokens,
        "input_token_details": {
            "text_tokens": read,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": cached,
            "cached_tokens_details": {"text_tokens": cached, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": output_tokens, "audio_tokens": 0},
    }


def item_events(at: dict[str, Any], index: int, output: Output, previous: str | None) -> Iterator[Event]:
    """The events of one item, `at` a response and behind a `previous` item of the conversation, if there is one."""
    item = output.item
    place = {**at, "item_id": item["id"], "output_index": index}
    if item["type"] == "function_call":
        started = {**item, "status": "in_progress", "arguments": ""}
    else:
        started = {**item, "status": "in_progress", "content": []}
    yield "response.output_item.added", "opening", {**at, "output_index": index, "item": started}
    yield "conversation.item.added", "opening", {"previous_item_id": previous, "item": started}
    if item["type"] == "function_call":
        call = {**place, "call_id": item["call_id"]}
        for piece in output.pieces:
            yield "response.function_call_arguments.delta", "delta", {**call, "delta": piece}
    else:
        place = {**place, "content_index": 0}
        yield "response.content_part.added", "opening", {**place, "part": {"type": "text", "text": ""}}
        for piece in output.pieces:
            yield "response.output_text.delta", "delta", {**place, "delta": piece}
    yield from item_ends(at, index, item, previous)


def item_ends(at: dict[str, Any], index: int, item: dict[str, Any], previous: str | None) -> Iterator[Event]:
    """The events by which an item is done."""
    place = {**at, "item_id": item["id"], "output_index": index}
    if item["type"] == "function_call":
        told = {name: item[name] for name in ("call_id", "name", "arguments")}
        yield "response.function_call_arguments.done", "finish", {**place, **told}
    else:
        text = item["content"][0]["text"]
        place = {**place, "content_index": 0}
        yield "response.output_text.done", "finish", {**place, "text": text}
        yield "response.content_part.done", "finish", {**place, "part": {"type": "text", "text": text}}
    yield "conversation.item.done", "finish", {"previous_item_id": previous, "item": item}
    yield "response.output_item.done", "finish", {**at, "output_index": index, "item": item}


def limits(ask: Ask) -> dict[str, Any]:
    """What is left of the tokens a minute."""
    tokens = ask.quota.tokens
    left = {
        "name": "tokens",
        "limit": tokens.limit,
        "remaining": tokens.remaining,
        "reset_seconds": round(tokens.reset, 3),
    }
    return {"rate_limits": [left]}


def retold(said: bytes) -> tuple[set[str], dict[str, Any] | None, list[dict[str, Any]]]:
    """What a part of a response has told: the kinds of its events, the item that is open, and those that are done."""
    kinds: set[str] = set()
    item: dict[str, Any] | None = None
    done: list[dict[str, Any]] = []
    for line in said.split(b"\n"):
        try:
            event = json.loads(line.removeprefix(b"data: ")) if line.startswith(b"data: ") else {}
        except ValueError:
            event = {}
        kinds.add(event.get("type", ""))
        match event:
            case {"type": "response.output_item.added", "item": dict(added)}:
                item = {**added, "status": "incomplete"}
            case {"type": "response.content_part.added"} if item is not None:
                item["content"] = [{"type": "output_text", "text": ""}]
            case {"type": "response.output_text.delta", "delta": str(delta)} if item is not None and item["content"]:
                item["content"][0]["text"] += delta
            case {"type": "response.function_call_arguments.delta", "delta": str(delta)} if item is not None:
                item["arguments"] += delta
            case {"type": "response.output_item.done", "item": dict(whole)}:
                done.append(whole)
                item = None
    if item is not None and item["type"] == "message" and not item["content"]:
        item["content"] = [{"type": "output_text", "text": ""}]
    return kinds, item, done
