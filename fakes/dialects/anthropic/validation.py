"""What Anthropic refuses of a body's fields before it looks at what they say: 400, the path in front of the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...ask import Trouble
from ..refusing import Refused

NAMES = {
    dict: "a valid dictionary",
    list: "a valid list",
    str: "a valid string",
    bool: "a valid boolean",
    int: "a valid integer",
    float: "a valid number",
}


@dataclass(frozen=True, slots=True)
class Field:
    """What a parameter may be."""

    types: tuple[type, ...]
    least: float | None = None
    most: float | None = None
    optional: bool = False
    """Whether null is as good as absent."""


BOOLEAN, STRING, OBJECT, ARRAY = Field((bool,)), Field((str,)), Field((dict,)), Field((list,))
TEXT_OR_NULL, OBJECT_OR_NULL = Field((str,), optional=True), Field((dict,), optional=True)
COUNT_TOKENS: dict[str, Field] = {
    "model": STRING,
    "messages": ARRAY,
    "system": Field((str, list)),
    "tools": ARRAY,
    "tool_choice": OBJECT,
    "thinking": OBJECT,
    "output_config": OBJECT,
    "output_format": OBJECT_OR_NULL,
    "cache_control": OBJECT_OR_NULL,
    "context_management": OBJECT_OR_NULL,
    "mcp_servers": ARRAY,
    "speed": TEXT_OR_NULL,
}
MESSAGES: dict[str, Field] = COUNT_TOKENS | {
    "max_tokens": Field((int,), 0),
    "stream": BOOLEAN,
    "stop_sequences": ARRAY,
    "temperature": Field((float, int), 0, 1, optional=True),
    "top_p": Field((float, int), 0, 1, optional=True),
    "top_k": Field((int,), 0, optional=True),
    "metadata": OBJECT,
    "service_tier": STRING,
    "container": Field((str, dict), optional=True),
    "inference_geo": TEXT_OR_NULL,
    "diagnostics": OBJECT_OR_NULL,
    "billing_policy": OBJECT_OR_NULL,
    "compaction": OBJECT_OR_NULL,
    "fallbacks": Field((list, str), optional=True),
    "fallback_credit_token": TEXT_OR_NULL,
    "thread": OBJECT_OR_NULL,
}
BATCHES: dict[str, Field] = {"requests": ARRAY}


def refuse(message: str, at: str = "") -> Refused:
    """A refusal to be raised."""
    return Refused(Trouble("bad_request", f"{at}: {message}" if at else message))


def check(body: Any, fields: dict[str, Field], *required: str, at: str = "") -> dict[str, Any]:
    """The body with what is null left out; refused where a field is missing, unknown, of a wrong type or range."""
    if not isinstance(body, dict):
        raise refuse("Input should be a valid dictionary", at)
    before = f"{at}." if at else ""
    for name in required:
        if name not in body:
            raise refuse("Field required", before + name)
    given = {}
    for name, value in body.items():
        if name not in fields:
            raise refuse("Extra inputs are not permitted", before + name)
        if value is None and fields[name].optional:
            continue
        _field(before + name, value, fields[name])
        given[name] = value
    return given


def of_type(at: str, value: Any, *types: type) -> None:
    """Refuse a value of another type."""
    if type(value) not in types:
        raise refuse(f"Input should be {NAMES[types[0]]}", at)


def required(at: str, value: dict[str, Any], *names: str) -> None:
    """Refuse an object that lacks a field."""
    for name in names:
        if name not in value:
            raise refuse("Field required", f"{at}.{name}")


def one_of(at: str, value: Any, *allowed: str) -> None:
    """Refuse a value that is none of those allowed."""
    if value not in allowed:
        *most, last = (f"'{each}'" for each in allowed)
        raise refuse(f"Input should be {', '.join(most)} or {last}", at)


def _field(at: str, value: Any, field: Field) -> None:
    of_type(at, value, *field.types)
    if field.least is not None and value < field.least:
        raise refuse(f"Input should be greater than or equal to {field.least}", at)
    if field.most is not None and value > field.most:
        raise refuse(f"Input should be less than or equal to {field.most}", at)
