"""Generated content: whole, as server-sent events, and as an array of JSON that comes piece by piece.

Every chunk of a stream is a whole response with a piece of the text; the last one says why it ended. Nothing marks the
end of the stream but its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...answer import count_tokens
from ...script import End, Head, Headers, Op, Send, Wait, whole
from ..saying import ANY_OBJECT, Said, Wants, say
from ..wire import Unreadable, json_bytes, json_value, text_id
from .reading import ENUM, by_events, details_of, functions_of, get, json_schema, objects, parameters_of
from .troubles import pretty

if TYPE_CHECKING:
    from ...ask import Ask

JSON = "application/json; charset=UTF-8"
FINISHES = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "tool_calls": "STOP",
    "refusal": "PROHIBITED_CONTENT",
}
BLOCKED = frozenset({"SAFETY", "PROHIBITED_CONTENT"})
HEADERS: Headers = (
    ("vary", "Origin, X-Origin, Referer"),
    ("server", "scaffolding on HTTPServer2"),
    ("x-content-type-options", "nosniff"),
)
THOUGHT = "I am asked to say something, so I say it."

Extras = dict[str, Any]
"""What only one of Google's two APIs has in a response."""


def wants(ask: Ask) -> Wants:
    """What a request wants said."""
    config = get(ask.body, "generationConfig", {})
    functions = {name: parameters_of(function) for name, function in functions_of(ask.body).items()}
    calling = get(get(ask.body, "toolConfig"), "functionCallingConfig", {})
    allowed = get(calling, "allowedFunctionNames") or list(functions)
    mode = get(calling, "mode", "AUTO")
    last = [*objects(get(ask.body, "contents"))][-1]
    schema = get(config, "responseJsonSchema") or json_schema(get(config, "responseSchema"))
    if schema is None and get(config, "responseMimeType") == "application/json":
        schema = ANY_OBJECT
    return Wants(
        tools={} if mode == "NONE" else {name: functions[name] for name in functions if name in allowed},
        forced=tuple(allowed) if mode == "ANY" else (),
        talks=any(get(part, "functionResponse") for part in objects(last.get("parts"))),
        schema=schema,
        bare=get(config, "responseMimeType") == ENUM,
        stop=tuple(get(config, "stopSequences", ())),
        choices=get(config, "candidateCount") or 1,
    )


def answer(ask: Ask, extras: Extras) -> tuple[Op, ...]:
    """The fair-weather script of a request for content."""
    if ask.answer.refusal is not None:
        # What is blocked is not said; the reason stands in its place.
        finish = "refusal" if ask.answer.finish == "stop" else ask.answer.finish
        ask.answer = replace(ask.answer, text="", refusal=None, finish=finish)
    wanted = wants(ask)
    said = say(ask, wanted)
    if ask.stream:
        return tuple(_streamed(ask, said, wanted.choices, extras))
    parts = [*_thought(ask), *([{"text": said.text}] if said.pieces else ()), *_calls(said)]
    body = response(ask, [candidate(index, parts, _finish(said)) for index in range(wanted.choices)], extras)
    return whole(200, pretty(body), JSON, HEADERS)


def hollow(ask: Ask, how: str, extras: Extras) -> tuple[Op, ...]:
    """A response without candidates, or with one whose content has no parts."""
    nothing = {"content": {"role": "model"}, "finishReason": "STOP", "index": 0}
    body = response(ask, [] if how == "no_choices" else [nothing], extras)
    if ask.stream:
        return (stream_head(ask), *_framed(ask, [(body, "finish")]), End())
    return whole(200, pretty(body), JSON, HEADERS)


def blocked(ask: Ask, extras: Extras, reason: str) -> tuple[Op, ...]:
    """A prompt that is refused for what it says: a 200 without candidates."""
    ask.output_tokens = ask.reasoning_tokens = 0
    body = {"promptFeedback": {"blockReason": reason}, **response(ask, [], extras)}
    if ask.stream:
        return (stream_head(ask), *_framed(ask, [(body, "finish")]), End())
    return whole(200, pretty(body), JSON, HEADERS)


def response(ask: Ask, candidates: list[dict[str, Any]], extras: Extras, visible: int | None = None) -> dict[str, Any]:
    """One response; `visible` is how many tokens of the text have come by then, all of them where it is None."""
    return {
        **({"candidates": candidates} if candidates else {}),
        "usageMetadata": usage(ask, visible, extras),
        "modelVersion": ask.model,
        "responseId": text_id(ask, "", 22),
        **{name: value for name, value in extras.items() if name != "trafficType"},
    }


def usage(ask: Ask, visible: int | None, extras: Extras) -> dict[str, Any]:
    """What was used, without counts that are zero."""
    written = ask.output_tokens - ask.reasoning_tokens if visible is None else visible
    counts = {
        "promptTokenCount": ask.input_tokens,
        "candidatesTokenCount": written,
        "totalTokenCount": ask.input_tokens + written + ask.reasoning_tokens,
        "cachedContentTokenCount": ask.cached_tokens,
        "thoughtsTokenCount": ask.reasoning_tokens,
    }
    details = details_of(ask)
    traffic = {"trafficType": extras["trafficType"]} if "trafficType" in extras else {}
    return {**{name: count for name, count in counts.items() if count}, "promptTokensDetails": details, **traffic}


def candidate(index: int, parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    """One candidate; one that was blocked has no content."""
    content = (
        {} if finish in BLOCKED and not parts else {"content": {"parts": parts or [{"text": ""}], "role": "model"}}
    )
    return {**content, **({"finishReason": finish} if finish else {}), "index": index}


def stream_head(ask: Ask) -> Head:
    """The head of a stream."""
    kind = "text/event-stream" if by_events(ask) else JSON
    return Head(200, (*HEADERS, ("content-type", kind), ("transfer-encoding", "chunked")))


def framed(ask: Ask, data: bytes, part: str, before: int) -> Send:
    """One piece of a stream, `before` of which have gone before it."""
    if by_events(ask):
        return Send(b"data: %b\r\n\r\n" % data, part)
    return Send((b",\r\n" if before else b"[") + data, part)


def _framed(ask: Ask, chunks: Iterable[tuple[dict[str, Any], str]]) -> Iterator[Op]:
    for number, (chunk, part) in enumerate(chunks):
        if part == "delta":
            yield Wait(ask.answer.pace.between)
        yield framed(ask, json_bytes(chunk), part, number)
    if not by_events(ask):
        yield Send(b"]", "sentinel")


def _streamed(ask: Ask, said: Said, choices: int, extras: Extras) -> Iterator[Op]:
    yield stream_head(ask)
    yield from _framed(ask, _chunks(ask, said, choices, extras))
    yield End()


def _chunks(ask: Ask, said: Said, choices: int, extras: Extras) -> Iterator[tuple[dict[str, Any], str]]:
    def chunk(parts: list[dict[str, Any]], visible: int, finish: str | None = None) -> dict[str, Any]:
        return response(ask, [candidate(index, parts, finish) for index in range(choices)], extras, visible)

    if thought := _thought(ask):
        yield chunk(thought, 0), "opening"
    text = ""
    for piece in said.pieces:
        text += piece
        yield chunk([{"text": piece}], count_tokens(text) * choices), "delta"
    for call in _calls(said):
        yield chunk([call], count_tokens(text) * choices), "delta"
    yield chunk([], ask.output_tokens - ask.reasoning_tokens, _finish(said)), "finish"


def _finish(said: Said) -> str:
    # Any other finish is one of Google's own that no other provider has, such as "RECITATION".
    return FINISHES.get(said.finish, said.finish)


def _thought(ask: Ask) -> list[dict[str, Any]]:
    config = get(get(ask.body, "generationConfig"), "thinkingConfig")
    shown = ask.reasoning_tokens and get(config, "includeThoughts") is True
    return [{"text": THOUGHT, "thought": True}] if shown else []


def _calls(said: Said) -> Iterator[dict[str, Any]]:
    """The function calls as parts; of one whose arguments broke off nothing is said."""
    for call in said.calls:
        try:
            yield {"functionCall": {"name": call.name, "args": json_value(call.arguments.encode("utf-8", "replace"))}}
        except Unreadable:
            return
