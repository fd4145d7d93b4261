"""Whether a target keeps under its providers' limits."""

from __future__ import annotations

from collections.abc import Iterator

from ...fakes.journal import Exchange
from . import NothingToJudge, Violation, check
from .attempts import ids

SHOWN = 12
"""So many exchanges are named as proof."""
ENOUGH = 20
"""Requests by which one can tell a share at all."""


@check
def stays_under_limit(attempts: list[Exchange], *, at_most: float = 0.01, since: float = 0.0) -> Iterator[Violation]:
    """Next to no request is refused for being one too many.

    `since` is in seconds from the beginning; what came before is passed over. A single one proves nothing.
    """
    counted = [exchange for exchange in attempts if exchange.start_seconds >= since]
    if len(counted) < ENOUGH:
        raise NothingToJudge(f"{len(counted)} requests are too few to tell a share of")
    bounced = [exchange for exchange in counted if exchange.status == 429]
    if len(bounced) > max(1, at_most * len(counted)):
        saw = f"{len(bounced)} of {len(counted)} requests refused ({len(bounced) / len(counted):.0%})"
        yield Violation(saw, f"at most {at_most:.0%}", ids(bounced[:SHOWN]))
