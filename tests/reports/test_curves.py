from __future__ import annotations

import msgspec
import pytest

from brownout.reports import html, markdown
from brownout.reports.curves import curves
from brownout.reports.results import Latency, LoadPoint, LoadResult, LoadSpell, Results


def run_of(*points: LoadPoint, width: float = 1.0, weather: list[LoadSpell] | None = None) -> LoadResult:
    """A load run with these points."""
    return LoadResult(
        "steady",
        "About <b>.",
        5,
        len(points) * width,
        4,
        5,
        1,
        {"answers": Latency(3, 0.5, 1.0, 1.5, 2.0), "streams": Latency(0)},
        {"answers": Latency(2, 0.4, 0.9, 1.4, 1.9)},
        {"answered": 3, "clean_error": 1},
        width=width,
        points=list(points),
        weather=weather or [],
        history="load.jsonl",
    )


def test_a_curve_is_broken_where_nothing_is_known() -> None:
    """
    Two stretches with answers, one without, and one alone make a line and a dot.
    """
    known = [LoadPoint(0.0, 2, 0.1, 0.2), LoadPoint(1.0, 2, 0.1, 0.2), LoadPoint(2.0, 1), LoadPoint(3.0, 1, 0.1, 0.2)]

    latency = next(panel for panel in curves(run_of(*known)) if panel.title.startswith("How long"))

    for curve in latency.curves:
        assert 1 == len(curve.parts) == len(curve.dots)
        assert 2 == len(curve.parts[0].split())


@pytest.mark.parametrize(
    ("calls", "most"), [(0, "1 /s"), (1, "1 /s"), (3, "5 /s"), (11, "20 /s"), (230, "250 /s"), (1000, "1000 /s")]
)
def test_the_scale_ends_at_a_round_figure(calls: int, most: str) -> None:
    """
    The top of the scale is the next of 1, 2, 2.5, 5 and 10.
    """
    assert most == curves(run_of(LoadPoint(0.0, calls)))[0].most


def test_small_figures_have_a_scale_of_their_own() -> None:
    """
    Latencies of milliseconds are drawn over the whole height.
    """
    assert "5 ms" == curves(run_of(LoadPoint(0.0, 1, 0.004, 0.0041)))[1].most


def test_what_is_behind_and_below_fits_the_run() -> None:
    """
    Weather lies where it was, in percent of the run, and the times below begin at 0.
    """
    points = [LoadPoint(n * 2.0, 1) for n in range(10)]
    panel = curves(run_of(*points, width=2.0, weather=[LoadSpell("outage", 5.0, 10.0)]))[0]

    assert [(25.0, 25.0, "outage")] == panel.weather
    assert (0.0, "0") == panel.ticks[0]
    assert (100.0, "20 s") == panel.ticks[-1]
    assert panel.summary.startswith("Calls that began: calls a second at most 0.5 /s")


def test_markdown_has_the_figures(run: Results) -> None:
    """
    Markdown says what was measured, in a table, for a load run and for no other.
    """
    load = run_of(LoadPoint(0.0, 4))

    text = markdown.render(msgspec.structs.replace(run, load=load))

    assert "Profile `steady`, 5 users for 1 s: 4 calls, 1.25 requests for each, 1 failed, $0 billed." in text
    assert "| answers | 3 | 0.50 s | 1 s | 1.50 s |" in text
    assert "| streams" not in text
    assert "Profile" not in markdown.render(run)


def test_the_page_of_a_load_run_draws_it(run: Results) -> None:
    """
    The page shows figures, curves and weather, escapes what it is given, and has none of it for any other run.
    """
    load = run_of(LoadPoint(0.0, 4, 0.1, 0.2, 1, 5, 30), weather=[LoadSpell("outage<", 0.2, 0.4)])

    page = html.render(msgspec.structs.replace(run, load=load), lambda path: None)

    assert "About &lt;b&gt;." in page
    assert "outage&lt;" in page
    assert "answers, fair weather" in page
    assert 'id="load"' in page
    assert 'id="load"' not in html.render(run, lambda path: None)
