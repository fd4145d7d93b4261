"""Any composition of faults over any request, as hypothesis draws them.

Every fault in the registry takes part, with parameters drawn by their types: one that is added takes part by itself.
"""

from __future__ import annotations

import dataclasses
import string
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import rawsocket
from hypothesis import strategies as st
from languages import LANGUAGES
from msgspec import Struct

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.ask import TROUBLES, Request
from brownout.fakes.fake import Fake
from brownout.fakes.faults import Fault, load

FAULTS = {name: cls for name, cls in load().items() if not hasattr(cls, "door")}
# Where a type alone does not tell what is meant, or where more of it would only take longer.
MEANT: dict[str, st.SearchStrategy[Any]] = {
    "status": st.sampled_from([200, 301, 307, 400, 404, 409, 429, 500, 502, 503, 529, 599]),
    "code": st.sampled_from([1000, 1001, 1011, 4000]),
    "to": st.just("http://elsewhere.test:1"),
    "kind": st.sampled_from(sorted(TROUBLES)),
    "piece_bytes": st.integers(64, 512),
    "heartbeat": st.none() | st.floats(20, 60),
    "literal": st.none() | st.sampled_from(["0", "-5", "banana", "1e309", "3000000", ""]),
    "content_type": st.sampled_from(["text/html", "text/plain; charset=latin-1", "text/event-stream"]),
    "alpha": st.floats(0.5, 3),
    "sigma": st.floats(0, 3),
    "name": st.sampled_from(["content-type", "connection", "x-request-id", "retry-after"]),
}


def parameter(name: str, kind: Any) -> st.SearchStrategy[Any]:
    """Values for a parameter of a fault."""
    origin = get_origin(kind)
    if origin is Literal:
        return st.sampled_from(get_args(kind))
    if name in MEANT:
        return MEANT[name]
    if origin is Annotated:
        return parameter(name, get_args(kind)[0])
    if origin in {Union, types.UnionType}:
        return st.one_of(*(parameter(name, choice) for choice in get_args(kind)))
    if origin is tuple:
        return st.lists(parameter(name, get_args(kind)[0]), min_size=1, max_size=4).map(tuple)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return st.builds(_made, st.just(kind), _parameters(kind))
    plain: dict[Any, st.SearchStrategy[Any]] = {
        type(None): st.none(),
        bool: st.booleans(),
        int: st.integers(1, 8),
        float: st.floats(0.001, 30),
        str: st.text(string.ascii_letters + "é語🙂", min_size=1, max_size=12),
    }
    return plain[kind]


def _made(cls: type, parameters: dict[str, Any]) -> Any:
    if "low" in parameters:
        parameters["low"], parameters["high"] = sorted((parameters["low"], parameters["high"]))
    return cls(**parameters)


def _parameters(cls: type) -> st.SearchStrategy[dict[str, Any]]:
    hints = get_type_hints(cls, include_extras=True)
    names = [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else list(hints)
    return st.fixed_dictionaries({name: parameter(name, hints[name]) for name in names})


def faults(name: str) -> st.SearchStrategy[Fault]:
    """One fault of a name, with any parameters."""
    return st.builds(_made, st.just(FAULTS[name]), _parameters(FAULTS[name]))


def compositions(least: int = 0) -> st.SearchStrategy[list[Fault]]:
    """Faults in any order."""
    return st.lists(st.sampled_from(sorted(FAULTS)).flatmap(faults), min_size=least, max_size=4)


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, and how."""

    language: str
    stream: bool
    accepts: str
    words: int
    unicode: bool
    max_tokens: int | None
    seed: int


def requests() -> st.SearchStrategy[Asked]:
    """Any request that has an answer."""
    return st.builds(
        Asked,
        st.sampled_from(sorted(LANGUAGES)),
        st.booleans(),
        st.sampled_from(["", "gzip", "br;q=0.9", "deflate, gzip", "identity"]),
        st.integers(0, 7),
        st.booleans(),
        st.none() | st.integers(100, 2000),
        st.integers(0, 2**31),
    )


def request_of(asked: Asked, fake: Fake) -> Request:
    """The request."""
    headers = (("accept-encoding", asked.accepts),)
    text, language = f"say it [bo:{rawsocket.CANARY}]", LANGUAGES[asked.language]
    return language.request(fake, text, stream=asked.stream, most=asked.max_tokens, headers=headers)


def answer_to(asked: Asked) -> Answer:
    """What is said in fair weather."""
    return Answer(words=asked.words, unicode=asked.unicode, pace=Pace(0.5, 0.25))
