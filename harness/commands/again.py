"""`brownout judge` and `report`: verdicts and reports from what was saved."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from msgspec.structs import replace

from ...reports import changes, write
from ...reports.results import Results, RowResult, TargetResult, gate_of
from ...version import __version__
from .. import checks, finding
from ..account import case_result, row_result
from ..contract import written
from ..exits import exit_of
from ..history import History
from ..history import load as load_history
from ..scenario import Level, Scenario
from ..selection import NothingSelected
from ..verdict import judge as judged
from . import excuses
from .options import FORMATS, several
from .output import say

PATHS = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("histories", metavar="HISTORY...", nargs=-1, required=True, type=PATHS)
@click.option("--fail-on", type=click.Choice(["must", "should"]), default="must", help="The weakest level that counts.")
@click.option("--report-dir", type=click.Path(path_type=Path), metavar="DIR", help="Write reports there as well.")
def judge(histories: tuple[Path, ...], fail_on: str, report_dir: Path | None) -> None:
    """Apply the checks again to saved histories: files, or folders of them.

    No target is needed. A history holds what was expected of it, so that a newer check can judge an older run.
    """
    paths = list(_files(histories, "*.jsonl"))
    if not paths:
        raise NothingSelected("there are no histories here")
    found = [(path, load_history(path)) for path in paths]
    results = _results(found, Level(fail_on), root := Path(os.path.commonpath([p.resolve().parent for p in paths])))
    report = None
    if report_dir is not None:
        write.carry(results, root, report_dir)
        report = write.files(results, report_dir, ("html", "junit", "json"))["html"]
    say(results, report)
    sys.exit(exit_of(results.gate))


@click.command()
@click.argument("results", metavar="RESULTS...", nargs=-1, required=True, type=PATHS)
@click.option("--report", default="html,junit,md", callback=several(FORMATS), metavar="LIST", help="html,junit,md,json")
@click.option("--report-dir", type=click.Path(path_type=Path), metavar="DIR", help="Where they go; beside the results.")
@click.option("--diff", type=PATHS, metavar="RESULTS", help="An earlier run: say what is fixed, and newly broken.")
def report(
    results: tuple[Path, ...], report: tuple[write.Format, ...], report_dir: Path | None, diff: Path | None
) -> None:
    """Render reports again from results.json, or from the folder that holds it."""
    before = excuses.earlier(diff) if diff else None
    for path in _files(results, "results.json"):
        found = excuses.earlier(path)
        if before is not None:
            found = replace(found, since=changes.since(before, found))
        folder = path.parent if report_dir is None else report_dir
        if lost := write.carry(found, path.parent, folder):
            click.echo(f"{len(lost)} histories are not beside {path}: their cases have no tables ({lost[0]})", err=True)
        say(found, next(iter(write.files(found, folder, report).values()), None))


def _files(paths: Iterable[Path], pattern: str) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob(pattern)) if path.is_dir() else [path]


def _results(found: list[tuple[Path, History]], level: Level, folder: Path) -> Results:
    """The run that the histories tell of; where they differ in target or seed, the first says which it is."""
    rows = finding.catalogue()
    first = found[0][1].heading
    told: dict[str, list[tuple[Path, History]]] = {}
    for path, history in found:
        told.setdefault(history.heading.scenario, []).append((path, history))
    made = [_row(rows.get(row), histories, folder) for row, histories in told.items()]
    return Results(
        __version__,
        first.seed,
        "",
        round(sum(history.heading.wall_seconds for _, history in found), 3),
        round(sum(history.heading.seconds for _, history in found), 3),
        TargetResult(first.target, None, written(first.contract)),
        "claimed",
        gate_of(made, level.value),
        made,
        families={row.family: row.family_title for row in rows.values()},
        checks={name: checks.requirement(check) for name, check in checks.load().items()},
    )


def _row(row: Scenario | None, histories: list[tuple[Path, History]], folder: Path) -> RowResult:
    cases = [
        case_result(history, judged(history), "", os.path.relpath(path.resolve(), folder))
        for path, history in histories
    ]
    heading = histories[0][1].heading
    if row is None:
        row = _unknown(heading.scenario, heading.level, heading.title)
    return row_result(row, cases)


def _unknown(name: str, level: str, title: str) -> Scenario:
    """A row that this catalogue does not have: a user's own, or one of another version."""

    async def nothing() -> None:
        raise AssertionError

    nothing.__doc__ = title
    return Scenario(name, Level(level), nothing)
