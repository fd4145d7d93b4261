from __future__ import annotations

from msgspec.structs import replace

from brownout.reports import console, html, markdown
from brownout.reports.recall import table, telling
from brownout.reports.results import CaseResult, RecallResult, Results, RowResult


def row(verdict: str, *cases: list[RecallResult], name: str = "pii.prompt") -> RowResult:
    """A row whose cases counted this."""
    made = [CaseResult(f"case-{n}", verdict, recall=recall) for n, recall in enumerate(cases)]  # type: ignore[arg-type]
    return RowResult(name, "must", "A promise.", verdict, cases=made)  # type: ignore[arg-type]


LEAKY = row(
    "fail",
    [RecallResult("email", "en_US", 20, 0), RecallResult("name", "en_US", 20, 9, 0.4)],
    [RecallResult("email", "de_DE", 199, 1), RecallResult("email", "en_US", 1, 0)],
)
CLEAN = row("pass", [RecallResult("email", "en_US", 500, 0)], name="pii.stream")


def test_cases_are_added_up_by_type_and_locale() -> None:
    """
    A line a type, a column a locale; what is nearly all is not all, and what was not planted is left empty.
    """
    found = table(LEAKY)

    assert found is not None
    assert ("type", "en_US", "de_DE") == found.head
    assert (("email", "100%", "99% 198/199"), ("name (promised 40%)", "55% 11/20", "")) == found.lines
    assert "230 of 240 values kept back" == found.sentence


def test_a_row_about_something_else_has_no_table() -> None:
    """
    Where nothing personal was counted, no report speaks of it.
    """
    assert table(row("pass", [])) is None


def test_a_short_report_shows_the_row_that_fails(run: Results) -> None:
    """
    A row that fails says more than one that counted more; without any there is no table.
    """
    shown = telling(replace(run, results=[CLEAN, LEAKY]))

    assert shown == table(LEAKY)
    assert table(CLEAN) == telling(replace(run, results=[CLEAN]))
    assert telling(run) is None


def test_every_report_has_the_table(run: Results) -> None:
    """
    Console, Markdown and HTML say how much of each type and locale was kept back.
    """
    results = replace(run, results=[LEAKY])

    for text in (console.render(results, width=120), markdown.render(results), html.render(results, lambda _: None)):
        plain = text.replace("\\", "")
        assert "230 of 240 values kept back" in plain
        assert all(word in plain for word in ("email", "de_DE", "99% 198/199", "name (promised 40%)"))
