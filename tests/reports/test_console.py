from __future__ import annotations

import io

import pytest

from brownout.reports import console
from brownout.reports.results import Results


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        """It does."""
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


def progress(file: io.StringIO, *, verbose: bool = False) -> str:
    """What is written of a run of three cases."""
    with console.Live(file, verbose=verbose) as live:
        live.update("a.b", "", "pass", "", done=1, total=3, running=2)
        live.update("a.c", "x", "fail", "7 attempts\x1b[2J", done=2, total=3, running=1)
        live.update("a.d", "", "not_applicable", "not claimed", done=3, total=3, running=0)
    return file.getvalue()


def test_progress_is_for_terminals_only() -> None:
    """
    Where nobody watches, nothing is written.
    """
    assert progress(io.StringIO(), verbose=True) == ""


def test_failures_are_told_as_they_happen() -> None:
    """
    On a terminal what fails is written when it fails, with its reason made harmless, and the counts are drawn.
    """
    text = progress(Terminal())

    assert "✗ fail           a.c[x]" in text
    assert "7 attempts␛[2J" in text
    assert "2/3 cases" in text or "3/3 cases" in text
    assert "a.b" not in text


def test_verbose_tells_every_case() -> None:
    """
    With `verbose` what passes is written too.
    """
    text = progress(Terminal(), verbose=True)

    assert "✓ pass           a.b" in text
    assert "○ not applicable a.d" in text


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With NO_COLOR progress is drawn without colours.
    """
    monkeypatch.setenv("NO_COLOR", "1")

    assert "\x1b[31m" not in progress(Terminal())


def test_the_last_lines_are_seed_verdict_and_report(run: Results) -> None:
    """
    Whoever reads only the end of a log finds the seed, the verdict and where the report is.
    """
    seed, verdict, report = console.render(run, report="out/report.html").splitlines()[-3:]

    assert "seed     7" == seed
    assert verdict.startswith("verdict  ✗ FAIL  The gate does not hold: 3 of 5 must rows failed")
    assert "report   out/report.html" == report


def test_rows_with_one_reason_are_told_together(run: Results) -> None:
    """
    What is wrong with all of them is said once.
    """
    for row in run.results:
        row.verdict, row.reason = "inconclusive", "nothing can be said of any"

    text = console.render(run, width=200)

    first, *others = [row.id for row in run.results]
    assert f" ? {first}  must: nothing can be said of any\n   and for the same reason {', '.join(others)}\n" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_the_terminal(run: Results, width: int) -> None:
    """
    No line is wider than the terminal, but for the last ones, which stay whole for whoever copies or reads them.
    """
    *lines, seed, verdict = console.render(run, width=width).splitlines()

    assert ("seed", "verdict") == (seed.split()[0], verdict.split()[0])
    assert max(len(line) for line in lines if not line.startswith("repeat ")) <= width
