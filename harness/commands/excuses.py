"""What a run is held against: its baseline, which is written where asked for, and the results of an earlier run."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ...fakes.clock import RealClock
from ...fakes.conversion import BrokenFile, convert, located, read_toml
from ...reports import baseline
from ...reports.baseline import Baseline
from ...reports.results import Results, load


def read(path: Path, *, missing_is_empty: bool) -> Baseline:
    """The known failures; `BrokenFile` says what is wrong with the file."""
    if missing_is_empty and not path.exists():
        return Baseline()
    data, lines = read_toml(path)
    known, complaints = convert(data, Baseline)
    if known is None:
        raise located(str(path), complaints, lines)
    return known


def apply(results: Results, known: Baseline, path: Path, *, update: bool) -> Results:
    """The results with the gate as the baseline leaves it, and with what is to be said of that."""
    lines = []
    if update:
        known = baseline.updated(results, known, today(), os.environ.get("USER") or "nobody")
        path.write_text(baseline.render(known), "utf-8")
        lines = [f"baseline {path} holds {len(known.known)} known failures: give each a reason and an owner"]
    compared = baseline.compare(results, known, today())
    return replace(baseline.with_gate(results, compared), notes=[*results.notes, *baseline.told(compared), *lines])


def earlier(path: Path) -> Results:
    """The results of an earlier run, from the file or the folder that holds it."""
    path = path / "results.json" if path.is_dir() else path
    try:
        return load(path)
    except (OSError, msgspec.MsgspecError) as error:
        raise BrokenFile(str(path), [(None, f"is no results.json: {error}", "")]) from error


def today() -> date:
    """The day on which entries expire, wherever the run is."""
    return datetime.fromtimestamp(RealClock().epoch(), UTC).date()
