"""A strict reader of what the bedrock dialect says, by the description that Amazon's own client has of the service."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore import session
from botocore.eventstream import EventStreamBuffer
from botocore.model import ServiceModel, Shape

JSON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "list": list,
    "map": dict,
    "structure": dict,
    "blob": str,
    "timestamp": (str, int, float),
}
PADDING = "p"
"""What pads an event, and is in no description."""


def answered(operation: str, value: object, service: str = "bedrock-runtime") -> None:
    """Hold a whole answer against what the operation gives back."""
    valid(described(service).operation_model(operation).output_shape, value)


def streamed(operation: str, body: bytes) -> list[tuple[str, Any]]:
    """Hold each event of a stream against its description; their types, and what they say."""
    shape = described("bedrock-runtime").operation_model(operation).get_event_stream_output()
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    found = []
    for event in buffer:
        kind = event.headers.get(":event-type") or event.headers[":exception-type"]
        assert "application/json" == event.headers[":content-type"]
        value = valid_json(shape.members[kind], event.payload)
        found.append((kind, value))
    return found


def valid_json(shape: Shape, data: bytes) -> Any:
    """A value in JSON, held against a description."""
    from brownout.fakes.dialects.wire import json_value  # noqa: PLC0415  # strict, where Amazon's own reader is not

    value = json_value(data)
    padding = value.pop(PADDING, None)
    assert padding is None or isinstance(padding, str)
    valid(shape, value)
    return value


def valid(shape: Shape, value: object) -> None:
    """Hold a value against a description: every field known, none missing, each of its type."""
    wrong = list(_wrong(shape, value, shape.name))
    assert not wrong, wrong


def _wrong(shape: Shape, value: Any, at: str) -> Iterator[str]:
    if getattr(shape, "is_document_type", False):
        return
    if not isinstance(value, JSON[shape.type_name]) or (isinstance(value, bool) and shape.type_name != "boolean"):
        yield f"{at} is {value!r}, and no {shape.type_name}"
        return
    match shape.type_name:
        case "structure":
            yield from _wrong_fields(shape, value, at)
        case "list":
            yield from (wrong for at_, each in enumerate(value) for wrong in _wrong(shape.member, each, f"{at}.{at_}"))
        case "map":
            yield from (wrong for name, each in value.items() for wrong in _wrong(shape.value, each, f"{at}.{name}"))
        case "string" if (enum := getattr(shape, "enum", None)) and value not in enum:
            yield f"{at} is {value!r}, and none of {enum}"
        case "blob":
            b64decode(value, validate=True)


def _wrong_fields(shape: Shape, value: dict[str, Any], at: str) -> Iterator[str]:
    known = {name: each for name, each in shape.members.items() if "location" not in each.serialization}
    yield from (f"{at}.{name} is not known" for name in value.keys() - known.keys())
    yield from (f"{at}.{name} is missing" for name in known.keys() & set(shape.required_members) - value.keys())
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        yield f"{at} is one of {sorted(known)}, not {sorted(value)}"
    for name in value.keys() & known.keys():
        yield from _wrong(known[name], value[name], f"{at}.{name}")


@cache
def described(service: str) -> ServiceModel:
    """What Amazon's client knows of a service."""
    model: ServiceModel = session.get_session().get_service_model(service)
    return model
