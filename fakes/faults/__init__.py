"""Every way in which something goes wrong, one small file per layer.

A fault is a frozen dataclass: its fields are its parameters, its docstring is its manual entry, and its one method
rewrites a script. It knows what to do, never when or to whom. What goes wrong before there is a request to answer is a
`Door`: it has no script to rewrite and says how connections are met.
"""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script


@runtime_checkable
class Fault(Protocol):
    """Rewrites what is played in answer to a request."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The script with the fault in it."""


@runtime_checkable
class Door(Protocol):
    """Changes how connections are met: "refuse", "blackhole", "reset" or "stale"; or streams of HTTP/2: "withhold"."""

    door: ClassVar[str]


AnyFault = Fault | Door
FaultClass = TypeVar("FaultClass", bound=type)

REGISTRY: dict[str, type] = {}


def fault(cls: FaultClass) -> FaultClass:
    """Register a fault under its name in weather files: `RateLimited` is `rate_limited`."""
    name = snake(cls.__name__)
    if name in REGISTRY:
        raise ValueError(f"there are two faults named {name}")
    REGISTRY[name] = cls
    return cls


def snake(name: str) -> str:
    """`RateLimited` as `rate_limited`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def name_of(fault: AnyFault) -> str:
    """The fault's name in weather files and reports."""
    return snake(type(fault).__name__)


def at_least(least: float, part: object, *names: str) -> None:
    """Refuse parameters below a bound; for `__post_init__`."""
    for name in names:
        value = getattr(part, name)
        if isinstance(value, int | float) and value < least:
            raise ValueError(f"{snake(type(part).__name__)}: {name} is {least:g} or more, not {value}")


def load() -> dict[str, type]:
    """Every fault there is, by name."""
    for module in iter_modules(__path__):
        import_module(f".{module.name}", __name__)
    return REGISTRY
