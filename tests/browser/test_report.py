"""The HTML report in a real browser: nothing is blocked, lost or unreadable on a phone, in the dark, or on paper."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import looking
import pytest
from looking import BROWSER, CONTRAST, DARK, run

REPORT = Path(__file__).parent.parent / "reports" / "golden" / "report.html"
probe = partial(looking.probe, REPORT)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium, which is not installed"),
]


def test_the_policy_blocks_nothing_of_ours(tmp_path: Path) -> None:
    """
    The page's own script and style run under its own policy, without a word in the browser's console.
    """
    shown = run(tmp_path, REPORT.as_uri(), "--virtual-time-budget=2000", "--dump-dom")

    commands = len(re.findall(r'<code class="command"', shown.stdout))
    assert commands == len(re.findall(r'aria-label="copy the command"', shown.stdout)) > 0
    assert "CONSOLE" not in shown.stderr


def test_it_fits_a_phone(tmp_path: Path) -> None:
    """
    At 360 pixels nothing has to be scrolled sideways, and no word is smaller than 10 pixels.
    """
    wide, small = probe(
        tmp_path,
        """
        for (const element of page.querySelectorAll("details")) element.open = true;
        const sizes = [...page.querySelectorAll("body *")].map((e) => parseFloat(view.getComputedStyle(e).fontSize));
        return [page.documentElement.scrollWidth, Math.min(...sizes)];
        """,
        width=360,
    )

    assert wide <= 360
    assert small >= 10


@pytest.mark.parametrize("flags", [[], [DARK]], ids=["light", "dark"])
def test_every_word_can_be_read(tmp_path: Path, flags: list[str]) -> None:
    """
    In light and in dark every text has the contrast that WCAG AA asks for.
    """
    assert probe(tmp_path, CONTRAST, *flags) == {}


def test_dark_is_dark(tmp_path: Path) -> None:
    """
    Whoever prefers the dark gets it.
    """
    script = "return view.getComputedStyle(page.body).backgroundColor;"

    assert probe(tmp_path, script) == "rgb(255, 255, 255)"
    assert probe(tmp_path, script, DARK) == "rgb(15, 19, 24)"


def test_a_cell_leads_to_its_case(tmp_path: Path) -> None:
    """
    Following the cell of a passed case opens that case, which was closed.
    """
    before, after = probe(
        tmp_path,
        """
        const link = page.querySelector("a.cell.pass"), case_ = page.getElementById(link.hash.slice(1));
        const before = case_.open;
        view.location.hash = link.hash;
        view.dispatchEvent(new view.Event("hashchange"));
        return [before, case_.open];
        """,
    )

    assert (False, True) == (before, after)


def test_the_keyboard_reaches_everything(tmp_path: Path) -> None:
    """
    Every link of a drawing, every command and every place that scrolls can have the focus, the skip link first.
    """
    first, missed = probe(
        tmp_path,
        """
        for (const element of page.querySelectorAll("details")) element.open = true;
        const wanted = [...page.querySelectorAll("a[href], summary, .command, .timeline, pre, button")];
        const missed = wanted.filter((element) => { element.focus(); return page.activeElement !== element; });
        return [wanted[0].className, missed.map((element) => element.outerHTML.slice(0, 100))];
        """,
    )

    assert ("skip", []) == (first, missed)


def test_it_prints(tmp_path: Path) -> None:
    """
    The browser makes a PDF of it.
    """
    path = tmp_path / "report.pdf"

    run(tmp_path, REPORT.as_uri(), f"--print-to-pdf={path}", "--no-pdf-header-footer")

    assert path.read_bytes().startswith(b"%PDF-")
