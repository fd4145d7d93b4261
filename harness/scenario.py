"""A row of the catalogue: a promise, the reason for it, a stimulus and the proof."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from pkgutil import iter_modules
from typing import Any


class Level(StrEnum):
    """RFC 2119: `must` fails the gate, `should` lowers the grade, `may` only informs."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"


MUST, SHOULD, MAY = Level.MUST, Level.SHOULD, Level.MAY

ScenarioFunction = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """A variant that asks for more than its row does."""

    value: Any
    """What the function is handed."""
    needs: str | None = None
    dialects: tuple[str, ...] = ()
    """Dialects of which the target's first fake must speak one; none means any."""
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row, with its cases."""

    id: str
    level: Level
    run: ScenarioFunction
    needs: str | None = None
    """The claim it is about, such as "stream" or "fallback.chain"; None applies to every target."""
    cases: Mapping[str, Any] = field(default_factory=dict)
    """Variants by name; each is handed to the function as its second argument and has a verdict of its own.

    A `Case` in place of a plain value adds needs of its own.
    """
    source: str = ""
    """The document that makes the promise an obligation."""
    streamed: bool = False
    """Whether its calls are streamed: then it means nothing for a target whose plain streamed call fails."""
    dialects: tuple[str, ...] = ()
    """Dialects of which the target's first fake must speak one; none means any."""
    seconds: float = 5.0
    """About how long it takes in target time; the longest are started first."""
    after: bool = False
    """Whether it is run after every other scenario, on the same target."""
    heals: bool = True
    """Whether a target is expected to serve again as soon as the weather is fair."""

    @property
    def family(self) -> str:
        """The part of the id before the dot."""
        return self.id.partition(".")[0]

    @property
    def family_title(self) -> str:
        """What the family is about: the first sentence of the module of that name, or else of its own."""
        own = self.run.__module__
        module = sys.modules.get(f"{own.rpartition('.')[0]}.{self.family}", sys.modules[own])
        return (module.__doc__ or "").strip().partition("\n\n")[0]

    @property
    def title(self) -> str:
        """The promise, in one sentence."""
        return " ".join((self.run.__doc__ or "").strip().partition("\n\n")[0].split())

    @property
    def reason(self) -> str:
        """Why the promise matters."""
        return " ".join((self.run.__doc__ or "").strip().partition("\n\n")[2].split())

    def case(self, name: str) -> Case:
        """A variant by name, with everything that it and its row ask for."""
        value = self.cases.get(name)
        own = value if isinstance(value, Case) else Case(value)
        return Case(own.value, own.needs or self.needs, own.dialects or self.dialects, own.streamed or self.streamed)

    @property
    def case_names(self) -> list[str]:
        """The names of its cases; a row without variants has one, which is empty."""
        return list(self.cases) or [""]


REGISTRY: dict[str, Scenario] = {}


def scenario(id: str, level: Level, **fields: Any) -> Callable[[ScenarioFunction], ScenarioFunction]:  # noqa: A002
    """Register a function as a row of the catalogue; the keywords are the fields of `Scenario`."""

    def register(function: ScenarioFunction) -> ScenarioFunction:
        known = REGISTRY.get(id)
        if known is not None and known.run.__code__.co_filename != function.__code__.co_filename:
            raise ValueError(f"there are two rows named {id}: the other is in {known.run.__code__.co_filename}")
        REGISTRY[id] = Scenario(id, level, function, **fields)
        return function

    return register


def load(package: str = "brownout.scenarios") -> dict[str, Scenario]:
    """Every scenario there is, by id; found by name, so that the harness imports no scenario."""
    root = import_module(package)
    for module in iter_modules(root.__path__):
        if not module.ispkg:
            import_module(f"{package}.{module.name}")
    return REGISTRY
