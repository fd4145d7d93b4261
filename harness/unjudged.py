"""Claims that are read, and that no row judges yet: a run names those that are made.

Without that a promise nobody looks at would pass for one that is kept.
"""

from __future__ import annotations

from collections.abc import Iterable

from .contract import Contract
from .scenario import Scenario

UNJUDGED = (
    "retry.max_total",
    "stream.first_token",
    "fallback.cached",
    "fallback.queue",
    "fallback.regions",
    "context.truncate",
    "pii.fields",
    "spend.alerts",
    "quota.rpd",
    "quota.per_user",
    "keys.reload",
    "cache.semantic",
    "jobs",
    "access",
    "residency",
    "observe",
    "health",
)


def notes(contract: Contract, rows: Iterable[Scenario] = ()) -> list[str]:
    """What is said of a contract's claims that none of the rows judges; a user's own row may ask for one."""
    asked = {need for row in rows for name in row.case_names for need in (row.needs, row.case(name).needs)}
    made = [f"contract.{claim}" for claim in UNJUDGED if contract.claims(claim) and claim not in asked]
    return [f"claimed, and judged by no row yet: {', '.join(made)}"] if made else []
