"""`brownout compare`: several targets, or results saved earlier, side by side."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from ...fakes.conversion import BrokenFile
from ...reports import compare_html, compare_markdown, comparison, html, write
from ...reports.comparison import Comparison, Side
from ...reports.results import Results, load
from ...version import __version__
from .. import finding, settings
from ..engine import NoTargetTime
from ..exits import Exit, exit_of
from ..scenario import Scenario
from ..target_file import Run, TargetFile
from ..targets import TargetFailed
from .options import option
from .run import performed, planned, read, version_of

NAMES = {"html": "compare.html", "md": "compare.md", "json": "compare.json"}


class Split(click.Command):
    """A command whose words after `--` are rows."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Take the rows out, and read the rest as usual."""
        if "--" in args:
            at = args.index("--")
            args, context.meta["rows"] = args[:at], tuple(args[at + 1 :])
        return super().parse_args(context, args)

    def collect_usage_pieces(self, context: click.Context) -> list[str]:
        """What the command line looks like."""
        return [*super().collect_usage_pieces(context), "[-- ROW...]"]


@dataclasses.dataclass(frozen=True, slots=True)
class Contender:
    """A target that is to be run, or results that have been saved."""

    word: str
    file: TargetFile | None = None
    found: finding.Found | None = None
    saved: Results | None = None

    @property
    def called(self) -> tuple[str, str | None, str]:
        """Its name, its version, and the command line's word for it."""
        if self.saved is not None:
            return self.saved.target.name, self.saved.target.version, self.word
        assert self.file is not None
        return self.file.name, self.file.version if isinstance(self.file.version, str) else None, self.word


@click.command(cls=Split)
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@option("--profile", type=click.Choice(["claimed", "production"]), help="production: a must not claimed is a failure.")
@option("--level", type=click.Choice(["must", "should", "may"]), help="Run rows of this level and stronger ones.")
@option("--fail-on", type=click.Choice(["must", "should"]), help="The weakest level that breaks a gate.")
@option("--seed", type=int, help="Every random choice follows from it.  [default: 0]")
@option("--jobs", type=click.IntRange(1), metavar="N", help="Scenarios at a time.  [default: what each target stands]")
@option("--clock", type=click.Choice(["auto", "real", "warp"]), help="warp: target time.  [default: auto]")
@option("--scenarios", multiple=True, metavar="PATH", help="A module or folder with rows of your own.")
@option("--report-dir", metavar="DIR", default="brownout-compare", help="Where the page goes, and every target's own.")
@click.option("-v", "--verbose", is_flag=True, help="Name every case, not only those that fail.")
def compare(targets: tuple[str, ...], report_dir: str, verbose: bool, **given: Any) -> None:
    """Run the same rows against several targets, one after the other, and show them side by side.

    A TARGET is a TOML file, the name of a ready-made target, or a results.json that was saved earlier. ROWs are ids,
    families or globs. What the targets' own files say under [run] is not heeded: the same holds for all.
    """
    if len(targets) < 2:
        raise click.UsageError("there is nothing to compare one target with; rows stand behind `--`")
    folder = Path(report_dir)
    contenders = [_contender(word) for word in targets]
    own = [path for one in contenders if one.file is not None for path in one.file.run.scenarios]
    scenarios = tuple(given["scenarios"]) or tuple(dict.fromkeys(own))
    told = settings.overlaid(
        Run(), {**given, "select": click.get_current_context().meta.get("rows", ()), "scenarios": scenarios}
    )
    sides, codes = _sides(contenders, folder, told, verbose=verbose)
    made = comparison.compare(sides, __version__, interrupted=Exit.INTERRUPTED in codes)
    written = save(made, folder)
    click.echo(compare_html.headline(made))
    for target in made.targets:
        click.echo(_line(target))
    click.echo(f"seed     {told.seed}")
    click.echo(f"report   {written['html']}")
    sys.exit(next((code for code in _WORST if code in codes), Exit.HOLDS))


_WORST = (Exit.INTERRUPTED, Exit.NOT_RUN, Exit.BROKEN, Exit.INCONCLUSIVE)
"""Which exit code is told where targets came to several."""


def save(made: Comparison, folder: Path) -> dict[str, Path]:
    """Write the page, the Markdown and the JSON of a comparison, and say where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {kind: folder / name for kind, name in NAMES.items()}
    comparison.save(made, paths["json"])
    paths["html"].write_text(compare_html.render(made), "utf-8")
    paths["md"].write_text(compare_markdown.render(made, NAMES["html"]), "utf-8")
    return paths


def _contender(word: str) -> Contender:
    path = Path(word)
    if word not in finding.ready_made() and (path / "results.json").is_file():
        path = path / "results.json"
    if path.suffix != ".json":
        found = finding.find(word, Path.cwd())
        return Contender(word, found.read(), found)
    try:
        return Contender(str(path), saved=load(path))
    except (OSError, msgspec.MsgspecError) as error:
        raise BrokenFile(word, [(None, f"is no results.json: {error}", "")]) from error


def _sides(contenders: Sequence[Contender], folder: Path, told: Run, *, verbose: bool) -> tuple[list[Side], set[Exit]]:
    """What each comes to, one after the other: two at a time would spoil each other's figures."""
    sides: list[Side] = []
    codes: set[Exit] = set()
    names = comparison.labels([one.called for one in contenders])
    # All that is wrong with what was asked for is told before the first target runs for minutes.
    plans = {label: _rows(one, told) for label, one in zip(names, contenders, strict=True) if one.file is not None}
    places = _places(names)
    for number, (label, one) in enumerate(zip(names, contenders, strict=True), 1):
        place = folder / places[number - 1]
        if one.saved is not None:
            sides.append(_saved(one, label, place, folder))
            codes.add(exit_of(one.saved.gate))
        elif Exit.INTERRUPTED in codes:
            sides.append(Side(label, None, "the comparison was interrupted before its turn"))
        else:
            if sys.stderr.isatty():
                click.echo(f"{label} ({number} of {len(names)})", err=True)
            side, code = _ran(one, label, place, told, plans[label], verbose=verbose)
            sides.append(side)
            codes.add(code)
    return sides, codes


def _rows(one: Contender, told: Run) -> dict[str, Scenario]:
    assert one.found is not None
    assert one.file is not None
    _, rows = read(one.found, told.scenarios)
    planned(one.found, one.file, rows, told, None)  # says at once where nothing is selected
    return rows


def _ran(
    one: Contender, label: str, place: Path, told: Run, rows: dict[str, Scenario], *, verbose: bool
) -> tuple[Side, Exit]:
    """One target's run, with its own report."""
    assert one.found is not None
    assert one.file is not None
    plan = planned(one.found, one.file, rows, replace(told, report_dir=str(place)), None)
    try:
        plan = dataclasses.replace(plan, file=replace(one.file, version=version_of(one.file)))
        results, interrupted = performed(plan, 1, verbose=verbose)
    except (TargetFailed, NoTargetTime, BrokenFile) as failed:
        return Side(label, None, str(failed)), Exit.NOT_RUN
    results = replace(results, interrupted=interrupted)
    write.files(results, place, ("json", "html"))
    report = f"{place.name}/{write.NAMES['html']}"
    side = Side(label, results, report=report, histories=write.folder_reader(place))
    return side, Exit.INTERRUPTED if interrupted else exit_of(results.gate)


def _saved(one: Contender, label: str, place: Path, folder: Path) -> Side:
    """A run that was saved; its own report is rendered here where it is not beside its results."""
    assert one.saved is not None
    home = Path(one.word).parent
    histories = write.folder_reader(home)
    page = home / write.NAMES["html"]
    if not page.is_file():
        page = place / write.NAMES["html"]
        place.mkdir(parents=True, exist_ok=True)
        page.write_text(html.render(one.saved, histories), "utf-8")
    return Side(label, one.saved, report=os.path.relpath(page, folder), histories=histories)


def _places(names: Sequence[str]) -> list[str]:
    """A folder's name for each target: readable, and never the same for two."""
    plain = ["".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-.") or "target" for name in names]
    return [name if plain.count(name) == 1 else f"{name}-{number}" for number, name in enumerate(plain, 1)]


def _line(target: comparison.Target) -> str:
    if target.gate is None:
        return f"  {target.label}: not run: {target.not_run}"
    told = [f"{target.broken.get(level, 0)} of {target.judged.get(level, 0)} {level}s" for level in ("must", "should")]
    return f"  {target.label}: breaks {' and '.join(told)}; {target.verdicts.get('inconclusive', 0)} not judged"
