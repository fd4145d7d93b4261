"""What OpenAI refuses of a request's body before any model sees it: 400 with the parameter's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...ask import Trouble
from ..refusing import Refused

NAMES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer", float: "a decimal"}
ROLES = ("system", "assistant", "user", "function", "tool", "developer")
INPUT_ROLES = ("assistant", "system", "developer", "user")


@dataclass(frozen=True, slots=True)
class Field:
    """What a parameter may be; None is as good as absent everywhere."""

    types: tuple[type, ...]
    least: float | None = None
    most: float | None = None


BOOLEAN, STRING, OBJECT, ARRAY = Field((bool,)), Field((str,)), Field((dict,)), Field((list,))
CHAT: dict[str, Field] = {
    "model": STRING,
    "messages": ARRAY,
    "stream": BOOLEAN,
    "stream_options": OBJECT,
    "max_completion_tokens": Field((int,), 1),
    "max_tokens": Field((int,), 1),
    "temperature": Field((float, int), 0, 2),
    "top_p": Field((float, int), 0, 1),
    "presence_penalty": Field((float, int), -2, 2),
    "frequency_penalty": Field((float, int), -2, 2),
    "n": Field((int,), 1, 128),
    "stop": Field((str, list)),
    "tools": ARRAY,
    "tool_choice": Field((str, dict)),
    "parallel_tool_calls": BOOLEAN,
    "response_format": OBJECT,
    "seed": Field((int,)),
    "logprobs": BOOLEAN,
    "top_logprobs": Field((int,), 0, 20),
    "service_tier": STRING,
    "store": BOOLEAN,
    "metadata": OBJECT,
    "user": STRING,
    "safety_identifier": STRING,
}
RESPONSES: dict[str, Field] = {
    "model": STRING,
    "input": Field((str, list)),
    "instructions": STRING,
    "max_output_tokens": Field((int,), 16),
    "max_tool_calls": Field((int,), 0),
    "tools": ARRAY,
    "tool_choice": Field((str, dict)),
    "parallel_tool_calls": BOOLEAN,
    "text": OBJECT,
    "reasoning": OBJECT,
    "previous_response_id": STRING,
    "store": BOOLEAN,
    "stream": BOOLEAN,
    "stream_options": OBJECT,
    "background": BOOLEAN,
    "truncation": STRING,
    "temperature": Field((float, int), 0, 2),
    "top_p": Field((float, int), 0, 1),
    "top_logprobs": Field((int,), 0, 20),
    "service_tier": STRING,
    "metadata": OBJECT,
    "user": STRING,
    "safety_identifier": STRING,
    "prompt_cache_key": STRING,
}
EMBEDDINGS: dict[str, Field] = {
    "model": STRING,
    "input": Field((str, list)),
    "encoding_format": STRING,
    "dimensions": Field((int,), 1),
    "user": STRING,
}
MODERATIONS: dict[str, Field] = {"model": STRING, "input": Field((str, list))}
BATCHES: dict[str, Field] = {
    "input_file_id": STRING,
    "endpoint": STRING,
    "completion_window": STRING,
    "metadata": OBJECT,
}


def refuse(message: str, param: str | None = None, code: str | None = None, kind: str = "bad_request") -> Refused:
    """A refusal to be raised."""
    return Refused(Trouble(kind, message, param=param, code=code))


def check(body: Any, fields: dict[str, Field], *required: str) -> dict[str, Any]:
    """The body with what is None left out; refused where a field is missing, of a wrong type or out of its range."""
    if not isinstance(body, dict):
        raise refuse("Invalid request body: expected a JSON object.")
    given = {name: value for name, value in body.items() if value is not None}
    if "model" in required and "model" not in given:
        raise refuse("you must provide a model parameter")
    for name in required:
        if name not in given:
            raise missing(name)
    for name, value in given.items():
        if name in fields:
            _field(name, value, fields[name])
    for name, value in given.get("metadata", {}).items() if "metadata" in fields else ():
        of_type(f"metadata.{name}", value, str)
    return given


def missing(param: str) -> Refused:
    """The refusal of a request that lacks a parameter."""
    return refuse(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def of_type(param: str, value: Any, *types: type) -> None:
    """Refuse a value of another type."""
    if type(value) not in types:
        expected = " or ".join(NAMES[each] for each in types)
        got = NAMES.get(type(value), "null")
        raise refuse(f"Invalid type for '{param}': expected {expected}, but got {got} instead.", param, "invalid_type")


def one_of(param: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is none of those allowed."""
    if value not in allowed:
        *most, last = (f"'{each}'" for each in allowed)
        listed = f"{', '.join(most)}, and {last}" if most else last
        raise refuse(f"Invalid value: '{value}'. Supported values are: {listed}.", param, "invalid_value")


def not_empty(param: str, value: list[Any]) -> None:
    """Refuse an empty array."""
    if not value:
        raise refuse(
            f"Invalid '{param}': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param,
            "empty_array",
        )


def _field(name: str, value: Any, field: Field) -> None:
    of_type(name, value, *field.types)
    word = "integer" if field.types == (int,) else "decimal"
    start, end = f"Invalid '{name}': {word}", f"but got {value} instead."
    if field.least is not None and value < field.least:
        raise refuse(
            f"{start} below minimum value. Expected a value >= {field.least}, {end}",
            name,
            f"{word}_below_min_value",
        )
    if field.most is not None and value > field.most:
        raise refuse(
            f"{start} above maximum value. Expected a value <= {field.most}, {end}",
            name,
            f"{word}_above_max_value",
        )
