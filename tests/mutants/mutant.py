"""What a mutant is: a defect planted in the reference integration, a bug that real integrations have had.

A mutant is one or more replacements in the reference's source, or a claim that nothing in it keeps. `killed_by` are the
rows that must fail for it; `touches` are rows (globs) that may fail too, because the same bug breaks their promise too.
Any other `must` row that fails is a false accusation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Patch:
    """One replacement in one file of the reference; `old` must be there exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """One bug."""

    name: str
    patches: tuple[Patch, ...]
    killed_by: tuple[str, ...]
    touches: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    """What this mutant promises besides, and does not keep: fields of the contract."""
    providers: int = 2
    """How many it has to ask: with one, no fallback's answer hides what only a retry would have got."""
    dialect: str = "openai"
    """How they speak."""


def client(old: str, new: str) -> Patch:
    """A replacement in client.py."""
    return Patch("client.py", old, new)


def chain(old: str, new: str) -> Patch:
    """A replacement in chain.py."""
    return Patch("chain.py", old, new)


def context(old: str, new: str) -> Patch:
    """A replacement in context.py."""
    return Patch("context.py", old, new)


def errors(old: str, new: str) -> Patch:
    """A replacement in errors.py."""
    return Patch("errors.py", old, new)


def breaker(old: str, new: str) -> Patch:
    """A replacement in breaker.py."""
    return Patch("breaker.py", old, new)


def retry(old: str, new: str) -> Patch:
    """A replacement in retry.py."""
    return Patch("retry.py", old, new)


def answers(old: str, new: str) -> Patch:
    """A replacement in answers.py."""
    return Patch("answers.py", old, new)


def events(old: str, new: str) -> Patch:
    """A replacement in events.py."""
    return Patch("events.py", old, new)


def keys(old: str, new: str) -> Patch:
    """A replacement in keys.py."""
    return Patch("keys.py", old, new)


def cache(old: str, new: str) -> Patch:
    """A replacement in cache.py."""
    return Patch("cache.py", old, new)


def entry(old: str, new: str) -> Patch:
    """A replacement in __init__.py."""
    return Patch("__init__.py", old, new)


def ledger(old: str, new: str) -> Patch:
    """A replacement in ledger.py."""
    return Patch("ledger.py", old, new)


def models(old: str, new: str) -> Patch:
    """A replacement in models.py."""
    return Patch("models.py", old, new)


def masking(old: str, new: str) -> Patch:
    """A replacement in masking.py."""
    return Patch("masking.py", old, new)


def limiter(old: str, new: str) -> Patch:
    """A replacement in limiter.py."""
    return Patch("limiter.py", old, new)
