"""JSON Schema of the files people write, made from the types that read them.

What a key means stands in the source, as the string below its field; editors show it when they have the schema.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec

from .conversion import DESCRIBED

DRAFT = "https://json-schema.org/draft/2020-12/schema"
AMOUNT = r"\d+(\.\d+)?"
DURATION = "(?=.)" + "".join(f"({AMOUNT}{unit})?" for unit in ("d", "h", "m", "s", "ms", "us")) + f"$|{AMOUNT}$"
PATTERNS = {
    "duration": f"^(?:{DURATION})",
    "offset": f"^-?(?:{DURATION})",
    "money": rf"^\$?{AMOUNT}$",
}


def published(title: str, root: type, *more: type) -> dict[str, Any]:
    """The schema of a file, and of further types that it may refer to."""
    (first, *_), components = msgspec.json.schema_components([root, *more], ref_template="#/$defs/{name}")
    described = {kind.__name__: fields(kind) for kind in _reachable([root, *more])}
    for name, table in components.items():
        for key, about in described.get(name, {}).items():
            if key in table.get("properties", {}):
                table["properties"][key]["description"] = about
    made: dict[str, Any] = _as_written({"$schema": DRAFT, "title": title, **first, "$defs": components})
    return made


@cache
def fields(kind: type) -> dict[str, str]:
    """What each field of a class means: the string below it, in the class or in one that it extends."""
    about: dict[str, str] = {}
    for cls in reversed(kind.__mro__):
        if cls.__module__.partition(".")[0] == __name__.partition(".")[0]:
            about |= _below_fields(cls)
    return about


def _below_fields(cls: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):
        return {}  # no source is installed
    about: dict[str, str] = {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    for before, after in pairwise(body):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name):
            match after:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    about[before.target.id] = inspect.cleandoc(text)
    return about


def _reachable(kinds: Sequence[type]) -> Iterator[type]:
    """Every class that a schema of these has a definition for."""
    seen: set[type] = set()

    def walk(node: Any) -> Iterator[type]:
        cls = getattr(node, "cls", None)
        if isinstance(cls, type):
            if cls in seen:
                return
            seen.add(cls)
            yield cls
        for name in ("fields", "types"):
            for inner in getattr(node, name, ()):
                yield from walk(getattr(inner, "type", inner))
        for name in ("type", "item_type", "key_type", "value_type"):
            if hasattr(node, name):
                yield from walk(getattr(node, name))

    for kind in kinds:
        yield from walk(msgspec.inspect.type_info(kind))


def _as_written(node: Any) -> Any:
    """The schema of what stands in the file: figures as people write them, and nothing that is null."""
    if isinstance(node, list):
        return [_as_written(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: _as_written(item) for name, item in node.items()}
    if (written := made.pop("x-written", None)) is not None:
        del made["type"]
        limits = {name: made.pop(name) for name in ("minimum", "exclusiveMinimum") if name in made}
        made["anyOf"] = [{"type": "number", **limits}, {"type": "string", "pattern": PATTERNS[written]}]
        made.setdefault("description", DESCRIBED[written])
    choices = made.get("anyOf", [])
    if {"type": "null"} in choices:
        left = [choice for choice in choices if choice != {"type": "null"}]
        del made["anyOf"]
        made = {**left[0], **made} if len(left) == 1 else {**made, "anyOf": left}
    if made.get("default", "") is None or isinstance(made.get("default"), dict):
        del made["default"]
    return made
