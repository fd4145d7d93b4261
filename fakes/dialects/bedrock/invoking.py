"""Models invoked in their vendors' own words, whole and streamed.

Amazon's models are asked as in a conversation (Nova), with a prompt or for an embedding (Titan). All others are asked
by their vendors' dialects: the body becomes a request of the vendor's own API, and what comes back is put into
Bedrock's frames, under Bedrock's headers. A stream's last event tells what was used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ... import frames
from ...answer import count_tokens
from ...ask import Ask, Request, Trouble
from ...events import payloads
from ...script import End, Op, Send, Wait, whole
from .. import dialect
from ..refusing import Refused
from ..speaker import Speaker
from ..vectors import vector
from ..wire import Unreadable, json_bytes, json_value
from . import converse, titan
from .command import Command
from .reading import family_of, get, glance
from .refusing import check_conversation, check_model, check_window, refuse
from .troubles import headers
from .vendors import KEY, Chat, Embed, Messages, Pieces, Prompt, Rerank, Vendor, malformed, required

NUMBERS = "invoke.numbers"
"""The operation, where a model is invoked that answers with numbers and writes nothing."""
METRICS = "amazon-bedrock-invocationMetrics"
OF_COHERE: dict[str, type[Vendor]] = {"embed": Embed, "rerank": Rerank}
TITAN_SIZES = (256, 512, 1024)
LEARNT = ("answer", "input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "cache_written_tokens")
"""What answering tells of a request."""
# What a vendor refuses and Bedrock has other words for.
AS_VALIDATION = {"bad_json": "bad_request", "unprocessable": "bad_request", "model_not_found": "unknown_model"}


def understand(ask: Ask) -> None:
    """Fill in what a body asks for, refused where the vendor would refuse it."""
    check_model(ask)
    if family_of(ask.model) == "amazon":
        _understand_amazon(ask)
        return
    vendor = vendor_of(ask)
    inner = _asked(ask, vendor)
    ask.texts, ask.tools, ask.user = inner.texts, inner.tools, inner.user
    ask.max_output, ask.input_tokens = inner.max_output, inner.input_tokens
    if not vendor.writes:
        _answers_numbers(ask)
    if inner.trouble is not None:
        kind = AS_VALIDATION.get(inner.trouble.kind, inner.trouble.kind)
        raise Refused(Trouble(kind, inner.trouble.message, window=inner.trouble.window))


def answer(ask: Ask) -> Sequence[Op]:
    """The fair-weather script of an invocation."""
    if _embeds(ask):
        return _embedding(ask)
    if family_of(ask.model) == "amazon":
        said = converse.spoken(ask)
        if _prompts(ask):
            finish = converse.finish_of(said)
            if ask.stream:
                pieces: list[tuple[str | None, str]] = [(piece, "delta") for piece in said.pieces]
                return tuple(_streamed(ask, titan.streamed(ask, pieces, finish)))
            return _whole(ask, titan.told(ask, [said.text], finish))
        if ask.stream:
            return tuple(_streamed(ask, (({kind: body}, part) for kind, body, part in converse.events(ask, said))))
        return _whole(ask, _nova(ask, converse.content(ask, said), converse.finish_of(said)))
    vendor = vendor_of(ask)
    inner = _completed(ask, vendor)
    script = _speaker(vendor).say(inner)
    for name in LEARNT:
        setattr(ask, name, getattr(inner, name))
    return _written(ask, vendor, script)


def hollow(ask: Ask, how: str) -> Sequence[Op]:
    """A proper answer without its substance."""
    if family_of(ask.model) != "amazon":
        vendor = vendor_of(ask)
        return _written(ask, vendor, _speaker(vendor).hollow(_completed(ask, vendor), how))
    ask.output_tokens = ask.reasoning_tokens = 0
    if _prompts(ask):
        empty: list[str | None] = [None] if how == "null_content" else []
        if ask.stream:
            opening: list[tuple[str | None, str]] = [(text, "opening") for text in empty]
            return tuple(_streamed(ask, titan.streamed(ask, opening, converse.FINISHES["stop"])))
        return _whole(ask, titan.told(ask, empty, converse.FINISHES["stop"]))
    if ask.stream:
        return tuple(_streamed(ask, (({kind: body}, part) for kind, body, part in converse.emptied(ask, how))))
    return _whole(ask, _nova(ask, converse.emptied_blocks(how), converse.FINISHES["stop"]))


def vendor_of(ask: Ask) -> Vendor:
    """Whose body a request has; refused where there is none that is spoken here."""
    if not isinstance(ask.body, dict):
        raise malformed("expected type: JSONObject")
    match family_of(ask.model):
        case "anthropic":
            return Messages()
        case "mistral":
            return Prompt() if "prompt" in ask.body else Chat()
        case "cohere":
            return next((made for name, made in OF_COHERE.items() if name in (ask.model or "")), Command)()
    raise refuse(f"The body of {ask.model} is not spoken by this fake: ask for a conversation (Converse).")


def _answers_numbers(ask: Ask) -> None:
    if ask.stream:
        raise refuse(f"The model is unsupported for streaming: {ask.model}")
    ask.route = NUMBERS


def _understand_amazon(ask: Ask) -> None:
    if _embeds(ask):
        _answers_numbers(ask)
        if not isinstance(ask.body, dict):
            raise malformed("expected type: JSONObject")
        required(ask.body, "inputText")
        text, size = ask.body["inputText"], ask.body.get("dimensions", TITAN_SIZES[-1])
        if not isinstance(text, str) or size not in TITAN_SIZES:
            raise malformed("the request does not match the schema of this model")
        ask.texts, ask.input_tokens = (text,), count_tokens(text)
        return
    if _prompts(ask):
        ask.body = titan.asked(ask.body)
    config = get(ask.body, "inferenceConfig")
    if isinstance(config, dict) and "max_new_tokens" in config:  # what `maxTokens` was called in the first version
        ask.body = {**ask.body, "inferenceConfig": {**config, "maxTokens": config["max_new_tokens"]}}
    glance(ask)
    check_conversation(ask)
    check_window(ask)


def _embeds(ask: Ask) -> bool:
    return (ask.model or "").startswith("amazon.titan-embed")


def _prompts(ask: Ask) -> bool:
    return (ask.model or "").startswith(titan.PREFIX)


def _embedding(ask: Ask) -> Sequence[Op]:
    made = list(vector(ask.texts[0], ask.body.get("dimensions", TITAN_SIZES[-1])))
    ask.answer = replace(ask.answer, text="")  # nothing is said here that a caller would hear
    body = {"embedding": made, "embeddingsByType": {"float": made}, "inputTextTokenCount": ask.input_tokens}
    return _whole(ask, body)


def _nova(ask: Ask, blocks: list[dict[str, Any]], finish: str) -> dict[str, Any]:
    message = {"message": {"content": blocks, "role": "assistant"}}
    return {"output": message, "stopReason": finish, "usage": converse.usage(ask)}


def _speaker(vendor: Vendor) -> Speaker:
    spoken = dialect(vendor.dialect)
    assert isinstance(spoken, Speaker)
    return spoken


def _asked(ask: Ask, vendor: Vendor) -> Ask:
    """The same request as the vendor's own API is asked it."""
    streams = {"stream": ask.stream} if vendor.writes else {}
    body = json_bytes({**vendor.asked(ask.body), "model": ask.model, **streams})
    request = Request("POST", vendor.path, "", vendor.headers(ask.body), body)
    return _speaker(vendor).read(request, replace(ask.fake, keys=(KEY,)))


def _completed(ask: Ask, vendor: Vendor) -> Ask:
    """The same, with all that has been said of the request since."""
    inner = _asked(ask, vendor)
    inner.canary, inner.attempt, inner.now, inner.random = ask.canary, ask.attempt, ask.now, ask.random
    inner.answer = ask.answer
    return inner


def _written(ask: Ask, vendor: Vendor, script: Sequence[Op]) -> Sequence[Op]:
    sent = [op for op in script if isinstance(op, Send) and op.part != "comment"]
    if ask.stream:
        return tuple(_streamed(ask, vendor.streamed(ask, _pieces(sent))))
    return _whole(ask, vendor.told(ask, json_value(b"".join(op.data for op in sent))))


def _pieces(sent: Iterable[Send]) -> Pieces:
    """The events of a vendor's stream; what is no JSON, such as `[DONE]`, does not leave Bedrock."""
    for op in sent:
        for payload in payloads(op.data):
            try:
                yield json_value(payload), op.part
            except Unreadable:
                continue


def _whole(ask: Ask, body: Any) -> Sequence[Op]:
    counted = {
        "input": ask.input_tokens - ask.cached_tokens - ask.cache_written_tokens,
        "output": ask.output_tokens,
        "cache-read-input": ask.cached_tokens,
        "cache-write-input": ask.cache_written_tokens,
    }
    told = ((f"x-amzn-bedrock-{name}-token-count", str(count)) for name, count in counted.items())
    latency = ("x-amzn-bedrock-invocation-latency", str(converse.metrics(ask)["latencyMs"]))
    return whole(200, json_bytes(body), headers=(*headers(ask), latency, *told))


def _streamed(ask: Ask, pieces: Pieces) -> Iterator[Op]:
    """Each event in a frame; the last one also tells what was used."""
    yield converse.stream_head(ask, ("x-amzn-bedrock-content-type", "application/json"))
    chance = converse.padding(ask)
    *most, (last, end) = pieces
    for value, part in (*most, ({**last, METRICS: _metrics(ask)}, end)):
        if part == "delta":
            yield Wait(ask.answer.pace.between)
        yield chunk(json_bytes(value), part, p=next(chance))
    yield End()


def chunk(event: bytes, part: str, **fields: Any) -> Send:
    """A vendor's event in a frame."""
    return converse.framed("chunk", frames.wrapping(event, **fields), part)


def _metrics(ask: Ask) -> dict[str, int]:
    pace = ask.answer.pace
    return {
        "inputTokenCount": ask.input_tokens - ask.cached_tokens - ask.cache_written_tokens,
        "outputTokenCount": ask.output_tokens,
        "invocationLatency": converse.metrics(ask)["latencyMs"],
        "firstByteLatency": max(1, round(1000 * pace.first)),
        "cacheReadInputTokenCount": ask.cached_tokens,
        "cacheWriteInputTokenCount": ask.cache_written_tokens,
    }
