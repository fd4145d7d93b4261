from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser

import jsonschema
import msgspec
from msgspec.structs import replace

from brownout.reports import compare_html, compare_markdown, comparison
from brownout.reports.comparison import PUBLISHED, Cell, Comparison, Side, compare, labels
from brownout.reports.results import CaseResult, Results, RowResult, TargetResult

Golden = Callable[..., None]
Reader = Callable[[str], bytes | None]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J | `code`"


def other(run: Results) -> Results:
    """Another target: it keeps what the first breaks, lacks a row, has two more, and is called by a hostile name."""
    rows = [
        replace(row, verdict="pass", cases=[replace(case, verdict="pass", outcome="clean_error") for case in row.cases])
        for row in run.results
        if row.id != "control.answers"
    ]
    more = RowResult("mine.own", "may", HOSTILE, "pass", "", [CaseResult("", "pass", HOSTILE, repeat="")])
    idle = RowResult("mine.idle", "may", HOSTILE, "not_applicable", HOSTILE, [CaseResult("", "not_applicable")])
    return replace(run, target=TargetResult(HOSTILE, "2"), results=[*rows, more, idle])


def both(run: Results, histories: Reader) -> Comparison:
    """The run of the fixture, another, and a target that could not be run."""
    return compare(
        [
            Side("one", run, report="one/report.html", histories=histories),
            Side(HOSTILE, other(run), report="two/report.html"),
            Side("three", None, "it did not start: " + HOSTILE),
        ],
        "0.1.0",
    )


class Page(HTMLParser):
    """The elements of a page, and where it leads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and its address."""
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"} and value is not None]


class TestCompare:
    def test_what_is_broken_is_counted(self, run: Results, histories: Reader) -> None:
        """
        Broken musts are counted for each target, and a target that was not run says why.
        """
        first, second, third = both(run, histories).targets

        failed = sum(row.level == "must" and row.verdict == "fail" for row in run.results)
        assert failed == first.broken["must"] > 0
        assert 0 == second.broken["must"]
        assert (None, True) == (third.gate, third.not_run.startswith("it did not start"))

    def test_rows_stand_side_by_side(self, run: Results, histories: Reader) -> None:
        """
        Every row of any target is there once, with a cell for each, and none where it was not run.
        """
        rows = {row.id: row for row in both(run, histories).rows}

        assert {*(row.id for row in run.results), "mine.own", "mine.idle"} == set(rows)
        assert [True, False, False] == [cell is not None for cell in rows["control.answers"].cells]
        assert [False, True, False] == [cell is not None for cell in rows["mine.own"].cells]
        assert "control.answers" == next(iter(rows))

    def test_what_differs_is_marked(self, run: Results, histories: Reader) -> None:
        """
        A row differs when a verdict or what callers lived through does; one that only one target has does not.
        """
        rows = {row.id: row for row in both(run, histories).rows}

        assert rows["retry.after-seconds"].different
        assert rows["retry.after-seconds"].failed
        assert not rows["mine.own"].different
        assert not any(row.different for row in compare([Side("a", run), Side("b", run)], "1").rows)

    def test_a_row_that_applies_to_nobody_stands_apart(self, run: Results, histories: Reader) -> None:
        """
        It is told once, at the end, with its reason, and is not among the rows that are counted and compared.
        """
        made = both(run, histories)

        rows = {row.id: row for row in made.rows}
        assert not rows["mine.idle"].applies
        assert rows["mine.own"].applies
        assert 'id="row-mine.idle"' not in (page := compare_html.render(made))
        assert "1 row that applies to no target" in page
        assert "1 row that applies to no target" in compare_markdown.render(made)

    def test_a_cell_leads_to_the_proof(self, run: Results, histories: Reader) -> None:
        """
        The evidence of a case is its place in the target's own report.
        """
        rows = {row.id: row for row in both(run, histories).rows}

        (line,) = rows["retry.after-seconds"].cases
        assert line.cells[0] is not None
        assert "one/report.html#case-retry.after-seconds" == line.cells[0].evidence

    def test_who_answered_is_read_from_the_history(self, run: Results, histories: Reader) -> None:
        """
        The fake whose answer the caller got, when, after how many attempts at whom, and what is billed for them.
        """
        faults = {line.row: line for line in both(run, histories).faults}

        cell = faults["retry.after-seconds"].cells[0]
        assert cell is not None
        assert cell.attempts
        assert cell.seconds is not None
        assert cell.seconds > 0
        assert faults["retry.after-seconds"].cells[1:] == [None, None]
        assert faults["retry.after-seconds"].faults

    def test_crowds_are_no_single_caller(self, run: Results, histories: Reader) -> None:
        """
        Cases of many callers have no place among the faults of one.
        """
        assert "retry.jitter" not in {line.row for line in both(run, histories).faults}


def test_names_tell_targets_apart() -> None:
    """
    A name is enough where it is the only one; else the version, the word of the command line or a number is added.
    """
    assert ["a", "b"] == labels([("a", "1", "x"), ("b", "1", "y")])
    assert ["a 1", "a 2"] == labels([("a", "1", "x"), ("a", "2", "y")])
    assert ["a (x)", "a (y)"] == labels([("a", "1", "x"), ("a", "1", "y")])
    assert ["a (1)", "a (2)"] == labels([("a", "1", "x"), ("a", "1", "x")])


def test_the_json_is_of_its_schema(run: Results, histories: Reader, golden: Golden) -> None:
    """
    The published schema is the one that the code has, and what is written follows it.
    """
    made = json.loads(msgspec.json.encode(both(run, histories)))
    jsonschema.validate(made, comparison.schema())

    golden(PUBLISHED.name, json.dumps(comparison.schema(), indent=1) + "\n", PUBLISHED.parent)


class TestPage:
    def test_nothing_of_a_wire_acts(self, run: Results, histories: Reader) -> None:
        """
        Hostile names, titles and reasons are text: one script, no image, and links only into the own folder.
        """
        page = Page(compare_html.render(both(run, histories)))

        assert 1 == page.tags.count("script")
        assert "img" not in page.tags
        assert all(link.startswith(("./", "#")) for link in page.links)

    def test_it_can_be_read_without_scripts(self, run: Results, histories: Reader) -> None:
        """
        Every row and every case that fails or differs stands in the page; filters are hidden until a script runs.
        """
        made = both(run, histories)
        page = compare_html.render(made)

        assert all(f'id="row-{row.id}"' in page for row in made.rows if row.applies)
        assert '<p class="filters" hidden>' in page
        assert all(word in page for word in ("pass", "fail", "not run", "a clean error"))

    def test_what_is_broken_is_told_first(self, run: Results, histories: Reader) -> None:
        """
        Before the catalogue stands one line for every row that somebody fails, the musts first, and leads to it.
        """
        made = both(run, histories)
        page = compare_html.render(made)

        brief = page[page.index('id="broken"') : page.index('id="catalogue"')]
        told = [link for link in Page(brief).links if link.startswith("#row-")]
        assert {f"#row-{row.id}" for row in made.rows if row.failed} == set(told)
        assert brief.index('class="level must"') < brief.index('class="level should"')

    def test_the_headline_counts_broken_musts(self, run: Results, histories: Reader) -> None:
        """
        The first sentence says who breaks how many musts, the fewest first, and that somebody stopped it.
        """
        made = both(run, histories)
        told = compare_html.headline(made)
        stopped = compare_html.headline(replace(made, interrupted=True))

        assert told.index(HOSTILE) < told.index("one breaks")
        assert stopped.startswith("The comparison was interrupted. ")
        assert compare_html.headline(compare([Side("a", None, "why")], "1")).startswith("Nothing was run")

    def test_many_cases_are_told_by_those_that_matter(self) -> None:
        """
        Of a row with very many cases the page has those that fail or differ, and says how many more there are.
        """
        cases = [CaseResult(f"n{number}", "fail" if number == 7 else "pass", "why") for number in range(40)]
        row = RowResult("mine.many", "must", "Many.", "fail", "", cases)
        run = Results(
            "1",
            0,
            "",
            1.0,
            1.0,
            TargetResult("t"),
            "claimed",
            comparison.Gate(holds=False, failed=["mine.many"]),
            [row],
        )

        page = compare_html.render(compare([Side("a", run), Side("b", run)], "1"))

        assert '<th scope="row">n7</th>' in page
        assert '<th scope="row">n8</th>' not in page
        assert "39 more cases" in page

    def test_figures_of_cases(self) -> None:
        """
        One case tells its attempts by provider and its time; several tell the least and the most.
        """
        one = Cell("pass", attempts={"primary": 3, "secondary": 1}, seconds=2.0)
        two = Cell("pass", attempts={"primary": 1, "secondary": 0}, seconds=0.5)
        empty = Cell("pass")

        assert ("4 attempts (3 primary, 1 secondary)", "2 s") == (compare_html.made([one]), compare_html.took([one]))
        assert ("1 to 4 attempts", "0.50 s to 2 s") == (compare_html.made([one, two]), compare_html.took([one, two]))
        assert ("4 attempts", "2 s") == (compare_html.made([one, one]), compare_html.took([one, one]))
        assert ("", "") == (compare_html.made([empty]), compare_html.took([empty]))


def test_markdown(run: Results, histories: Reader, golden: Golden) -> None:
    """
    The Markdown is the checked-in one, hostile names and all.
    """
    golden("compare.md", compare_markdown.render(both(run, histories), "compare.html"))


def test_the_page_is_the_checked_in_one(run: Results, histories: Reader, golden: Golden) -> None:
    """
    The page is the checked-in one.
    """
    golden("compare.html", compare_html.render(both(run, histories)))
