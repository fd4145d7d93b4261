"""`brownout targets`: environments of their own for targets whose packages brownout does not bring along."""

from __future__ import annotations

from pathlib import Path

import click

from ...fakes.conversion import BrokenFile
from .. import environments, finding
from ..target_file import TargetFile


@click.group()
def targets() -> None:
    """Install, list and remove targets that have an environment of their own."""


@targets.command()
@click.argument("target")
def install(target: str) -> None:
    """Make the environment of a target with pip, as it is configured here; one that is there is made anew."""
    file = _described(target)
    click.echo(f"installing {', '.join(file.install.packages if file.install else ())} …", err=True)
    found = environments.make(file)
    shown = file.install.shows if file.install else ""
    click.echo(f"{file.name}: {shown} {found.get(shown, 'of an unknown version')} in {environments.folder(file)}")
    click.echo(f"brownout run {target}")


@targets.command("list")
def list_() -> None:
    """List the targets that ship and what of them is installed."""
    for name, path in finding.ready_made().items():
        file = finding.Found(name, path).described()
        if file.install is None:
            click.echo(f"{name:20}  comes with brownout")
            continue
        found = environments.made(file)
        shown = file.install.shows
        state = f"not installed: brownout targets install {name}" if found is None else f"{shown} {found.get(shown)}"
        click.echo(f"{name:20}  {state}")


@targets.command()
@click.argument("target")
def remove(target: str) -> None:
    """Remove the environment of a target."""
    file = _described(target)
    was = environments.remove(file)
    click.echo(f"{file.name}: {'removed' if was else 'was not installed'}")


def _described(target: str) -> TargetFile:
    found = finding.find(target, Path.cwd())
    file = found.described()
    if file.install is None:
        raise BrokenFile(target, [(None, f"{file.name} needs no environment of its own", f"brownout run {target}")])
    return file
