"""A small valid instance of a JSON Schema: what a model says that was told to answer in a structure.

Keywords that a provider's structured output knows are obeyed; an unknown one is ignored. Properties that are not
required stay away, unless the words to be carried have no other place. What is no schema is a `BadSchema`; one
without any finite instance, or with a pattern that nothing was found for, an `Unsatisfiable`.
"""

from __future__ import annotations

import math
from typing import Any

from .pattern import Unmatched, matching

MAX_DEPTH = 24
FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
TYPES = ("string", "object", "array", "integer", "number", "boolean", "null")


class BadSchema(ValueError):
    """What was given is no JSON Schema; the message says where."""


class Unsatisfiable(ValueError):
    """No instance was found; the message says where."""


def sample(schema: Any, words: str = "") -> Any:
    """An instance of the schema; the first string that is free to be anything is `words`."""
    return _Sampler(schema, words).any(schema, "$", 0)


def wrong_in(schema: Any) -> str:
    """What is wrong with a schema; that none could be made to fit it is no fault of the request."""
    try:
        sample(schema)
    except Unsatisfiable:
        return ""
    except BadSchema as error:
        return str(error)
    return ""


class _Sampler:
    def __init__(self, root: Any, words: str) -> None:
        self._root = root
        self._words: str | None = words

    def any(self, schema: Any, at: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise Unsatisfiable(f"{at}: nested without end")
        if schema is True:
            schema = {}
        if not isinstance(schema, dict):
            raise BadSchema(f"{at}: {schema!r} is no schema")
        if "$ref" in schema:
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            return self.any(_joined(self._resolve(schema["$ref"], at), rest), at, depth + 1)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list):
            if not schema["enum"]:
                raise BadSchema(f"{at}: enum is empty")
            return schema["enum"][0]
        return self._combined(schema, at, depth)

    def _combined(self, schema: dict[str, Any], at: str, depth: int) -> Any:
        for keyword in ("anyOf", "oneOf"):
            if isinstance(schema.get(keyword), list):
                return self._first_of(schema, keyword, at, depth)
        if isinstance(schema.get("allOf"), list):
            rest = {key: value for key, value in schema.items() if key != "allOf"}
            for part in schema["allOf"]:
                rest = _joined(rest, self._resolve(part["$ref"], at) if _is_ref(part) else part)
            return self.any(rest, at, depth + 1)
        return self._typed(_type_of(schema, at), schema, at, depth)

    def _first_of(self, schema: dict[str, Any], keyword: str, at: str, depth: int) -> Any:
        rest = {key: value for key, value in schema.items() if key != keyword}
        # A choice that is nothing but null comes last: the words want a place.
        choices = sorted(schema[keyword], key=lambda choice: isinstance(choice, dict) and choice.get("type") == "null")
        if not choices:
            raise BadSchema(f"{at}: {keyword} is empty")
        reason = ""
        for choice in choices:
            words = self._words
            try:
                merged = _joined(rest, choice) if not _is_ref(choice) else {**rest, **choice}
                return self.any(merged, at, depth + 1)
            except Unsatisfiable as error:
                self._words, reason = words, str(error)
        raise Unsatisfiable(reason)

    def _typed(self, kind: str, schema: dict[str, Any], at: str, depth: int) -> Any:
        match kind:
            case "object":
                return self._object(schema, at, depth)
            case "array":
                return self._array(schema, at, depth)
            case "string":
                return self._string(schema, at)
            case "integer" | "number":
                return _number(schema, kind, at)
            case "boolean":
                return True
            case _:
                return None

    def _object(self, schema: dict[str, Any], at: str, depth: int) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list):
            raise BadSchema(f"{at}: properties must be an object and required an array")
        made = {}
        for name, part in properties.items():
            if name in required:
                made[name] = self.any(part, f"{at}.{name}", depth + 1)
        for name in required:
            if isinstance(name, str) and name not in made:
                made[name] = self.any(schema.get("additionalProperties", True), f"{at}.{name}", depth + 1)
        for name, part in properties.items():
            if self._words and name not in made and isinstance(part, dict) and part.get("type") == "string":
                made[name] = self.any(part, f"{at}.{name}", depth + 1)
        return {name: made[name] for name in (*properties, *made) if name in made}

    def _array(self, schema: dict[str, Any], at: str, depth: int) -> list[Any]:
        least, most = _whole(schema, "minItems", 0), _whole(schema, "maxItems", 1)
        prefix = schema.get("prefixItems", [])
        made = [self.any(part, f"{at}[{n}]", depth + 1) for n, part in enumerate(prefix)]
        items = schema.get("items", True)
        while len(made) < max(least, min(most, 1)):
            words = self._words
            try:
                made.append(self.any(items, f"{at}[{len(made)}]", depth + 1))
            except Unsatisfiable:
                if len(made) < least:
                    raise
                self._words = words
                break
        return made

    def _string(self, schema: dict[str, Any], at: str) -> str:
        least, most = _whole(schema, "minLength", 0), _whole(schema, "maxLength", -1)
        if isinstance(schema.get("pattern"), str):
            try:
                return matching(schema["pattern"])
            except Unmatched as error:
                raise Unsatisfiable(f"{at}: {error}") from None
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        text = self._words if self._words is not None else "text"
        if 0 <= most < len(text):
            text = "text"[:most]
        elif self._words is not None:
            self._words = None
        if least > 1_000_000:
            raise Unsatisfiable(f"{at}: minLength is out of reach")
        return text.ljust(least, ".")

    def _resolve(self, reference: Any, at: str) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise BadSchema(f"{at}: $ref {reference!r} leads outside the schema")
        found = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                raise BadSchema(f"{at}: $ref {reference!r} leads nowhere")
            found = found[key]
        return found


def _is_ref(schema: Any) -> bool:
    return isinstance(schema, dict) and "$ref" in schema


def _joined(one: Any, other: Any) -> Any:
    """Both schemas in one, as far as objects go."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one if other in (True, {}) else other
    joined = {**one, **other}
    for keyword in ("properties", "$defs"):
        if isinstance(one.get(keyword), dict) and isinstance(other.get(keyword), dict):
            joined[keyword] = {**one[keyword], **other[keyword]}
    if isinstance(one.get("required"), list) and isinstance(other.get("required"), list):
        joined["required"] = [*one["required"], *other["required"]]
    return joined


def _type_of(schema: dict[str, Any], at: str) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if kind is None:
        if "properties" in schema or "required" in schema:
            return "object"
        return "array" if "items" in schema or "prefixItems" in schema else "string"
    if kind not in TYPES:
        raise BadSchema(f"{at}: {kind!r} is not valid under any of the given schemas")
    return str(kind)


def _whole(schema: dict[str, Any], keyword: str, default: int) -> int:
    value = schema.get(keyword, default)
    return value if isinstance(value, int) and abs(value) < 2**31 else default


def _number(schema: dict[str, Any], kind: str, at: str) -> int | float:
    low, high = _bound(schema, "minimum", -math.inf), _bound(schema, "maximum", math.inf)
    above, below = _bound(schema, "exclusiveMinimum", -math.inf), _bound(schema, "exclusiveMaximum", math.inf)
    step = _bound(schema, "multipleOf", 0.0)
    grain = step if step > 0 else 1
    start = max(low, above)
    value = 1 if start == -math.inf and min(high, below) > 1 else start if start > -math.inf else min(high, below)
    if not math.isfinite(value):
        value = 1
    # From the nearest multiple at or above the lowest bound, or below the highest, towards where there is room.
    towards = 1 if start > -math.inf or value == 1 else -1
    first = math.ceil(value / grain) if towards > 0 else math.floor(value / grain)
    for tried in (*(grain * (first + towards * n) for n in range(3)), (max(low, above) + min(high, below)) / 2):
        if math.isfinite(tried) and low <= tried <= high and above < tried < below:
            if float(tried).is_integer():
                return int(tried)
            if kind == "number":
                return tried
    raise Unsatisfiable(f"{at}: no {kind} within the bounds")


def _bound(schema: dict[str, Any], keyword: str, default: float) -> float:
    value = schema.get(keyword, default)
    return value if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63 else default
