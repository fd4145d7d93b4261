"""Embeddings of texts and images, in every number format at once."""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from ...answer import count_tokens
from ...ask import Trouble
from ...script import Op, whole
from ..refusing import Refused
from ..vectors import vector
from ..wire import json_bytes
from .reading import texts_in
from .refusing import Types, check, check_model, of_type, one_of, refuse
from .troubles import headers, uuid

if TYPE_CHECKING:
    from ...ask import Ask

MOST_INPUTS = 96
NEWEST = "embed-v4.0"
NEWEST_SIZES = (256, 512, 1024, 1536)
OLDER_SIZE = 1024
INPUT_TYPES = ("search_document", "search_query", "classification", "clustering", "image")
FORMATS = ("float", "int8", "uint8", "binary", "ubinary", "base64")
SOURCES = ("texts", "images", "inputs")
TYPES: dict[str, Types] = {
    **dict.fromkeys(("model", "input_type", "truncate"), (str,)),
    **dict.fromkeys((*SOURCES, "embedding_types"), (list,)),
    **dict.fromkeys(("output_dimension", "max_tokens", "priority"), (int,)),
}


def read(ask: Ask) -> None:
    """Fill in what is asked for, refused where it cannot be had."""
    body = ask.body = check(ask.body, TYPES, "model", "input_type")
    one_of("input_type", body["input_type"], *INPUT_TYPES)
    one_of("truncate", body.get("truncate", "END"), "NONE", "START", "END")
    for each in body.get("embedding_types", ()):
        one_of("embedding_types", each, *FORMATS)
    given = [name for name in SOURCES if body.get(name)]
    if len(given) != 1:
        raise refuse("exactly one of texts, images and inputs must be given")
    inputs = body[given[0]]
    if len(inputs) > MOST_INPUTS:
        raise refuse(f"total number of {given[0]} must be at most {MOST_INPUTS} - received {len(inputs)}")
    for each in inputs:
        of_type(given[0], each, dict if given[0] == "inputs" else str)
    model = check_model(ask)
    if _size(ask) not in (NEWEST_SIZES if ask.model == NEWEST else (OLDER_SIZE,)):
        raise refuse(f"output_dimension {body['output_dimension']} is not supported by {ask.model}")
    sizes = [sum(map(count_tokens, texts_in(each))) for each in inputs] if given[0] != "images" else [0]
    if body.get("truncate") == "NONE" and max(sizes) > model.window:
        raise Refused(Trouble("context_length"))
    ask.input_tokens = sum(min(size, model.window) for size in sizes)


def answer(ask: Ask) -> tuple[Op, ...]:
    """The fair-weather script."""
    body = ask.body
    source = next(name for name in SOURCES if body.get(name))
    made = [vector(each if isinstance(each, str) else repr(each), _size(ask)) for each in body[source]]
    formats = body.get("embedding_types") or ["float"]
    billed: dict[str, int] = {"images": len(made)} if source == "images" else {"input_tokens": ask.input_tokens}
    value = {
        "id": uuid(ask),
        "embeddings": {name: [_written(name, each) for each in made] for name in formats},
        **({"texts": body["texts"]} if source == "texts" else {}),
        "response_type": "embeddings_by_type",
        "meta": {"api_version": {"version": "2"}, "billed_units": billed},
    }
    return whole(200, json_bytes(value), headers=headers(ask))


def _size(ask: Ask) -> Any:
    return ask.body.get("output_dimension", NEWEST_SIZES[-1] if ask.model == NEWEST else OLDER_SIZE)


def _written(name: str, made: array[float]) -> Any:
    """A vector in one of the formats: numbers, bytes that keep its direction, or one bit for each number's sign."""
    largest = max(map(abs, made))
    match name:
        case "int8" | "uint8":
            return [round(number / largest * 127) + (128 if name == "uint8" else 0) for number in made]
        case "binary" | "ubinary":
            bits = ["1" if number > 0 else "0" for number in made]
            packed = (int("".join(bits[start : start + 8]), 2) for start in range(0, len(bits), 8))
            return [byte - (128 if name == "binary" else 0) for byte in packed]
        case "base64":
            numbers = array("f", made)
            if sys.byteorder == "big":
                numbers.byteswap()
            return b64encode(numbers.tobytes()).decode()
    return list(made)
