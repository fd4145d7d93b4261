"""Amazon's Titan Text: a prompt goes in, a text comes out, without roles, tools or structure.

At heart it is a conversation of one message, and is answered as one. A stream has the pieces of the text and ends with
one without text, which tells why it ended and what it took; the captured ones have one piece that is both. Why an
answer ended is said in the words of captures, "FINISH" where the documentation has "FINISHED".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .vendors import Body, malformed, required

if TYPE_CHECKING:
    from ...ask import Ask

PREFIX = "amazon.titan-text"
"""How the names of these models begin."""
NAMES = {"maxTokenCount": "maxTokens", "temperature": "temperature", "topP": "topP", "stopSequences": "stopSequences"}
"""What its settings are called in a conversation."""
REASONS = {
    "end_turn": "FINISH",
    "max_tokens": "LENGTH",
    "stop_sequence": "STOP_CRITERIA_MET",
    "content_filtered": "CONTENT_FILTERED",
}


def asked(body: Any) -> Body:
    """The conversation that a body asks for; refused where it is none of Titan's."""
    if not isinstance(body, dict):
        raise malformed("expected type: JSONObject")
    required(body, "inputText")
    for name in body:
        if name not in {"inputText", "textGenerationConfig"}:
            raise malformed(f"extraneous key [{name}] is not permitted")
    text, config = body["inputText"], body.get("textGenerationConfig", {})
    if not isinstance(text, str) or not text:
        raise malformed("inputText: expected minLength: 1")
    if not isinstance(config, dict):
        raise malformed("textGenerationConfig: expected type: JSONObject")
    for name, value in config.items():
        _check(name, value)
    said = {"messages": [{"role": "user", "content": [{"text": text}]}]}
    return {**said, "inferenceConfig": {NAMES[name]: value for name, value in config.items()}}


def told(ask: Ask, texts: list[str | None], finish: str) -> Body:
    """The whole answer; of no text, no result."""
    results = [
        {"tokenCount": ask.output_tokens, "outputText": text, "completionReason": REASONS.get(finish, finish)}
        for text in texts
    ]
    return {"inputTextTokenCount": ask.input_tokens, "results": results}


def streamed(ask: Ask, pieces: list[tuple[str | None, str]], finish: str) -> Iterator[tuple[Body, str]]:
    """The chunks of a streamed answer, each with the part of it that it is."""
    for text, part in pieces:
        yield _chunk(text), part
    counts = {"totalOutputTextTokenCount": ask.output_tokens, "inputTextTokenCount": ask.input_tokens}
    yield {**_chunk(""), **counts, "completionReason": REASONS.get(finish, finish)}, "finish"


def _chunk(text: str | None) -> Body:
    nothing_yet = dict.fromkeys(("totalOutputTextTokenCount", "completionReason", "inputTextTokenCount"))
    return {"outputText": text, "index": 0, **nothing_yet}


def _check(name: str, value: Any) -> None:
    at = f"textGenerationConfig/{name}"
    match name:
        case "maxTokenCount":
            good = type(value) is int and value > 0
        case "temperature" | "topP":
            good = type(value) in (int, float) and 0 <= value <= 1
        case "stopSequences":
            good = isinstance(value, list) and all(isinstance(each, str) for each in value)
        case _:
            raise malformed(f"textGenerationConfig: extraneous key [{name}] is not permitted")
    if not good:
        raise malformed(f"{at}: {value!r} is not a valid value")
