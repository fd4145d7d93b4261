"""Known failures: what a gate lets pass for a while, with a reason, an owner and a day on which that ends.

    [[known]]
    row = "retry.jitter"
    case = ""                        # left out: every case of the row
    reason = "all callers retry at once; ticket 1234"
    owner = "jane@example.com"
    expires = 2027-01-31

A known failure does not break the gate until it expires. One that no longer fails is reported as fixed, so that its
entry can go. Everything here is a pure function.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import msgspec
from msgspec.structs import replace

from .results import CaseResult, Gate, Results, RowResult

LASTS = timedelta(days=90)
"""How long an entry that is made by `--update-baseline` holds."""


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A failure that is known of."""

    row: str
    reason: str
    owner: str
    expires: date
    case: str | None = None

    def covers(self, row: str, case: str) -> bool:
        """Whether it is about a case."""
        return self.row == row and self.case in (None, case)

    def __str__(self) -> str:
        """The row, and its case."""
        return f"{self.row}[{self.case}]" if self.case else self.row


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `baseline.toml` says."""

    known: tuple[Known, ...] = ()


class Compared(msgspec.Struct, frozen=True):
    """A run beside its baseline."""

    gate: Gate
    known: tuple[str, ...] = ()
    """Rows that fail, and whose every failing case is known of."""
    fixed: tuple[Known, ...] = ()
    """Entries whose cases were judged, and pass."""
    expired: tuple[Known, ...] = ()
    """Entries whose day has come and whose cases still fail."""
    unseen: tuple[Known, ...] = ()
    """Entries whose cases were not judged."""


def compare(results: Results, baseline: Baseline, today: date) -> Compared:
    """The gate without what is known of, and what has become of that."""
    valid = [known for known in baseline.known if today < known.expires]
    failing = [row for row in results.results if row.verdict == "fail"]
    known = tuple(row.id for row in failing if all(_excused(row, case, valid) for case in row.cases))
    gate = results.gate
    failed = [row for row in gate.failed if row not in known]
    excused = {row.id: str(_until(row, valid)) for row in failing if row.id in gate.failed and row.id in known}
    fates = {known: _fate(known, results) for known in baseline.known}
    return Compared(
        Gate(not failed and not gate.inconclusive, gate.level, failed, gate.inconclusive, excused),
        known,
        tuple(entry for entry, fate in fates.items() if fate == "pass"),
        tuple(entry for entry, fate in fates.items() if fate == "fail" and today >= entry.expires),
        tuple(entry for entry, fate in fates.items() if fate == ""),
    )


def told(compared: Compared) -> Iterator[str]:
    """What a run's report says of the baseline, a line each."""
    for row in compared.known:
        yield f"known    {row} fails, as the baseline says"
    for entry in compared.expired:
        yield f"expired  {entry} was excused until {entry.expires} ({entry.owner}: {entry.reason})"
    for entry in compared.fixed:
        yield f"fixed    {entry} passes: take it out of the baseline"
    for entry in compared.unseen:
        yield f"unseen   {entry} is in the baseline and was not judged"


def updated(results: Results, baseline: Baseline, today: date, owner: str) -> Baseline:
    """A baseline in which every failure of the gate is known; entries that still fail stay as they are."""
    kept = [known for known in baseline.known if _fate(known, results) != "pass"]
    new = [
        Known(row.id, case.reason or "fails", owner, today + LASTS, case.case or None)
        for row in results.results
        if row.id in results.gate.failed
        for case in row.cases
        if case.verdict == "fail" and not any(known.covers(row.id, case.case) for known in kept)
    ]
    return Baseline((*kept, *new))


def render(baseline: Baseline) -> str:
    """The baseline as TOML."""
    return HEAD + "".join(_entry(known) for known in baseline.known)


HEAD = """\
# Known failures: they do not break the gate until they expire. Give each a reason and an owner.
"""


def _entry(known: Known) -> str:
    lines = ["", "[[known]]", f"row = {quoted(known.row)}"]
    if known.case is not None:
        lines.append(f"case = {quoted(known.case)}")
    lines += [f"reason = {quoted(known.reason)}", f"owner = {quoted(known.owner)}", f"expires = {known.expires}"]
    return "\n".join(lines) + "\n"


def quoted(value: str) -> str:
    """A TOML string; JSON's escapes are TOML's, but for DEL."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _excused(row: RowResult, case: CaseResult, valid: Sequence[Known]) -> bool:
    return case.verdict != "fail" or any(known.covers(row.id, case.case) for known in valid)


def _until(row: RowResult, valid: Sequence[Known]) -> date:
    """The day on which a row that is known of breaks the gate again: the first of its failing cases does."""
    failing = [case for case in row.cases if case.verdict == "fail"]
    ends = [max(known.expires for known in valid if known.covers(row.id, case.case)) for case in failing]
    return min(ends)


def _fate(known: Known, results: Results) -> str:
    """The worst verdict of what an entry is about; empty where nothing of it was judged."""
    found = {case.verdict for row in results.results for case in row.cases if known.covers(row.id, case.case)}
    return next((verdict for verdict in ("fail", "inconclusive", "pass") if verdict in found), "")


def with_gate(results: Results, compared: Compared) -> Results:
    """The results with the gate as the baseline leaves it."""
    return replace(results, gate=compared.gate)
