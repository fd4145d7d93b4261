from __future__ import annotations

import pytest

from brownout.harness.scenario import MAY, MUST, SHOULD, Case, Level, Scenario
from brownout.harness.selection import NothingSelected, select, unclaimable


async def nothing() -> None:
    """A promise."""


ROWS = {
    row.id: row
    for row in (
        Scenario("retry.jitter", MUST, nothing),
        Scenario("control.answers", MUST, nothing, cases={"plain": False}),
        Scenario("retry.recovers", MUST, nothing, cases={"500": 500, "503": Case(503, needs="stream")}),
        Scenario("stream.whole", SHOULD, nothing, needs="stream"),
        Scenario("breaker.ignores", MAY, nothing, needs="breaker"),
        Scenario("control.alive-after", MUST, nothing, after=True),
    )
}


def chosen(*patterns: str, level: Level = MAY, case: str | None = None) -> list[str]:
    """The ids that are selected."""
    return [row.id for row in select(ROWS, patterns, level, case)]


class TestSelect:
    def test_nothing_said_is_everything(self) -> None:
        """
        Without patterns every row is run, and the one that all others stand on comes first.
        """
        assert ["control.answers", *(row for row in ROWS if row != "control.answers")] == chosen()

    @pytest.mark.parametrize(
        ("pattern", "rows"),
        [
            ("retry.jitter", ["retry.jitter"]),
            ("retry", ["retry.jitter", "retry.recovers"]),
            ("*.re*", ["retry.recovers"]),
            ("control", ["control.alive-after"]),
        ],
    )
    def test_ids_families_and_globs(self, pattern: str, rows: list[str]) -> None:
        """
        A row is meant by its id, by its family or by a glob, and fair weather is always tried first.
        """
        assert ["control.answers", *rows] == chosen(pattern)

    def test_a_level_takes_stronger_rows_too(self) -> None:
        """
        `--level should` runs what a target must and should do.
        """
        assert "breaker.ignores" not in chosen(level=SHOULD)
        assert {"retry.jitter", "stream.whole"} <= set(chosen(level=SHOULD))

    def test_a_case_narrows_the_rows(self) -> None:
        """
        Only rows that have the case are run, and what follows every row still does.
        """
        assert ["control.answers", "retry.recovers", "control.alive-after"] == chosen(case="503")

    @pytest.mark.parametrize(
        ("patterns", "level", "case", "said"),
        [
            (("retry.jiter",), MAY, None, 'did you mean "retry.jitter"?'),
            (("retry", "steam"), MAY, None, 'did you mean "stream"?'),
            (("breaker",), MUST, None, 'none of the rows named is a "must"'),
            (("retry",), MAY, "504", 'did you mean "503"?'),
            (("nothing*",), MAY, None, "brownout list scenarios"),
        ],
    )
    def test_a_pattern_that_means_nothing_is_told(
        self, patterns: tuple[str, ...], level: Level, case: str | None, said: str
    ) -> None:
        """
        A misspelt pattern is never silently less than what was asked for.
        """
        with pytest.raises(NothingSelected) as nothing_selected:
            select(ROWS, patterns, level, case)

        assert said in str(nothing_selected.value)


class TestUnclaimable:
    def test_a_claim_that_nobody_can_make_is_told(self) -> None:
        """
        A row, or a case of one, that needs a misspelt claim would never be judged, and is told.
        """
        wrong = {
            "a.b": Scenario("a.b", MUST, nothing, needs="steam"),
            "a.c": Scenario("a.c", MUST, nothing, cases={"x": Case(1, needs="fallback.chian")}),
        }

        assert [] == unclaimable(ROWS)
        assert ['a.b needs "steam"', 'a.c needs "fallback.chian"'] == [
            text.partition(",")[0] for text in unclaimable(wrong)
        ]
