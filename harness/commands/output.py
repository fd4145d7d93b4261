"""What a run says on standard output."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from ...reports import console, github, markdown
from ...reports.results import Results
from ...reports.wording import case_label, one_line


def say(results: Results, report: Path | None, lines: Iterable[str] = ()) -> None:
    """The report for people; seed, verdict and report path are its last lines."""
    for line in lines:
        click.echo(line)
    terminal = sys.stdout.isatty()
    colour = terminal and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns if terminal else 100
    shown = None if report is None else str(report)
    click.echo(console.render(results, colour=colour, width=width, report=shown), nl=False, color=colour)


def annotate(results: Results) -> None:
    """Annotations for the page of a GitHub run, and its step summary where GitHub says where that is."""
    click.echo(github.render(results), nl=False)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(markdown.render(results))
        except OSError as error:
            click.echo(f"the step summary cannot be written: {error}", err=True)


def cases(results: Results) -> list[str]:
    """Every case with its verdict, a line each."""
    return [
        "  ".join(filter(None, (f"{case.verdict:14}", case_label(row.id, case.case), one_line(case.reason))))
        for row in results.results
        for case in row.cases
    ]
