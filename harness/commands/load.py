"""`brownout load`: the same promises at full traffic."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from ...fakes.duration import seconds as read_seconds
from ...reports import console, write
from ...reports.results import Results
from .. import finding, loop, settings
from ..exits import Exit, exit_of
from ..load import swarm
from ..load.profile import named
from ..load.run import LoadRun, Plan
from ..scenario import Level
from . import excuses, output
from .options import FORMATS, option, several
from .run import version_of


class Duration(click.ParamType[float]):
    """A duration as files have it: 90s, 2m, or seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """In seconds."""
        try:
            found = read_seconds(float(str(value)) if str(value).replace(".", "", 1).isdigit() else value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not 0 < found < float("inf"):
            self.fail("a run takes some time, and ends", param, ctx)
        return found


PORT = click.IntRange(1, 65535)


@click.command()
@click.argument("target", required=False, envvar="BROWNOUT_TARGET")
@option("--profile", "name", default="steady", show_default=True, metavar="NAME", help="Users and weather over time.")
@option("--duration", type=Duration(), metavar="TIME", help="How long users come.  [default: the profile's]")
@option("--users", type=click.IntRange(1), metavar="N", help="The most at a time.  [default: the profile's]")
@option("--processes", type=click.IntRange(1), default=1, metavar="N", help="Locust processes.  [default: 1]")
@click.option("--master", is_flag=True, help="Wait for workers that are started by hand, on this machine.")
@click.option("--worker", is_flag=True, help="Be such a worker: all else is said to the master.")
@option("--expect-workers", "workers", type=click.IntRange(1), metavar="N", help="How many.  [default: 1]")
@option("--master-bind-port", "bind", type=PORT, metavar="PORT", help="Where the master waits.  [default: 5557]")
@option("--master-port", "port", type=PORT, metavar="PORT", help="Where a worker finds it.  [default: 5557]")
@option("--locust", default="", metavar="WORDS", help="More of Locust's own options, in quotes.")
@option("--seed", type=int, help="Every random choice follows from it.  [default: 0]")
@option("--fail-on", type=click.Choice(["must", "should"]), help="The weakest level that breaks the gate.")
@excuses.options
@option("--report-dir", metavar="DIR", help="Where the reports go.  [default: brownout-report]")
@option("--report", metavar="LIST", callback=several(FORMATS), help="html,junit,md,json  [default: html,junit,json]")
@option("--format", type=click.Choice(["text", "json", "github"]), help="What standard output is written as.")
def load(
    target: str | None,
    name: str,
    duration: float | None,
    users: int | None,
    processes: int,
    master: bool,
    worker: bool,
    workers: int | None,
    bind: int | None,
    port: int | None,
    locust: str,
    update_baseline: bool,
    diff: str | None,
    **given: Any,
) -> None:
    """Load a target with users while its providers fail, and judge the whole run by the same promises.

    TARGET is as for `brownout run`. Profiles: `brownout list profiles`; what is judged: `brownout list gates`.
    It needs `pip install 'brownout[load]'`.

    Users can be in several processes: `--processes N` starts them; or `--master --expect-workers N` waits for as many
    times `brownout load --worker`. All report to the master's run, which is judged as one.
    """
    _sensible(master=master, worker=worker, processes=processes, workers=workers, bind=bind, port=port)
    profile = named(name).sized(seconds=duration, users=users)
    swarm.installed()
    if worker:
        swarm.join(port or swarm.PORT, shlex.split(locust))
    found = finding.find(target, Path.cwd())
    file = found.read()
    told = excuses.named(settings.overlaid(file.run, given), update=update_baseline)
    held = excuses.held(told, diff, update=update_baseline)
    plan = Plan(
        replace(file, version=version_of(file)),
        found.name,
        profile,
        told.seed,
        (workers or 1) if master else processes,
        (bind or swarm.PORT) if master else None,
        tuple(shlex.split(locust)),
        Level(told.fail_on),
        Path(told.report_dir),
        settings.words(told, file.run, "fail_on", "baseline"),
    )
    if plan.master is not None:
        again = f"brownout load --worker --master-port {plan.master}"
        click.echo(f"the users come when {plan.processes} times this has been started: {again}", err=True)
    results, interrupted = performed(plan)
    results = held.against(results)
    written = write.files(results, plan.report_dir, tuple(dict.fromkeys(("json", *told.report))))
    if told.format == "json":
        click.echo(written["json"].read_text("utf-8"), nl=False)
    else:
        if told.format == "github":
            output.annotate(results)
        output.say(results, next(written[kind] for kind in ("html", "md", "json") if kind in written))
    sys.exit(Exit.INTERRUPTED if interrupted else exit_of(results.gate))


def _sensible(
    *, master: bool, worker: bool, processes: int, workers: int | None, bind: int | None, port: int | None
) -> None:
    """Say so where options contradict each other."""
    if master and worker:
        raise click.UsageError("one process is the master, others are workers: --master or --worker")
    if processes > 1 and (master or worker):
        raise click.UsageError("--processes starts master and workers by itself")
    for name, value in (("--expect-workers", workers), ("--master-bind-port", bind)):
        if value is not None and not master:
            raise click.UsageError(f"{name} is the master's: --master")
    if port is not None and not worker:
        raise click.UsageError("--master-port is a worker's: --worker; the master's own is --master-bind-port")


def performed(plan: Plan) -> tuple[Results, bool]:
    """The run, with its progress on a terminal."""
    for old in plan.report_dir.glob("histories*/*.jsonl"):
        old.unlink()  # or `brownout judge` would find what another run has left
    with console.Counting(sys.stderr, f"{plan.profile.users} users, {plan.profile.name}") as live:
        run = LoadRun(plan, lambda seconds, calls: live.update(seconds, plan.profile.seconds, calls))
        return loop.run(run.run()), run.interrupted
