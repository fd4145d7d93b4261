"""The baseline of a run: read, compared and, where asked for, written."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

from ...fakes.clock import RealClock
from ...fakes.conversion import convert, located, read_toml
from ...reports import baseline
from ...reports.baseline import Baseline
from ...reports.results import Results


def read(path: Path, *, missing_is_empty: bool) -> Baseline:
    """The known failures; `BrokenFile` says what is wrong with the file."""
    if missing_is_empty and not path.exists():
        return Baseline()
    data, lines = read_toml(path)
    known, complaints = convert(data, Baseline)
    if known is None:
        raise located(str(path), complaints, lines)
    return known


def apply(results: Results, known: Baseline, path: Path, *, update: bool) -> tuple[Results, list[str]]:
    """The results with the gate as the baseline leaves it, and what is to be said of it."""
    lines = []
    if update:
        known = baseline.updated(results, known, today(), os.environ.get("USER") or "nobody")
        path.write_text(baseline.render(known), "utf-8")
        lines = [f"baseline {path} holds {len(known.known)} known failures: give each a reason and an owner"]
    compared = baseline.compare(results, known, today())
    return baseline.with_gate(results, compared), [*baseline.told(compared), *lines]


def today() -> date:
    """The day on which entries expire, wherever the run is."""
    return datetime.fromtimestamp(RealClock().epoch(), UTC).date()
