"""Reads requests: which method of which model they call, every text of the prompt, the functions on offer.

Google reads JSON as protocol buffers do: a field goes by its name in camel case and by its own, in snake case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from ...answer import count_tokens
from ...script import header
from ..reading import Routes, bearer
from ..wire import json_bytes

if TYPE_CHECKING:
    from ...ask import Ask, Request

METHODS = {
    "generateContent": "generate",
    "streamGenerateContent": "stream",
    "countTokens": "count",
    "embedContent": "embed",
    "batchEmbedContents": "batch_embed",
}
VERSION = "/v1(?:alpha|beta)?"
MODEL = r"models/([^/:]+)"
BATCH = "batches/([^/:]+)"
ROUTES = Routes(
    (
        *(("POST", rf"{VERSION}/{MODEL}:{method}", name) for method, name in METHODS.items()),
        ("GET", f"{VERSION}/models", "models.list"),
        ("GET", rf"{VERSION}/{MODEL}", "models.get"),
        ("POST", f"{VERSION}/{MODEL}:batchGenerateContent", "batches.create"),
        ("GET", f"{VERSION}/batches", "batches.list"),
        ("GET", f"{VERSION}/{BATCH}", "batches.get"),
        ("DELETE", f"{VERSION}/{BATCH}", "batches.delete"),
        ("POST", f"{VERSION}/{BATCH}:cancel", "batches.cancel"),
    )
)
ENUM = "text/x.enum"
"""The type of an answer that is one of several words."""
IMAGE_TOKENS = 258
"""Of an image, or of one tile of a large one; other files are taken for as much."""
MODALITIES = {"image": "IMAGE", "video": "VIDEO", "audio": "AUDIO"}
"""By how the type of a file begins; any other is a document."""
BODIES = frozenset({*METHODS.values(), "batches.create"})


def key_of(request: Request) -> str | None:
    """The key: in `x-goog-api-key`, in the query, or as a bearer token."""
    asked = parse_qs(request.query).get("key", [None])[0]
    return header(request.headers, "x-goog-api-key") or asked or bearer(request)


def by_events(ask: Ask) -> bool:
    """Whether a stream is to come as server-sent events; else it is an array of JSON, sent piece by piece."""
    return parse_qs(ask.request.query).get("alt") == ["sse"]


def get(value: Any, name: str, default: Any = None) -> Any:
    """A field, by its name in camel case or in snake case."""
    if not isinstance(value, Mapping):
        return default
    return value.get(name, value.get(_snake(name), default))


def known(names: Iterable[str]) -> frozenset[str]:
    """Names in both cases."""
    return frozenset(form for name in names for form in (name, _snake(name)))


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in a list, or the one object that stands for a list of one."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield each


def glance(ask: Ask) -> None:
    """What can be said of a body before it is judged: a refused request has a canary too."""
    body = ask.body
    if not isinstance(body, dict):
        return
    ask.model = unquote(ask.about or "") or None
    ask.stream = ask.route == "stream"
    asked = _asked(ask)
    parts = _parts(asked)
    ask.texts = tuple(text for part in parts for text in _texts(part))
    most = get(get(asked, "generationConfig"), "maxOutputTokens")
    ask.max_output = most if type(most) is int and most > 0 else None
    ask.input_tokens = sum(map(count_tokens, ask.texts))
    ask.input_tokens += IMAGE_TOKENS * sum(1 for _ in _files(parts))
    functions = functions_of(asked)
    if functions:
        ask.tools = tuple(functions)
        ask.input_tokens += count_tokens(json_bytes(list(functions.values())).decode("utf-8", "replace"))


def details_of(ask: Ask) -> list[dict[str, Any]]:
    """What the tokens of a prompt are of."""
    kinds = [str(get(file, "mimeType") or "").partition("/")[0] for file in _files(_parts(_asked(ask)))]
    held = Counter(MODALITIES.get(kind, "DOCUMENT") for kind in kinds)
    counts = {"TEXT": ask.input_tokens - IMAGE_TOKENS * len(kinds)}
    counts |= {name: IMAGE_TOKENS * held[name] for name in sorted(held)}
    return [{"modality": name, "tokenCount": count} for name, count in counts.items() if count]


def functions_of(body: Any) -> dict[str, dict[str, Any]]:
    """The functions on offer, by name."""
    declared = [one for tool in objects(get(body, "tools")) for one in objects(get(tool, "functionDeclarations"))]
    return {one["name"]: one for one in declared if isinstance(one.get("name"), str)}


def parameters_of(function: dict[str, Any]) -> Any:
    """The JSON Schema of a function's arguments."""
    given = get(function, "parametersJsonSchema")
    return json_schema(get(function, "parameters", {"type": "OBJECT"})) if given is None else given


def json_schema(schema: Any) -> Any:
    """A schema in Google's own form, whose types are in capitals, as JSON Schema has it."""
    if isinstance(schema, list):
        return [json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for name, value in schema.items():
        match name:
            case "type" if isinstance(value, str):
                made[name] = value.lower()
            case "properties" if isinstance(value, dict):
                made[name] = {each: json_schema(inner) for each, inner in value.items()}
            case "anyOf" | "any_of" | "items":
                made["anyOf" if name == "any_of" else name] = json_schema(value)
            case "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties":
                made[name] = int(value) if isinstance(value, str) and value.isdecimal() else value  # an int64 is text
            case _:
                made[name] = value
    return made


def _asked(ask: Ask) -> Any:
    return get(ask.body, "generateContentRequest", ask.body) if ask.route == "count" else ask.body


def _parts(asked: Any) -> list[dict[str, Any]]:
    contents = [get(asked, "systemInstruction"), *objects(get(asked, "contents")), get(asked, "content")]
    contents += [get(one, "content") for one in objects(get(asked, "requests"))]
    return [part for content in objects(contents) for part in objects(content.get("parts"))]


def _files(parts: list[dict[str, Any]]) -> Iterator[Any]:
    return (file for part in parts if (file := get(part, "inlineData") or get(part, "fileData")))


def _texts(part: dict[str, Any]) -> Iterator[str]:
    if isinstance(part.get("text"), str):
        yield part["text"]
    for name, field in (("functionCall", "args"), ("functionResponse", "response")):
        called = get(part, name)
        if isinstance(called, dict) and called.get(field):
            yield json_bytes(called[field]).decode("utf-8", "replace")


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)
