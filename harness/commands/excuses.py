"""What a run is held against: its baseline, which is written where asked for, and the results of an earlier run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ...fakes.clock import RealClock
from ...fakes.conversion import BrokenFile, convert, located, read_toml
from ...reports import baseline, changes
from ...reports.baseline import Baseline
from ...reports.results import Results, load
from ..settings import overlaid
from ..target_file import Run
from .options import Command, option

BASELINE = "brownout-baseline.toml"


def options(command: Command) -> Command:
    """The options that say what a run is held against."""
    for each in (
        option("--diff", metavar="RESULTS", help="An earlier results.json: say what is fixed since, and newly broken."),
        option("--update-baseline", is_flag=True, help="Write the failures of this run into the baseline."),
        option("--baseline", metavar="FILE", help="Known failures, which do not break the gate."),
    ):
        command = each(command)
    return command


def named(run: Run, *, update: bool) -> Run:
    """The settings with a name for the baseline that is to be written, where nobody has given one."""
    return overlaid(run, {"baseline": run.baseline or (BASELINE if update else None)})


@dataclass(frozen=True, slots=True)
class Held:
    """What a run is held against."""

    known: Baseline | None
    path: Path
    update: bool
    before: Results | None

    def against(self, results: Results) -> Results:
        """The results with all that is to be said of that; of a run that was interrupted no baseline is made."""
        if self.known is not None:
            results = apply(results, self.known, self.path, update=self.update and not results.interrupted)
        return results if self.before is None else replace(results, since=changes.since(self.before, results))


def held(run: Run, diff: str | None, *, update: bool) -> Held:
    """What is to be held against a run; `BrokenFile`, before anything is started, where it cannot be read."""
    path = Path(run.baseline or BASELINE)
    known = None if run.baseline is None else read(path, missing_is_empty=update)
    return Held(known, path, update, earlier(Path(diff)) if diff else None)


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
