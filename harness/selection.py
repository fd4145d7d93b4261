"""Which rows of the catalogue are run: by id, by family, by glob, by level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from ..fakes.conversion import nearest
from ..reports.results import stronger
from .contract import CLAIMS
from .scenario import Level, Scenario

ALWAYS = "control.answers"
"""The row that is run before all others: nothing can be said of a target that fails it."""


class NothingSelected(LookupError):
    """No row is meant by what was asked for."""


def select(
    rows: Mapping[str, Scenario], patterns: Sequence[str] = (), level: Level = Level.MAY, case: str | None = None
) -> tuple[Scenario, ...]:
    """The rows meant, in the catalogue's order, after the row that is always run."""
    for pattern in patterns:
        if not any(meant(pattern, row) for row in rows.values()):
            names = {*rows, *(row.family for row in rows.values())}
            hint = nearest(pattern, names) or "`brownout list scenarios` names them all"
            raise NothingSelected(f'no row is named "{pattern}"\n  {hint}')
    chosen = [row for row in rows.values() if not patterns or any(meant(pattern, row) for pattern in patterns)]
    chosen = [row for row in chosen if stronger(row.level.value, level.value)]
    if not chosen:
        raise NothingSelected(f'none of the rows named is a "{level.value}", or stronger')
    if case is not None:
        chosen = _with_case(chosen, case)
    first = [rows[ALWAYS]] if ALWAYS in rows else []
    return tuple(first + [row for row in chosen if row.id != ALWAYS])


def meant(pattern: str, row: Scenario) -> bool:
    """Whether an id, a family or a glob means a row."""
    return pattern in {row.id, row.family} or fnmatchcase(row.id, pattern)


def _with_case(chosen: Iterable[Scenario], case: str) -> list[Scenario]:
    rows = list(chosen)
    names = [name for row in rows for name in row.case_names if name]
    found = [row for row in rows if row.after or case in row.case_names]
    if not any(case in row.case_names for row in rows):
        hint = nearest(case, names) or "`brownout show ID` names the cases of a row"
        raise NothingSelected(f'no row chosen has a case named "{case}"\n  {hint}')
    return found


def unclaimable(rows: Mapping[str, Scenario]) -> list[str]:
    """What is wrong with the claims that rows ask for: a misspelt one would never be judged, and nobody would know."""
    needs = {(row.id, need) for row in rows.values() for name in row.case_names if (need := row.case(name).needs)}
    return [
        f'{row} needs "{need}", and no contract can claim that; {nearest(need, CLAIMS)}'
        for row, need in sorted(needs)
        if need not in CLAIMS
    ]
