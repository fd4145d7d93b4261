"""Conversations, whole and streamed.

messageStart
contentBlockStart       for tool calls alone: a text begins with its first piece
contentBlockDelta ...
contentBlockStop
messageStop             why it ended
metadata                what was used, how long it took; nothing marks the end of the stream but its end
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any

from ... import frames
from ...script import End, Head, Op, Send, Wait, whole
from ..saying import THOUGHT, Said, Wants, say
from ..wire import Unreadable, hex_id, json_bytes, json_value, text_id
from .reading import get, tools_of
from .troubles import headers

if TYPE_CHECKING:
    from ...ask import Ask

FINISHES = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "content_filtered",
    "tool_calls": "tool_use",
    "refusal": "content_filtered",
}
PADDING = ascii_letters + digits

Event = tuple[str, dict[str, Any], str]
"""Its type, its body, and which part of the answer it is."""


def wants(ask: Ask) -> Wants:
    """What a request wants said."""
    body = ask.body
    tools = {tool["name"]: tool["inputSchema"]["json"] for tool in tools_of(body)}
    choice = get(get(body, "toolConfig"), "toolChoice", {})
    forced = (choice["tool"]["name"],) if "tool" in choice else tuple(tools) if "any" in choice else ()
    last = body["messages"][-1]["content"]
    schema = schema_of(body)
    return Wants(
        tools=tools,
        forced=forced,
        talks=any("toolResult" in block for block in last),
        schema=None if schema is None else json.loads(schema),
        stop=tuple(get(get(body, "inferenceConfig"), "stopSequences", ())),
    )


def schema_of(body: Any) -> Any:
    """The structure to answer in, which is JSON in a text."""
    return get(get(get(get(get(body, "outputConfig"), "textFormat"), "structure"), "jsonSchema"), "schema")


def answer(ask: Ask) -> tuple[Op, ...]:
    """The fair-weather script of a conversation."""
    said = spoken(ask)
    if ask.stream:
        return tuple(streamed(ask, events(ask, said)))
    return whole(200, json_bytes(response(ask, content(ask, said), finish_of(said))), headers=headers(ask))


def spoken(ask: Ask) -> Said:
    """What the model says; it thinks only where it is asked to."""
    more = get(ask.body, "additionalModelRequestFields", {})
    thinking = get(get(more, "thinking"), "type") or get(get(more, "reasoningConfig"), "type") or "disabled"
    if thinking == "disabled":
        ask.answer = replace(ask.answer, reasoning_tokens=0)
    return say(ask, wants(ask))


def hollow(ask: Ask, how: str) -> tuple[Op, ...]:
    """A message without content, or with a text that is null."""
    ask.output_tokens = ask.reasoning_tokens = 0
    if ask.stream:
        return tuple(streamed(ask, emptied(ask, how)))
    return whole(200, json_bytes(response(ask, emptied_blocks(how), FINISHES["stop"])), headers=headers(ask))


def emptied_blocks(how: str) -> list[dict[str, Any]]:
    """The blocks of that."""
    return [{"text": None}] if how == "null_content" else []


def emptied(ask: Ask, how: str) -> Iterator[Event]:
    """The events of that."""
    yield START
    for block in emptied_blocks(how):
        yield "contentBlockDelta", {"contentBlockIndex": 0, "delta": block}, "opening"
    yield from _ending(ask, FINISHES["stop"])


def response(ask: Ask, blocks: list[dict[str, Any]], finish: str) -> dict[str, Any]:
    """A whole answer."""
    return {
        "metrics": metrics(ask),
        "output": {"message": {"content": blocks, "role": "assistant"}},
        "performanceConfig": {"latency": "standard"},
        "stopReason": finish,
        "usage": usage(ask),
    }


def usage(ask: Ask) -> dict[str, int]:
    """What is read from the cache or put into it is not in `inputTokens`."""
    return {
        "cacheReadInputTokens": ask.cached_tokens,
        "cacheWriteInputTokens": ask.cache_written_tokens,
        "inputTokens": ask.input_tokens - ask.cached_tokens - ask.cache_written_tokens,
        "outputTokens": ask.output_tokens,
        "totalTokens": ask.input_tokens + ask.output_tokens,
    }


def metrics(ask: Ask) -> dict[str, int]:
    """How long it takes at the answer's own pace."""
    pace = ask.answer.pace
    pieces = len(ask.answer.pieces(ask.canary)) if ask.stream else 0
    return {"latencyMs": max(1, round(1000 * (pace.first + pace.between * pieces)))}


def finish_of(said: Said) -> str:
    """Why an answer ended."""
    if said.stopped is not None:
        return "stop_sequence"
    finish = "refusal" if said.refused and said.finish == "stop" else said.finish
    # Any other finish is one of Bedrock's own that no other provider has, such as "guardrail_intervened".
    return FINISHES.get(finish, finish)


def content(ask: Ask, said: Said) -> list[dict[str, Any]]:
    """The blocks of a whole answer."""
    blocks: list[dict[str, Any]] = []
    if ask.reasoning_tokens:
        told = {"text": "".join(THOUGHT), "signature": _signature(ask)}
        blocks.append({"reasoningContent": {"reasoningText": told}})
    if said.pieces:
        blocks.append({"text": said.text})
    for number, call in enumerate(said.calls):
        started = _started(ask, number, call.name)
        blocks.append({"toolUse": {**started, "input": _arguments(call.arguments)}})
    return blocks


def events(ask: Ask, said: Said) -> Iterator[Event]:
    """The events of a streamed answer."""
    yield START
    index = 0
    if ask.reasoning_tokens:
        pieces = [*({"text": piece} for piece in THOUGHT), {"signature": _signature(ask)}]
        yield from _block(index, [{"reasoningContent": piece} for piece in pieces], "opening")
        index += 1
    if said.pieces:
        yield from _block(index, [{"text": piece} for piece in said.pieces], "delta")
        index += 1
    for number, call in enumerate(said.calls):
        started = {"toolUse": _started(ask, number, call.name)}
        yield "contentBlockStart", {"contentBlockIndex": index, "start": started}, "opening"
        yield from _block(index, [{"toolUse": {"input": piece}} for piece in call.pieces()], "delta")
        index += 1
    yield from _ending(ask, finish_of(said))


def streamed(ask: Ask, made: Iterable[Event]) -> Iterator[Op]:
    """The events in frames; each is padded, so that its length does not tell of what it says."""
    yield stream_head(ask)
    chance = padding(ask)
    for kind, body, part in made:
        if part == "delta":
            yield Wait(ask.answer.pace.between)
        yield event(kind, {**body, "p": next(chance)}, part)
    yield End()


def stream_head(ask: Ask, *more: tuple[str, str]) -> Head:
    """The head of a stream of frames."""
    kind = (("content-type", frames.CONTENT_TYPE), *more)
    return Head(200, (*headers(ask), *kind, ("transfer-encoding", "chunked")))


def event(kind: str, body: dict[str, Any], part: str) -> Send:
    """One event of a stream."""
    return framed(kind, json_bytes(body), part)


def framed(kind: str, payload: bytes, part: str) -> Send:
    """One event whose payload is written already."""
    said = (":event-type", kind), (":content-type", "application/json"), (":message-type", "event")
    return Send(frames.frame(said, payload), part)


def padding(ask: Ask) -> Iterator[str]:
    """What an event is padded with, the same however often it is rendered."""
    random = Random(hex_id(ask, "p"))
    while True:
        yield PADDING[: random.randint(1, len(PADDING))]


START: Event = ("messageStart", {"role": "assistant"}, "opening")


def _ending(ask: Ask, finish: str) -> Iterator[Event]:
    yield "messageStop", {"stopReason": finish}, "finish"
    last = {"metrics": metrics(ask), "performanceConfig": {"latency": "standard"}, "usage": usage(ask)}
    yield "metadata", last, "usage"


def _block(index: int, deltas: list[dict[str, Any]], part: str) -> Iterator[Event]:
    for delta in deltas:
        yield "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}, part
    yield "contentBlockStop", {"contentBlockIndex": index}, "opening" if part == "opening" else "finish"


def _started(ask: Ask, number: int, name: str) -> dict[str, str]:
    return {"name": name, "toolUseId": text_id(ask, "tooluse_", 22, number)}


def _signature(ask: Ask) -> str:
    return b64encode(text_id(ask, "thought", 96).encode()).decode()


def _arguments(written: str) -> Any:
    """The arguments as an object; of those that broke off, nothing can be made but an empty one."""
    try:
        return json_value(written.encode("utf-8", "surrogatepass"))
    except Unreadable:
        return {}
