"""Embeddings: a unit vector that follows from the text alone."""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...answer import count_tokens
from ...ask import Trouble
from ...script import Op, whole
from ..refusing import Refused
from ..vectors import vector
from ..wire import json_bytes
from .limits import common_headers
from .refusing import refuse_model
from .validation import not_empty, one_of, refuse

if TYPE_CHECKING:
    from ...ask import Ask

DIMENSIONS = {"text-embedding-3-large": 3072}
USUAL = 1536
MOST_INPUTS = 2048


def read(ask: Ask) -> None:
    """What is asked for, refused where it cannot be had."""
    model = ask.fake.find(ask.model)
    if model is None:
        raise refuse_model()
    one_of("encoding_format", ask.body.get("encoding_format", "float"), ("float", "base64"))
    if "dimensions" in ask.body and ask.body["dimensions"] > _dimensions(ask.model):
        raise refuse(
            f"Invalid value for 'dimensions' = {ask.body['dimensions']}. Must be less than or equal to "
            f"{_dimensions(ask.model)}.",
            "dimensions",
        )
    sizes = [_size(each) for each in _inputs(ask.body["input"])]
    ask.input_tokens = sum(sizes)
    most = max(sizes)
    if most > model.window:
        raise Refused(
            Trouble(
                "context_length",
                f"This model's maximum context length is {model.window} tokens, however you requested {most} tokens "
                f"({most} in your prompt; 0 for the completion). Please reduce your prompt; or completion length.",
                param="input",
            )
        )


def answer(ask: Ask) -> Sequence[Op]:
    """The fair-weather script."""
    size = ask.body.get("dimensions", _dimensions(ask.model))
    encoded = ask.body.get("encoding_format") == "base64"
    body = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _base64(made) if encoded else list(made)}
            for index, made in enumerate(vector(each, size) for each in _inputs(ask.body["input"]))
        ],
        "model": ask.model,
        "usage": {"prompt_tokens": ask.input_tokens, "total_tokens": ask.input_tokens},
    }
    return whole(200, json_bytes(body), headers=common_headers(ask))


def _dimensions(model: str | None) -> int:
    return DIMENSIONS.get(model or "", USUAL)


def _inputs(given: Any) -> list[Any]:
    """Every input: a text or a list of tokens each."""
    if isinstance(given, str):
        inputs: list[Any] = [given]
    else:
        not_empty("input", given)
        inputs = [given] if all(type(each) is int for each in given) else given
    if len(inputs) > MOST_INPUTS:
        raise refuse(
            f"Invalid 'input': array too long. Expected an array with maximum length {MOST_INPUTS}, but got an array "
            f"with length {len(inputs)} instead.",
            "input",
            "array_above_max_length",
        )
    for each in inputs:
        tokens = isinstance(each, list) and all(type(token) is int for token in each)
        if not each or not (isinstance(each, str) or tokens):
            raise refuse(
                "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
            )
    return inputs


def _size(given: str | list[int]) -> int:
    return count_tokens(given) if isinstance(given, str) else len(given)


def _base64(made: array[float]) -> str:
    if sys.byteorder == "big":
        made = array("f", made)
        made.byteswap()
    return b64encode(made.tobytes()).decode()
