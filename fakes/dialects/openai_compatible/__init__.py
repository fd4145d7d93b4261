"""OpenAI's chat completions as other providers speak them: OpenRouter, Groq, Together, Ollama, vLLM.

There is no second copy of the dialect here: OpenAI's script is rewritten as `variations` says of the provider at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ...ask import Ask, Trouble
from ...script import Head, Headers, Op, Send, whole
from ..openai import OpenAI, troubles
from ..openai.limits import request_id
from ..reading import Routes
from ..saying import THOUGHT
from ..wire import json_bytes, json_value, sse
from .variations import Variation, variation

ROUTES = Routes(
    (
        ("POST", "/v1/chat/completions", "chat"),
        ("POST", "/v1/embeddings", "embeddings"),
        ("GET", "/v1/models", "models.list"),
        ("GET", "/v1/models/(.+)", "models.get"),
    )
)
FRAMING = ("content-type", "content-length")
OWN = ("openai-", "retry-after-ms")
"""How the names of headers begin that nobody but OpenAI sends."""
PAYMENT = 402
"""OpenAI says it with the status of a rate limit, and a code that others do not have."""
LIMITS = "x-ratelimit-"
OF_OPENAI = ("service_tier", "system_fingerprint", "usage", "obfuscation")
"""Fields of chunks that others do not have, or elsewhere."""


class OpenAICompatible(OpenAI):
    """OpenAI's chat completions as other providers speak them."""

    name = "openai_compatible"
    writing = frozenset({"chat"})
    routes = ROUTES

    def check_key(self, ask: Ask) -> Trouble | None:
        """What is said of a key: nothing, where the provider wants none."""
        return None if variation(ask.model).keyless else super().check_key(ask)

    def say(self, ask: Ask) -> Sequence[Op]:
        """OpenAI's script, as this provider has it."""
        if _streams(ask):
            ask.body = {**ask.body, "stream_options": {"include_usage": True}}
        return _varied(ask, super().say(ask))

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper answer without its substance."""
        return _varied(ask, super().hollow(ask, how))

    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """The provider's way of saying no."""
        head, *rest = super().refuse(ask, _billed(trouble))
        assert isinstance(head, Head)
        return (Head(head.status, _headers(head.headers, variation(ask.model))), *rest)

    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The error as the provider writes it."""
        return json_bytes(self._error(ask, trouble))

    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The event that tells of an error inside a stream."""
        return sse(json_bytes(self._error(ask, trouble)), "error")

    def ping(self, ask: Ask) -> Send:
        """A comment, the provider's own where it has one."""
        return Send(variation(ask.model).comment or b": ping\n\n", "comment")

    def _error(self, ask: Ask, trouble: Trouble) -> Any:
        status = _billed(trouble).status
        if status in (None, 200):  # an error under a status that says all is well has a status of its own
            status = troubles.row(trouble).status
        return variation(ask.model).error(troubles.error(ask, trouble, request_id(ask)), status)


def _billed(trouble: Trouble) -> Trouble:
    """A trouble with the status of accounts that have nothing left to spend, where it is that."""
    spent = trouble.kind == "quota_exhausted" and trouble.status is None
    return replace(trouble, status=PAYMENT) if spent else trouble


def _varied(ask: Ask, script: Sequence[Op]) -> tuple[Op, ...]:
    own = variation(ask.model)
    head, *rest = script
    assert isinstance(head, Head)
    if _streams(ask):
        return (Head(head.status, _headers(head.headers, own)), *_streamed(ask, rest, own))
    value = json_value(b"".join(op.data for op in rest if isinstance(op, Send)))
    if ask.route == "chat":
        value = {name: each for name, each in value.items() if name == "usage" or name not in OF_OPENAI}
        value = _said(value, own)
        if _shows_thought(ask, own):
            for choice in value["choices"]:
                choice["message"][own.thought] = "".join(THOUGHT)
    told = tuple(pair for pair in _headers(head.headers, own) if pair[0] not in FRAMING)
    return whole(head.status, json_bytes(value), headers=told)


def _streams(ask: Ask) -> bool:
    return ask.stream and ask.route == "chat"


def _streamed(ask: Ask, script: Sequence[Op], own: Variation) -> Iterator[Op]:
    usage = [json_value(_data(op))["usage"] for op in script if isinstance(op, Send) and op.part == "usage"]
    last = max((at for at, op in enumerate(script) if isinstance(op, Send) and op.part == "finish"), default=-1)
    if own.comment:
        yield Send(own.comment, "comment")
    for at, op in enumerate(script):
        if not isinstance(op, Send):
            yield op
        elif op.part == "sentinel":
            if own.sentinel:
                yield Send(op.data, "finish") if own.silent and ask.answer.finish == "stop" else op
        elif op.part != "usage" or own.usage == "always":
            told = usage if op.part == "usage" or (at == last and own.usage != "always") else []
            chunk = _chunk(json_value(_data(op)), told, own)
            yield sse(json_bytes(chunk), op.part)
            if op.part == "opening" and _shows_thought(ask, own):
                yield from _thoughts(chunk, own)


def _shows_thought(ask: Ask, own: Variation) -> bool:
    return own.thought is not None and ask.reasoning_tokens > 0


def _thoughts(opening: dict[str, Any], own: Variation) -> Iterator[Op]:
    """What the model thought, behind the chunk that opens a choice."""
    for choice in opening["choices"]:
        for piece in THOUGHT if "role" in choice["delta"] else ():
            yield sse(json_bytes({**opening, "choices": [{**choice, "delta": {own.thought: piece}}]}), "opening")


def _chunk(value: dict[str, Any], usage: list[Any], own: Variation) -> Any:
    kept = {name: each for name, each in value.items() if name not in OF_OPENAI}
    for counts in usage:
        match own.usage:
            case "x_groq":
                kept["x_groq"] = {"usage": counts}
            case "always" | "last":
                kept["usage"] = counts
    return _said(kept, own)


def _said(value: dict[str, Any], own: Variation) -> Any:
    """An answer or a chunk with the fields that are this provider's own."""
    made = {**value, **own.more}
    if own.silent:
        made["choices"] = [_silent(choice) if "delta" in choice else choice for choice in made["choices"]]
    return _without_null(made) if own.terse else made


def _silent(choice: dict[str, Any]) -> dict[str, Any]:
    """A piece of a choice that does not tell of a natural end."""
    return {**choice, "finish_reason": None} if choice["finish_reason"] == "stop" else choice


def _without_null(value: Any) -> Any:
    """A value without what is null, except a text that a fault has made null."""
    if isinstance(value, list):
        return [_without_null(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_null(each) for name, each in value.items() if each is not None or name == "content"}
    return value


def _headers(headers: Headers, own: Variation) -> Headers:
    """The headers that are not OpenAI's alone."""
    foreign = OWN if own.limits else (*OWN, LIMITS)
    return tuple(pair for pair in headers if not pair[0].startswith(foreign))


def _data(op: Send) -> bytes:
    return op.data.removeprefix(b"data: ")


DIALECT = OpenAICompatible
