"""Chat completions, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...script import End, Op, Send, Wait, whole
from ..saying import Said, say
from ..wire import json_bytes, sse, stream_head, text_id
from .completion import wants
from .limits import common_headers

if TYPE_CHECKING:
    from ...ask import Ask

# The tier that a request is served in, by the one it asks for; any other is served in the default one.
TIERS = {"flex": "flex", "scale": "scale", "priority": "priority", "fast": "priority"}
DONE = Send(b"data: [DONE]\n\n", "sentinel")


def answer(ask: Ask) -> tuple[Op, ...]:
    """The fair-weather script of a chat completion."""
    choices = ask.body.get("n", 1)
    said = say(ask, wants(ask, _format(ask.body), choices))
    if ask.stream:
        return tuple(_streamed(ask, said, choices))
    body = {
        **common(ask, "chat.completion"),
        "choices": [
            {
                "index": index,
                "message": _message(ask, said, index),
                "logprobs": _logprobs(ask, said.pieces, refused=said.refused),
                "finish_reason": said.finish,
            }
            for index in range(choices)
        ],
        "usage": _usage(ask),
    }
    if ask.body.get("store") and "metadata" in ask.body:
        body["metadata"] = ask.body["metadata"]
    return whole(200, json_bytes(body), headers=common_headers(ask))


def hollow(ask: Ask, how: str) -> tuple[Op, ...]:
    """A completion without choices, or with a choice that says null."""
    said = {"role": "assistant", "content": None, "refusal": None}
    choice = {"index": 0, "delta" if ask.stream else "message": said, "logprobs": None, "finish_reason": "stop"}
    choices = [] if how == "no_choices" else [choice]
    if ask.stream:
        body = json_bytes({**common(ask, "chat.completion.chunk"), "choices": choices})
        return stream_head(common_headers(ask)), sse(body, "finish"), DONE, End()
    body = json_bytes({**common(ask, "chat.completion"), "choices": choices, "usage": _usage(ask)})
    return whole(200, body, headers=common_headers(ask))


def common(ask: Ask, kind: str) -> dict[str, Any]:
    """What every completion and every chunk begins with."""
    return {
        "id": text_id(ask, "chatcmpl-", 29),
        "object": kind,
        "created": int(ask.now),
        "model": ask.model,
        "service_tier": TIERS.get(ask.body.get("service_tier", "auto"), "default"),
        "system_fingerprint": "fp_44709d6fcb",
    }


def _format(body: dict[str, Any]) -> dict[str, Any] | None:
    given = body.get("response_format", {})
    if given.get("type") == "json_schema":
        return {"type": "json_schema", **given["json_schema"]}
    return given if given.get("type") == "json_object" else None


def _message(ask: Ask, said: Said, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if said.calls or said.refused else said.text,
        "refusal": said.text if said.refused else None,
        "annotations": [],
    }
    if said.calls:
        message["tool_calls"] = [
            {
                "id": _call_id(ask, index, number),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for number, call in enumerate(said.calls)
        ]
    return message


def _call_id(ask: Ask, index: int, number: int) -> str:
    return text_id(ask, "call_", 24, index, number)


def _usage(ask: Ask) -> dict[str, Any]:
    return {
        "prompt_tokens": ask.input_tokens,
        "completion_tokens": ask.output_tokens,
        "total_tokens": ask.input_tokens + ask.output_tokens,
        "prompt_tokens_details": {"cached_tokens": ask.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": ask.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _logprobs(ask: Ask, pieces: tuple[str, ...], *, refused: bool = False) -> dict[str, Any] | None:
    """One entry a piece: the fake's pieces are its tokens here."""
    if not ask.body.get("logprobs"):
        return None
    most = ask.body.get("top_logprobs", 0)
    entries = []
    for piece in pieces:
        token = {"token": piece, "logprob": -0.01, "bytes": list(piece.encode("utf-8", "replace"))}
        entries.append({**token, "top_logprobs": [token] if most else []})
    return {"content": None if refused else entries, "refusal": entries if refused else None}


def _streamed(ask: Ask, said: Said, choices: int) -> Iterator[Op]:
    shared = common(ask, "chat.completion.chunk")
    with_usage = (ask.body.get("stream_options") or {}).get("include_usage") is True
    if with_usage:
        shared["usage"] = None
    yield stream_head(common_headers(ask))
    for part, choice in _chunks(ask, said, choices):
        if part == "delta":
            yield Wait(ask.answer.pace.between)
        yield sse(json_bytes({**shared, "choices": [choice]}), part)
    if with_usage:
        yield sse(json_bytes({**shared, "choices": [], "usage": _usage(ask)}), "usage")
    yield DONE
    yield End()


def _chunks(ask: Ask, said: Said, choices: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each chunk's choice and which part of the answer it is; the choices take turns."""
    content = None if said.calls or said.refused else ""
    yield from _turns(choices, "opening", {"role": "assistant", "content": content, "refusal": None})
    field = "refusal" if said.refused else "content"
    for piece in said.pieces:
        logprobs = _logprobs(ask, (piece,), refused=said.refused)
        yield from _turns(choices, "delta", {field: piece}, logprobs=logprobs)
    for number, call in enumerate(said.calls):
        function = {"name": call.name, "arguments": ""}
        for part, choice in _turns(choices, "opening", {}):
            call_id = _call_id(ask, choice["index"], number)
            opening = {"index": number, "id": call_id, "type": "function", "function": function}
            yield part, {**choice, "delta": {"tool_calls": [opening]}}
        for text in call.pieces():
            yield from _turns(choices, "delta", {"tool_calls": [{"index": number, "function": {"arguments": text}}]})
    yield from _turns(choices, "finish", {}, finish=said.finish)


def _turns(
    choices: int, part: str, delta: dict[str, Any], *, finish: str | None = None, logprobs: Any = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    for index in range(choices):
        yield part, {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
