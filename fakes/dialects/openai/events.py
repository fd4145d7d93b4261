"""The events of a streamed response, made from the response as it is in the end.

response.created, response.in_progress
response.output_item.added
response.content_part.added                 messages only
response.output_text.delta ...            or refusal.delta, function_call_arguments.delta
response.output_text.done                 or refusal.done, function_call_arguments.done
response.content_part.done
response.output_item.done
response.completed                              or response.incomplete; there is no [DONE]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...script import End, Headers, Op, Wait
from ..wire import json_bytes, sse, stream_head

Event = tuple[str, str, dict[str, Any]]
"""Type, the part of the answer it is, and its own fields."""
Pieces = list[tuple[str, ...]]


def stream(response: dict[str, Any], pieces: Pieces, between: float, headers: Headers, after: int = -1) -> Iterator[Op]:
    """The script of a stream, from the event behind the one numbered `after`."""
    yield stream_head(headers)
    for number, (kind, part, fields) in enumerate(_events(response, pieces)):
        if number <= after:
            continue
        if part == "delta":
            yield Wait(between)
        yield sse(json_bytes({"type": kind, "sequence_number": number, **fields}), part, kind)
    yield End()


def unfinished(response: dict[str, Any], status: str) -> dict[str, Any]:
    """A response of which nothing is known yet but what was asked."""
    return {**response, "status": status, "completed_at": None, "incomplete_details": None, "output": [], "usage": None}


def _events(response: dict[str, Any], pieces: Pieces) -> Iterator[Event]:
    first = "queued" if response["background"] else "in_progress"
    yield "response.created", "opening", {"response": unfinished(response, first)}
    if response["background"]:
        yield "response.queued", "opening", {"response": unfinished(response, first)}
    yield "response.in_progress", "opening", {"response": unfinished(response, "in_progress")}
    for index, (item, texts) in enumerate(zip(response["output"], pieces, strict=False)):
        yield from _item_events(index, item, texts)
    yield f"response.{response['status']}", "finish", {"response": response}


def _item_events(index: int, item: dict[str, Any], texts: tuple[str, ...]) -> Iterator[Event]:
    at = {"item_id": item["id"], "output_index": index}
    match item["type"]:
        case "message":
            started = {**item, "status": "in_progress", "content": []}
            middle = _part_events({**at, "content_index": 0}, item["content"][0], texts)
        case "function_call":
            started = {**item, "status": "in_progress", "arguments": ""}
            middle = _argument_events(at, item, texts)
        case _:
            started, middle = item, iter(())
    yield "response.output_item.added", "opening", {"output_index": index, "item": started}
    yield from middle
    yield "response.output_item.done", "finish", {"output_index": index, "item": item}


def _part_events(at: dict[str, Any], part: dict[str, Any], texts: tuple[str, ...]) -> Iterator[Event]:
    field = "refusal" if part["type"] == "refusal" else "text"
    name = "response.refusal" if field == "refusal" else "response.output_text"
    extra: dict[str, Any] = {} if field == "refusal" else {"logprobs": []}
    yield "response.content_part.added", "opening", {**at, "part": {**part, field: ""}}
    for text in texts:
        yield f"{name}.delta", "delta", {**at, "delta": text, **extra}
    yield f"{name}.done", "finish", {**at, field: part[field], **extra}
    yield "response.content_part.done", "finish", {**at, "part": part}


def _argument_events(at: dict[str, Any], item: dict[str, Any], texts: tuple[str, ...]) -> Iterator[Event]:
    for text in texts:
        yield "response.function_call_arguments.delta", "delta", {**at, "delta": text}
    written = {"name": item["name"], "arguments": item["arguments"]}
    yield "response.function_call_arguments.done", "finish", {**at, **written}
