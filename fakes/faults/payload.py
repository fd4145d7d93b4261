"""JSON that is well-formed and not what was expected.

These faults know JSON and no provider, who is only asked which fields are closed lists: they change every JSON text
they find, in a body, in the data of an event, in a binary frame. What holds no JSON, such as `[DONE]`, stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..events import with_payloads
from ..script import Send
from . import fault

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script

UNKNOWN = {"from_the_future": {"since": 2999, "values": [1, None, "x"]}}


@fault
@dataclass(frozen=True, slots=True)
class UnknownFields:
    """Add a field that no client knows to every JSON object. A client ignores it.

    An object that is exactly one of several things by the only field it has, as Bedrock has them, is left as it is.
    """

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The same JSON and more."""
        return _changed(script, partial(_with_unknown_fields, ask.dialect.unions))


@fault
@dataclass(frozen=True, slots=True)
class UnknownValues:
    """Give fields whose values are a closed list, and carry nothing of the answer, a value that no client knows."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The same answer with values from the future."""
        return _changed(script, partial(_with_unknown_values, ask.dialect.closed_lists))


@fault
@dataclass(frozen=True, slots=True)
class ReorderedKeys:
    """Write the keys of every JSON object in reverse order. To a client it is the same object."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The same JSON in another order."""
        return _changed(script, _reordered)


@fault
@dataclass(frozen=True, slots=True)
class WrongTypes:
    """Give every JSON value another type: texts become numbers, numbers and booleans texts, null an empty object."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """JSON of the same shape with nothing in it as expected."""
        return _changed(script, _retyped)


def _changed(script: Script, change: Callable[[Any], Any]) -> Iterator[Any]:
    for op in script:
        yield Send(with_payloads(op.data, partial(_in_json, change)), op.part) if isinstance(op, Send) else op


def _in_json(change: Callable[[Any], Any], payload: bytes) -> bytes:
    """What an event says with a change to its JSON."""
    try:
        return _encoded(change(json.loads(payload)))
    except ValueError:
        return payload


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _with_unknown_fields(unions: frozenset[str], value: Any, *, union: bool = False) -> Any:
    match value:
        case dict():
            held = {name: _with_unknown_fields(unions, inner, union=name in unions) for name, inner in value.items()}
            return held if union else held | UNKNOWN
        case list():
            return [_with_unknown_fields(unions, inner, union=union) for inner in value]
        case _:
            return value


def _with_unknown_values(names: frozenset[str], value: Any) -> Any:
    match value:
        case dict():
            new = {name: "from_the_future" for name, held in value.items() if name in names and isinstance(held, str)}
            return {name: _with_unknown_values(names, held) for name, held in value.items()} | new
        case list():
            return [_with_unknown_values(names, inner) for inner in value]
        case _:
            return value


def _reordered(value: Any) -> Any:
    match value:
        case dict():
            return {key: _reordered(value[key]) for key in reversed(value)}
        case list():
            return [_reordered(inner) for inner in value]
        case _:
            return value


def _retyped(value: Any) -> Any:
    match value:
        case dict():
            return {key: _retyped(inner) for key, inner in value.items()}
        case list():
            return [_retyped(inner) for inner in value]
        case str():
            return len(value)
        case None:
            return {}
        case _:
            return json.dumps(value)
