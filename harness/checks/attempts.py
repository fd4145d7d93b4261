"""Attempts sorted by what they belong to."""

from __future__ import annotations

from collections.abc import Iterable

from ...fakes.journal import Exchange


def at_one_provider(attempts: Iterable[Exchange]) -> list[list[Exchange]]:
    """The attempts of each call at each provider, in the order they began."""
    return _sorted_by(attempts, "canary", "fake")


def with_one_key(attempts: Iterable[Exchange]) -> list[list[Exchange]]:
    """The attempts of each call at each provider with each key."""
    return _sorted_by(attempts, "canary", "fake", "key")


def at_each_provider(attempts: Iterable[Exchange]) -> list[list[Exchange]]:
    """The attempts of all calls at each provider."""
    return _sorted_by(attempts, "fake")


def of_one_call(attempts: Iterable[Exchange]) -> list[list[Exchange]]:
    """The attempts of each call, wherever they went."""
    return _sorted_by(attempts, "canary")


def ids(attempts: Iterable[Exchange], at_most: int = 10) -> tuple[str, ...]:
    """What is pointed at as evidence: the first few."""
    return tuple(exchange.id for exchange in attempts)[:at_most]


def _sorted_by(attempts: Iterable[Exchange], *fields: str) -> list[list[Exchange]]:
    groups: dict[tuple[object, ...], list[Exchange]] = {}
    for exchange in sorted(attempts, key=lambda one: one.started):
        groups.setdefault(tuple(getattr(exchange, field) for field in fields), []).append(exchange)
    return list(groups.values())
