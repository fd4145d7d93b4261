"""`brownout list`, `show` and `schema`: what there is, and what it means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ...fakes import weather_file
from ...fakes.json_schema import published
from ...reports import comparison, results
from .. import finding, manual
from ..target_file import TargetFile

LISTS = ("scenarios", "faults", "checks", "dialects", "tiers", "targets", "profiles", "gates")
SCENARIOS = click.option(
    "--scenarios",
    multiple=True,
    envvar="BROWNOUT_SCENARIOS",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A module or folder with rows of your own.",
)


@click.command("list")
@click.argument("what", type=click.Choice(LISTS))
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text")
@SCENARIOS
def list_(what: str, shape: str, scenarios: tuple[Path, ...]) -> None:
    """List scenarios, faults, checks, dialects, tiers of limits, targets, profiles or gates, each in one sentence."""
    own = finding.own_scenarios() if what == "scenarios" and not scenarios else ()
    found = list(manual.lists(finding.catalogue(*(scenarios or own)))[what]())
    if shape == "json":
        click.echo(json.dumps([{"name": name, "about": about} for name, about in found], indent=1, ensure_ascii=False))
        return
    width = max((len(name) for name, _ in found), default=0)
    for name, about in found:
        click.echo(f"{name:{width}}  {about}".rstrip())


@click.command()
@click.argument("name", metavar="ID")
@SCENARIOS
def show(name: str, scenarios: tuple[Path, ...]) -> None:
    """Say what a scenario, a family, a fault, a check, a load profile or a gate does, and why."""
    try:
        told = manual.show(name, finding.catalogue(*scenarios))
    except finding.NotFound:
        # Only now: a target file that cannot be read keeps nobody from what ships.
        told = manual.show(name, finding.catalogue(*(scenarios or finding.own_scenarios())))
    click.echo(told)


@click.command()
@click.argument("what", type=click.Choice(["target", "weather", "results", "compare"]))
def schema(what: str) -> None:
    """Print the JSON Schema of target files, of weather files, of results.json or of compare.json."""
    made: dict[str, Any]
    match what:
        case "target":
            made = published("brownout target", TargetFile)
        case "weather":
            made = weather_file.schema()
        case "compare":
            made = comparison.schema()
        case _:
            made = results.schema()
    click.echo(json.dumps(made, indent=1, ensure_ascii=False))
