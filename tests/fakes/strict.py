"""Two strict readers of what the openai dialect says.

`sdk` lets the official client's own models validate a value (they are never made to, in the client: it constructs them
unseen), with nothing converted and nothing left over. `published` holds a value against OpenAI's published description
of its API (github.com/openai/openai-openapi); it lies outside the repository, where `BROWNOUT_OPENAPI` says or in
`shared/data` beside it or above it, and tests that want it are skipped where it is not there.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

FILE = "shared/data/openai-openapi.yaml"
# The description's own examples show null where these schemas know no null: `user` of a response, `usage` of one that
# is under way, times of a batch.
NULL_WHERE_OPTIONAL = (
    "ModelResponseProperties",
    "Response",
    "Batch",
    "OpenAIFile",
    "RealtimeResponse",
    "RealtimeSessionCreateResponseGA",
    "RealtimeTurnDetection",
)
# The published description has these, and models of the client do not.
UNKNOWN_TO_THE_CLIENT = {
    "ChatCompletion": {"metadata"},  # client 2.x
    "Response": {"store"},
    "ResponseFunctionCallArgumentsDoneEvent": {"name"},  # client 3.x
    "ResponseFunctionCallArgumentsWsDone": {"name"},
    "Error": {"message"},  # of a Realtime response that failed: client 3.x knows it
    "ChatMessageStartEventDeltaMessage": {"content", "tool_plan", "tool_calls", "citations"},  # Cohere's
    "RealtimeSessionCreateRequest": {"id", "object", "expires_at"},  # as which the client reads what a session is
}


def sdk(model: Any, value: object) -> Any:
    """The value as the official client's model, validated strictly; a field that it does not know is an error."""
    made = _adapter(model).validate_json(json.dumps(value), strict=True)
    left_over = list(_extras(made, "$"))
    assert not left_over, f"fields that {model} does not know: {left_over}"
    return made


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def published(name: str, value: object) -> None:
    """Hold a value against a schema of the published description."""
    errors = sorted(_validator(name).iter_errors(value), key=lambda error: -len(error.absolute_path))
    assert not errors, f"{name}: {errors[0].json_path}: {errors[0].message[:300]}"


def published_event(value: dict[str, Any], union: str = "ResponseStreamEvent") -> None:
    """Hold an event of a stream, by default of a response, against the one schema that its type names."""
    names = _event_schemas(union)
    assert value["type"] in names, f"no published event has the type {value['type']!r}"
    published(names[value["type"]], value)


def _extras(value: object, at: str) -> Any:
    if isinstance(value, BaseModel):
        known = UNKNOWN_TO_THE_CLIENT.get(type(value).__name__, set())
        yield from (f"{at}.{name}" for name in set(value.model_extra or ()) - known)
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name), f"{at}.{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _extras(each, f"{at}[{number}]")


@cache
def _description() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    places = [os.environ.get("BROWNOUT_OPENAPI", ""), *(str(above / FILE) for above in Path(__file__).parents)]
    found = next((place for place in places if place and Path(place).is_file()), None)
    if found is None:
        pytest.skip(
            f"OpenAI's published description is not here: BROWNOUT_OPENAPI names no file, and there is no {FILE}"
        )
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schemas = yaml.load(Path(found).read_text("utf-8"), loader)["components"]["schemas"]
    for name in NULL_WHERE_OPTIONAL:
        schema = schemas[name]
        for part in (schema, *schema.get("allOf", ()), *schema.get("anyOf", ())):
            _allow_null(part)
    return {name: _as_json_schema(schema) for name, schema in schemas.items()}


def _allow_null(schema: dict[str, Any]) -> None:
    """Let every optional property of an object be null, and those of the objects written down in it."""
    for key, part in schema.get("properties", {}).items():
        _allow_null(part)
        if key not in schema.get("required", ()):
            schema["properties"][key] = {"anyOf": [part, {"type": "null"}]}


def _as_json_schema(schema: Any) -> Any:
    """An OpenAPI schema in the words of JSON Schema.

    `nullable` adds null. With a discriminator the property decides: every alternative has it as a constant, so that any
    match is the match, and alternatives that look alike but for it do not disturb each other.
    """
    if isinstance(schema, list):
        return [_as_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _as_json_schema(part) for key, part in schema.items() if key not in {"nullable", "discriminator"}}
    if "discriminator" in schema and "oneOf" in made:
        made["anyOf"] = made.pop("oneOf")
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") is True else made


@cache
def _validator(name: str) -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": {"schemas": _description()}}
    )


@cache
def _event_schemas(union: str) -> dict[str, str]:
    schemas = _description()
    names = [part["$ref"].rpartition("/")[2] for part in schemas[union]["anyOf"]]
    return {schemas[name]["properties"]["type"]["enum"][0]: name for name in names}
