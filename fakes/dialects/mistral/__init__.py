"""Mistral's wire format: OpenAI's chat completions with errors, limits, identifiers and streams of its own.

Errors are flat; what does not validate is a 422 with a list of details. A stream's usage comes with its last chunk, and
a tool call comes whole. There is no word for an answer that a filter ended: it ends in an error. Where the model is
asked to think, or always does, the content is a list in which what it thought comes before the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ...ask import Ask, Trouble
from ...script import Head, Headers, Op, Send, whole
from ..openai import OpenAI
from ..openai.limits import under
from ..openai.models import CREATED
from ..openai.reading import ID
from ..openai.refusing import refuse_model
from ..reading import Routes
from ..refusing import Refused, page, with_own
from ..saying import THOUGHT
from ..wire import hex_id, json_bytes, json_value, sse, text_id
from . import batches, limits, troubles
from .batches import MistralBatches, MistralFiles

ROUTES = Routes(
    (
        ("POST", "/v1/chat/completions", "chat"),
        ("POST", "/v1/embeddings", "embeddings"),
        ("GET", "/v1/models", "models.list"),
        ("GET", "/v1/models/(.+)", "models.get"),
        ("POST", "/v1/files", "files.create"),
        ("GET", "/v1/files", "files.list"),
        ("GET", f"/v1/files/{ID}", "files.get"),
        ("DELETE", f"/v1/files/{ID}", "files.delete"),
        ("GET", f"/v1/files/{ID}/content", "files.content"),
        ("POST", "/v1/batch/jobs", "batches.create"),
        ("GET", "/v1/batch/jobs", "batches.list"),
        ("GET", f"/v1/batch/jobs/{ID}", "batches.get"),
        ("DELETE", f"/v1/batch/jobs/{ID}", "batches.delete"),
        ("POST", f"/v1/batch/jobs/{ID}/cancel", "batches.cancel"),
    )
)
FINISHES = {
    "stop": "stop",
    "length": "length",
    "content_filter": "error",
    "tool_calls": "tool_calls",
    "refusal": "stop",
}
DIMENSIONS = 1024
CALL_ID = 9


class Mistral(OpenAI):
    """Mistral's wire format."""

    name = "mistral"
    base = ""
    troubles = frozenset(troubles.TROUBLES)
    writing = frozenset({"chat"})
    finishes = MappingProxyType(FINISHES)
    closed_lists = frozenset()
    routes = ROUTES

    def __init__(self) -> None:
        super().__init__()
        self.files = MistralFiles()
        self.batches = MistralBatches(self.files, self._run)

    def parsed(self, ask: Ask) -> Any:
        """The request's body in the words that OpenAI has for the same."""
        body = super().parsed(ask)
        if not isinstance(body, dict):
            return body
        if body.get("tool_choice") == "any":
            body["tool_choice"] = "required"
        body.pop("stream_options", None)
        if isinstance(body.get("metadata"), dict):
            body.pop("metadata")  # of any shape here
        if ask.route == "chat" and body.get("stream") is True:
            body["stream_options"] = {"include_usage": True}
        if ask.route == "embeddings":
            size = body.pop("output_dimension", None)
            body["dimensions"] = DIMENSIONS if size is None else size
        return body

    def understand(self, ask: Ask) -> None:
        """Fill in what the request asks for as far as it can be read; what is no valid request cannot be processed."""
        with _unprocessable():
            if ask.route == "batches.create":
                batches.read(ask)
            else:
                super().understand(ask)

    def say(self, ask: Ask) -> Sequence[Op]:
        """OpenAI's script, as Mistral has it."""
        if ask.route.startswith("models."):
            return _models(ask)
        if ask.route.startswith(("files.", "batches.")):
            with _unprocessable():
                return tuple(under(limits.common_headers(ask), ask, super().say(ask)))
        return _rewritten(ask, super().say(ask))

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper answer without its substance."""
        return _rewritten(ask, super().hollow(ask, how))

    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """Mistral's way of saying no."""
        row = troubles.row(trouble)
        status = trouble.status or row.status
        headers = with_own(limits.refusal_headers(ask, trouble, status), trouble)
        if row.html and status == row.status and trouble.message is None:
            return whole(status, page(row.message), "text/html", headers)
        return whole(status, self.error_envelope(ask, trouble), headers=headers)

    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The error, flat."""
        return json_bytes(troubles.error(ask, trouble))

    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The event that tells of an error inside a stream."""
        return sse(json_bytes(troubles.flat(ask, trouble)), "error")

    def unknown_event(self, ask: Ask) -> Send | None:
        """None: events of this API have no types, and its client knows one shape only."""
        return None


@contextmanager
def _unprocessable() -> Iterator[None]:
    """What OpenAI calls a bad request cannot be processed here."""
    try:
        yield
    except Refused as refused:
        if refused.trouble.kind != "bad_request":
            raise
        raise Refused(replace(refused.trouble, kind="unprocessable", code=None)) from None


def _models(ask: Ask) -> Sequence[Op]:
    known = ask.fake.known()
    if ask.route == "models.get":
        if ask.about not in known:
            raise refuse_model()
        value: Any = _card(ask, ask.about or "")
    else:
        value = {"object": "list", "data": [_card(ask, name) for name in known]}
    ask.answer = replace(ask.answer, text="")  # nothing is said here that a caller would hear
    return whole(200, json_bytes(value), headers=limits.common_headers(ask))


def _card(ask: Ask, name: str) -> dict[str, Any]:
    model = ask.fake.find(name)
    chats = model is not None and model.max_output > 0
    return {
        "id": name,
        "object": "model",
        "created": CREATED,
        "owned_by": "mistralai",
        "type": "base",
        "capabilities": {"completion_chat": chats, "function_calling": chats},
        "max_context_length": model.window if model else 0,
    }


def _rewritten(ask: Ask, script: Sequence[Op]) -> tuple[Op, ...]:
    """The script in Mistral's words, under its headers."""
    head, *rest = script
    assert isinstance(head, Head)
    if ask.stream and ask.route == "chat":
        kept: Headers = tuple(each for each in head.headers if each[0] in limits.STREAMED)
        return (Head(head.status, (*limits.common_headers(ask), *kept)), *_streamed(ask, rest))
    value = json_value(b"".join(op.data for op in rest if isinstance(op, Send)))
    value["id"] = hex_id(ask, "")
    value["usage"] = _usage(value["usage"])
    if ask.route == "chat":
        value = _answer(ask, value)
    return whole(head.status, json_bytes(value), headers=limits.common_headers(ask))


def _streamed(ask: Ask, script: Sequence[Op]) -> Iterator[Op]:
    """The chunks, the usage in the last one with a choice, every tool call in a piece of its own."""
    chunks = [
        json_value(op.data.removeprefix(b"data: ")) for op in script if isinstance(op, Send) and op.part != "sentinel"
    ]
    usage = next((chunk["usage"] for chunk in chunks if chunk.get("usage")), None)
    last = max((at for at, op in enumerate(script) if isinstance(op, Send) and op.part == "finish"), default=-1)
    whole_calls = _whole_calls(chunks)
    for at, op in enumerate(script):
        if not isinstance(op, Send) or op.part == "sentinel":
            yield op
            continue
        if op.part == "usage":
            continue
        chunk = _answer(ask, json_value(op.data.removeprefix(b"data: ")))
        part = op.part
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls") or ():
                call["function"]["arguments"] = whole_calls[choice["index"], call["index"]]
                part = "delta"
        if part == "delta" and op.part == "delta" and _continues(chunk):
            continue
        chunk.pop("usage", None)
        if at == last and usage is not None:
            chunk["usage"] = _usage(usage)
        yield sse(json_bytes(chunk), part)
        if _thinks(ask) and any(
            "role" in each["delta"] and each["delta"]["content"] == "" for each in chunk["choices"]
        ):
            yield from (sse(json_bytes(_thinking(chunk, piece)), "opening") for piece in THOUGHT)


def _thinks(ask: Ask) -> bool:
    """Whether the answer shows what the model thought."""
    asked = ask.body.get("reasoning_effort") not in (None, "none") or ask.body.get("prompt_mode") == "reasoning"
    return ask.reasoning_tokens > 0 and (asked or (ask.model or "").startswith("magistral"))


def _thoughts(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _thinking(opening: dict[str, Any], piece: str) -> dict[str, Any]:
    """The chunk with a piece of what was thought, which comes behind one that opens the answer."""
    choices = [{**choice, "delta": {"content": [_thoughts(piece)]}} for choice in opening["choices"]]
    return {**opening, "choices": choices}


def _continues(chunk: dict[str, Any]) -> bool:
    """Whether a chunk goes on with a call that another has begun."""
    calls = [call for choice in chunk["choices"] for call in choice["delta"].get("tool_calls") or ()]
    return any("name" not in call["function"] for call in calls)


def _whole_calls(chunks: list[dict[str, Any]]) -> dict[tuple[int, int], str]:
    """The arguments of every call, by choice and number."""
    found: dict[tuple[int, int], str] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls") or ():
                at = (choice["index"], call["index"])
                found[at] = found.get(at, "") + call["function"]["arguments"]
    return found


def _answer(ask: Ask, value: dict[str, Any]) -> dict[str, Any]:
    """A completion or a chunk without what only OpenAI has."""
    value = {name: each for name, each in value.items() if name not in {"service_tier", "system_fingerprint"}}
    return {**value, "id": hex_id(ask, ""), "choices": [_choice(ask, choice) for choice in value["choices"]]}


def _choice(ask: Ask, choice: dict[str, Any]) -> dict[str, Any]:
    field = "delta" if "delta" in choice else "message"
    message = dict(choice[field])
    refusal = message.pop("refusal", None)
    message.pop("annotations", None)
    if refusal is not None:  # it has no field of its own: a model that declines says so
        message["content"] = refusal
    calls = message.get("tool_calls") or ()
    unfinished = choice["finish_reason"] is None and "role" in message
    if (calls or unfinished) and message.get("content") is None:
        message["content"] = ""
    if field == "message" and message.get("content") is not None and _thinks(ask):
        text = [{"type": "text", "text": message["content"]}] if message["content"] else []
        message["content"] = [_thoughts("".join(THOUGHT)), *text]
    for number, call in enumerate(calls):
        call.setdefault("index", number)
        call["id"] = text_id(ask, "", CALL_ID, choice["index"], call["index"])
    finish = choice["finish_reason"]
    return {"index": choice["index"], field: message, "finish_reason": finish and FINISHES[finish]}


def _usage(usage: dict[str, Any]) -> dict[str, Any]:
    made = {name: usage.get(name, 0) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    return {**made, "prompt_tokens_details": {"cached_tokens": cached}} if cached else made


DIALECT = Mistral
