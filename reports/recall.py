"""How much personal data was kept back, as a small table: a line a type, a column a locale."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .results import Results, RowResult
from .wording import count


@dataclass(frozen=True, slots=True)
class Table:
    """What became of the personal data of one row, its cases together."""

    row: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    planted: int
    seen: int

    @property
    def sentence(self) -> str:
        """The whole of it in one sentence."""
        return f"{self.planted - self.seen:,} of {count(self.planted, 'value')} kept back"


def table(row: RowResult) -> Table | None:
    """The table of a row; None where it is not about personal data."""
    planted: Counter[tuple[str, str]] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    promised: dict[str, float] = {}
    for case in row.cases:
        for one in case.recall:
            planted[one.type, one.locale] += one.planted
            seen[one.type, one.locale] += one.seen
            promised[one.type] = one.promised
    if not planted:
        return None
    locales = list(dict.fromkeys(locale for _, locale in planted))
    lines = tuple(
        (_type(kind, share), *(_cell(planted[kind, locale], seen[kind, locale]) for locale in locales))
        for kind, share in sorted(promised.items())
    )
    return Table(row.id, ("type", *locales), lines, planted.total(), seen.total())


def telling(results: Results) -> Table | None:
    """The table that a short report has room for: of a row that fails, if there is one, and that says the most."""
    tables = [(row.verdict == "fail", found) for row in results.results if (found := table(row)) is not None]
    return max(tables, key=lambda pair: (pair[0], pair[1].planted), default=(False, None))[1]


def less(cell: str) -> bool:
    """Whether a cell says that something was seen."""
    return "/" in cell


def _type(kind: str, promised: float) -> str:
    return kind if promised >= 1 else f"{kind} (promised {promised:.0%})"


def _cell(planted: int, seen: int) -> str:
    if not planted:
        return ""
    # Rounded down: what is nearly all is not all.
    return f"{100 * (planted - seen) // planted}%" + (f" {planted - seen}/{planted}" if seen else "")
