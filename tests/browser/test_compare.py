"""The page of a comparison in a real browser: it filters, folds, leads to the proof, and can be read by everybody."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import looking
import pytest
from looking import BROWSER, CONTRAST, DARK, run

PAGE = Path(__file__).parent.parent / "reports" / "golden" / "compare.html"
probe = partial(looking.probe, PAGE)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium, which is not installed"),
]


def test_the_policy_blocks_nothing_of_ours(tmp_path: Path) -> None:
    """
    The page's own script runs under its own policy, without a word in the browser's console.
    """
    shown = run(tmp_path, PAGE.as_uri(), "--virtual-time-budget=2000", "--dump-dom")

    assert '<p class="filters">' in shown.stdout
    assert "CONSOLE" not in shown.stderr


def test_filters_leave_what_was_asked_for(tmp_path: Path) -> None:
    """
    Only failed, only different, a family and a level each leave the rows that are so, and families that have any.
    """
    found = probe(
        tmp_path,
        """
        const shown = (kind) => [...page.querySelectorAll(kind)].filter((row) => row.getClientRects().length);
        const seen = () => shown("tbody.of-row[id]"), heads = () => shown("tbody.of-family");
        const set = (id, value) => {
          const control = page.getElementById(id);
          if (control.type === "checkbox") control.checked = value; else control.value = value;
          control.dispatchEvent(new view.Event("change"));
        };
        const all = seen().length;
        set("only-failed", true);
        const n = seen().length, failed = seen().every((row) => row.querySelector("td.fail"));
        set("only-failed", false); set("family", "retry"); const retry = seen().map((row) => row.dataset.family);
        const left = heads().length;
        set("level", "may"); const none = seen().length; const said = page.getElementById("left").textContent;
        set("level", ""); set("family", ""); set("only-different", true);
        const different = seen().every((row) => "different" in row.dataset);
        return [n > 0 && n < all, failed, [...new Set(retry)], left, none, said, different, all];
        """,
    )

    assert [True, True, ["retry"], 1, 0, f"0 of {found[7]} rows", True] == found[:7]


def test_cases_are_folded_until_asked_for(tmp_path: Path) -> None:
    """
    The cases of a row are shown by its button, and all of them by one for the whole page.
    """
    found = probe(
        tmp_path,
        """
        const row = [...page.querySelectorAll("tbody.of-row")].find((row) => row.querySelector("tr.case"));
        const seen = () => row.querySelector("tr.case").getClientRects().length > 0;
        const button = row.querySelector("button.many"), told = [seen()];
        button.click(); told.push(seen(), button.getAttribute("aria-expanded"));
        button.click(); told.push(seen());
        page.getElementById("all-cases").click(); told.push(seen());
        return told;
        """,
    )

    assert [False, True, "true", False, True] == found


def test_it_fits_a_phone(tmp_path: Path) -> None:
    """
    At 360 pixels nothing has to be scrolled sideways, and no word is smaller than 10 pixels.
    """
    wide, small = probe(
        tmp_path,
        """
        page.getElementById("all-cases").click();
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


def test_it_prints(tmp_path: Path) -> None:
    """
    The browser makes a PDF of it.
    """
    path = tmp_path / "compare.pdf"

    run(tmp_path, PAGE.as_uri(), f"--print-to-pdf={path}", "--no-pdf-header-footer")

    assert path.read_bytes().startswith(b"%PDF-")
