"""`brownout run`: the main job."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from ...fakes.conversion import BrokenFile
from ...reports import console, repeats, write
from ...reports.results import Results
from .. import finding, loop, settings
from ..account import not_applicable
from ..case import Finished
from ..clock.warp import LEAST_RATE, MOST_RATE
from ..engine import Engine, Plan
from ..exits import Exit, exit_of
from ..scenario import Level, Scenario
from ..selection import ALWAYS, meant, select, unclaimable
from ..target_file import Run, TargetFile, Version
from ..warping import why_real
from . import excuses, output
from .options import FORMATS, option, several


@click.command()
@click.argument("target", required=False, envvar="BROWNOUT_TARGET")
@click.argument("select", nargs=-1)
@option("--profile", type=click.Choice(["claimed", "production"]), help="production: a must not claimed is a failure.")
@option("--level", type=click.Choice(["must", "should", "may"]), help="Run rows of this level and stronger ones.")
@option("--fail-on", type=click.Choice(["must", "should"]), help="The weakest level that breaks the gate.")
@option("--case", metavar="NAME", help="Run this case of the selected rows only.")
@option("--seed", type=int, help="Every random choice follows from it.  [default: 0]")
@option("--repeat", type=click.IntRange(1), metavar="K", help="Make the whole run K times; the worst verdict counts.")
@option("--jobs", type=click.IntRange(1), metavar="N", help="Scenarios at a time.  [default: what the target stands]")
@option("--clock", type=click.Choice(["auto", "real", "warp"]), help="warp: target time.  [default: auto]")
@option(
    "--rate",
    type=click.FloatRange(LEAST_RATE, MOST_RATE),
    metavar="N",
    help="Make target time run so fast, not leap.",
)
@option("--scenarios", multiple=True, metavar="PATH", help="A module or folder with rows of your own.")
@excuses.options
@option("--report-dir", metavar="DIR", help="Where the reports go.  [default: brownout-report]")
@option("--report", metavar="LIST", callback=several(FORMATS), help="html,junit,md,json  [default: html,junit,json]")
@option("--format", type=click.Choice(["text", "json", "github"]), help="What standard output is written as.")
@option("-v", "--verbose", is_flag=True, help="Name every case, not only those that fail.")
@option("--dry-run", is_flag=True, help="Say what would be run, and start nothing.")
def run(
    target: str | None,
    select: tuple[str, ...],
    case: str | None,
    update_baseline: bool,
    verbose: bool,
    dry_run: bool,
    diff: str | None,
    **given: Any,
) -> None:
    """Run the catalogue, or the rows selected, against a target.

    TARGET is a TOML file, the name of a ready-made target, or nothing: then ./brownout.toml, then [tool.brownout] in
    ./pyproject.toml, then a built-in demonstration. SELECT are ids, families or globs: retry.jitter, retry, 'stream.*'.

    What is not said here is read from BROWNOUT_* variables (BROWNOUT_SEED), then from [run] in the target's file.
    """
    found, file, rows, patterns = chosen(target, select, given["scenarios"])
    told = excuses.named(settings.overlaid(file.run, {**given, "select": patterns}), update=update_baseline)
    if told.clock == "warp" and (why := why_real(file)):
        raise click.UsageError(f"--clock warp: there is no target time here: {why}")
    held = excuses.held(told, diff, update=update_baseline)
    plan = planned(found, file, rows, told, case)
    if dry_run:
        click.echo("\n".join(intended(plan, found)))
        return
    plan = dataclasses.replace(plan, file=replace(file, version=version_of(file)))
    results, interrupted = performed(plan, told.repeat, verbose=verbose)
    results = replace(results, interrupted=interrupted)
    if told.clock == "auto" and ": " in (clock := results.environment["clock"]):  # with a reason why it is no other
        click.echo(f"in {clock}", err=True)
    lines = output.cases(results) if verbose else []
    if found.demonstration:
        lines.insert(0, "no target was named: this is the demonstration that ships, an integration named reference")
    results = held.against(results)
    written = write.files(results, plan.report_dir, tuple(dict.fromkeys(("json", *told.report))))
    if told.format == "json":
        click.echo(written["json"].read_text("utf-8"), nl=False)
    else:
        if told.format == "github":
            output.annotate(results)
        output.say(results, next(written[name] for name in ("html", "md", "json") if name in written), lines)
    sys.exit(Exit.INTERRUPTED if interrupted else exit_of(results.gate))


def chosen(
    target: str | None, select: tuple[str, ...], scenarios: tuple[str, ...]
) -> tuple[finding.Found, TargetFile, dict[str, Scenario], tuple[str, ...]]:
    """The target, its file, the catalogue and the patterns; a first word that names rows is one of these."""
    try:
        found = finding.find(target, Path.cwd())
    except finding.NotFound:
        found = finding.find(None, Path.cwd())
        file, rows = read(found, scenarios)
        if not any(meant(str(target), row) for row in rows.values()):
            raise
        return found, file, rows, (str(target), *select)
    return found, *read(found, scenarios), select


def read(found: finding.Found, scenarios: tuple[str, ...]) -> tuple[TargetFile, dict[str, Scenario]]:
    """The target's file, and every row there is for it."""
    file = found.read()
    rows = finding.catalogue(*(Path(path) for path in scenarios or file.run.scenarios))
    if wrong := unclaimable(rows):
        raise BrokenFile("scenarios", [(None, text, "") for text in wrong])
    return file, rows


def planned(found: finding.Found, file: TargetFile, rows: dict[str, Scenario], told: Run, case: str | None) -> Plan:
    """What is to be run, and the commands that repeat it."""
    return Plan(
        file,
        found.name,
        select(rows, told.select, told.level, case),
        told.seed,
        told.jobs or settings.jobs(file),
        told.profile,
        Level(told.fail_on),
        case,
        Path(told.report_dir),
        warped_jobs=told.jobs,
        clock=told.clock,
        rate=told.rate,
        options=settings.words(told, file.run, "profile", "clock", "rate", "scenarios"),
        again=settings.command(found.name, told, file.run, case),
    )


def version_of(file: TargetFile) -> str | None:
    """The target's version: as it is written, or what its command prints first."""
    if not isinstance(file.version, Version):
        return file.version
    command = list(file.version.command)
    if file.version.package and file.call.python is not None:
        asked = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
        command = [file.call.python.interpreter, "-c", asked, file.version.package]
    try:
        done = subprocess.run(  # noqa: S603  # the user's own command
            command, cwd=file.start.cwd, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BrokenFile(file.name, [(None, f"version said none: {error}", "")]) from error
    return next(iter(done.stdout.strip().splitlines()), None)


def intended(plan: Plan, found: finding.Found) -> Iterator[str]:
    """What would be run, a line each."""
    yield f"target   {plan.file.name} ({found.path})"
    seconds: list[float] = []
    for row in plan.scenarios:
        for case in row.case_names:
            if plan.case not in (None, case) and row.id != ALWAYS:
                continue
            label = f"  {row.level.value:6} {row.id}" + (f" [{case}]" if case else "")
            without = not_applicable(row, case, plan.file, plan.profile)
            if without is not None:
                yield f"{label}  ({without.verdict.replace('_', ' ')}: {without.reason})"
            elif row.after:
                yield f"{label}  (after every other case)"
            else:
                yield label
                seconds.append(row.seconds)
    about = max([sum(seconds) / plan.jobs, *seconds], default=0.0)
    yield f"would run {len(seconds)} cases, {plan.jobs} at a time, in about {about:.0f} s"


def performed(plan: Plan, times: int, *, verbose: bool) -> tuple[Results, bool]:
    """Run it, as often as asked for, and say whether it was interrupted."""
    try:
        plan.report_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"--report-dir: {plan.report_dir} is no folder to write to: {error.strerror}") from None
    for old in plan.report_dir.glob("histories*/*.jsonl"):
        old.unlink()  # or `brownout judge` would find what another run has left
    made: list[Results] = []
    for number in range(1, times + 1):
        folder = "histories" if number == 1 else f"histories-{number}"
        results, interrupted = once(dataclasses.replace(plan, histories=folder), verbose=verbose)
        made.append(results)
        if interrupted:
            return repeats.merged(made), True
    return repeats.merged(made), False


def once(plan: Plan, *, verbose: bool) -> tuple[Results, bool]:
    """One run, with its progress on a terminal."""
    total = sum(len(row.case_names) for row in plan.scenarios if not row.after)
    done = 0
    with console.Live(sys.stderr, verbose=verbose) as live:

        def progress(finished: Finished) -> None:
            nonlocal total, done
            done, total = done + 1, total + finished.scenario.after
            result, running = finished.result, min(plan.jobs, total - done)
            live.update(
                finished.scenario.id,
                result.case,
                result.verdict,
                result.reason,
                done=done,
                total=total,
                running=running,
            )

        engine = Engine(plan, progress)
        return loop.run(engine.run()), engine.interrupted
