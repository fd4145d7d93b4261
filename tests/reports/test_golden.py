from __future__ import annotations

import json
from collections.abc import Callable

from brownout.reports import console, github, html, junit, markdown, results
from brownout.reports.results import PUBLISHED, Results

Golden = Callable[..., None]
Reader = Callable[[str], bytes | None]


def test_console(run: Results, golden: Golden) -> None:
    """
    The console report is the checked-in one.
    """
    golden("console.txt", console.render(run, report="brownout-report/report.html"))


def test_console_in_colour(run: Results, golden: Golden) -> None:
    """
    The same in colour, where a verdict is still a symbol and a word.
    """
    golden("console.ansi", console.render(run, colour=True, width=72))


def test_html(run: Results, histories: Reader, golden: Golden) -> None:
    """
    The page is the checked-in one.
    """
    golden("report.html", html.render(run, histories))


def test_junit(run: Results, golden: Golden) -> None:
    """
    The JUnit document is the checked-in one.
    """
    golden("junit.xml", junit.render(run))


def test_markdown(run: Results, golden: Golden) -> None:
    """
    The Markdown report is the checked-in one.
    """
    golden("report.md", markdown.render(run, report="report.html"))


def test_github(run: Results, golden: Golden) -> None:
    """
    The workflow commands are the checked-in ones.
    """
    golden("github.txt", github.render(run))


def test_schema(golden: Golden) -> None:
    """
    The published schema is the one that the code has.
    """
    text = json.dumps(results.schema(), indent=1) + "\n"
    golden(PUBLISHED.name, text, PUBLISHED.parent)
