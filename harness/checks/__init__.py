"""Pure functions over a history that find what was promised and not kept.

A check's docstring is the requirement, in one sentence that is true or false. Its first parameter says what it looks
at: `calls`, `attempts` (the exchanges that carry the calls' canaries, in order) or `history`. It may ask for
`history` and `contract` by keyword; every other keyword is a parameter of the expectation. It yields violations and
decides nothing: nothing to judge is `NothingToJudge`, and that is inconclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

import msgspec


class Violation(msgspec.Struct, kw_only=False):
    """What was seen, what was promised, and where the proof is."""

    saw: str
    promised: str
    evidence: tuple[str, ...] = ()
    """Ids of the exchanges and calls that prove it."""
    margin: float | None = None
    """By how many seconds a promise about time was missed; None where it is not about time."""
    check: str = ""


class NothingToJudge(Exception):  # it is no error: the verdict is inconclusive
    """The history holds nothing by which the promise could be judged."""


Check = Callable[..., Iterator[Violation]]
CheckFunction = TypeVar("CheckFunction", bound=Check)

REGISTRY: dict[str, Check] = {}
COUNTS: dict[str, Callable[..., list[Any]]] = {}
PRECISION: dict[str, float] = {}
STALL = 0.3
"""Seconds of lateness from which on the machine gathers callers by itself."""
STEADY = 2.0
"""Seconds that every figure may be off by at most: more may run into the timeouts of a client, such as the usual five
seconds for connecting, and then it is another scenario that is judged."""


def check(function: CheckFunction) -> CheckFunction:
    """Register a check under its own name."""
    REGISTRY[function.__name__] = function
    return function


def counting(counts: Callable[..., list[Any]]) -> Callable[[CheckFunction], CheckFunction]:
    """Say what a check goes by, where that is worth telling of a promise that is kept, too: see `pii/tally.py`.

    The function is called as the check is, and may ask for the same.
    """

    def register(function: CheckFunction) -> CheckFunction:
        COUNTS[function.__name__] = counts
        return function

    return register


def precise(seconds: float) -> Callable[[CheckFunction], CheckFunction]:
    """Say how far the figures of a check may be off, in seconds, without a broken promise passing for a kept one.

    Most checks need not: a machine that is late can make them accuse, which is always seen again more slowly, but
    hardly make them pass. `STEADY` holds for them.
    """

    def register(function: CheckFunction) -> CheckFunction:
        PRECISION[function.__name__] = seconds
        return function

    return register


def precision(names: Iterable[str]) -> float:
    """How far figures may be off for all of these checks."""
    return min((PRECISION.get(name, STEADY) for name in names), default=STEADY)


def requirement(check: Check) -> str:
    """What a check requires, in one sentence that is true or false."""
    return " ".join((check.__doc__ or "").strip().partition("\n\n")[0].split())


@cache
def load() -> dict[str, Check]:
    """Every check there is, by name."""
    for module in iter_modules(__path__):
        import_module(f".{module.name}", __name__)
    return REGISTRY
