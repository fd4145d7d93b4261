from __future__ import annotations

from msgspec.structs import replace

from brownout.reports import changes, console, github, html, markdown
from brownout.reports.results import CaseResult, Gate, Results, RowResult, TargetResult, VerdictName


def row(name: str, /, **cases: VerdictName) -> RowResult:
    """A row with these cases."""
    verdict = next((v for v in ("fail", "inconclusive", "pass") if v in cases.values()), "not_applicable")
    found = [CaseResult("" if case == "plain" else case, v, f"{case} was seen") for case, v in cases.items()]
    return RowResult(name, "must", "A promise.", verdict, "seen", found)  # type: ignore[arg-type]  # one of the four


def results(*rows: RowResult) -> Results:
    """A run in which these rows were judged."""
    failed = [r.id for r in rows if r.verdict == "fail"]
    gate = Gate(not failed, "must", failed, [])
    return Results("0", 0, "2026-11-20T10:00:00Z", 1.0, 1.0, TargetResult("acme", "1.4"), "claimed", gate, list(rows))


BEFORE = results(
    row("retry.bounded", plain="pass"),
    row("retry.jitter", plain="fail"),
    row("retry.recovers", a="fail", b="pass"),
    row("stream.whole", plain="pass"),
    row("cache.hit", plain="fail"),
)
AFTER = results(
    row("retry.bounded", plain="fail"),
    row("retry.jitter", plain="pass"),
    row("retry.recovers", a="fail", b="fail"),
    row("stream.whole", plain="inconclusive"),
    row("pii.logs", fair="fail", hang="pass"),
)
SINCE = changes.since(BEFORE, AFTER)
TOLD = replace(AFTER, since=SINCE)


def test_cases_are_compared_one_by_one() -> None:
    """
    A case that fails now and did not is newly broken, in a row that failed anyway, too; what was not run is apart.
    """
    assert ["retry.bounded", "retry.recovers[b]"] == [changes.label(one) for one in changes.newly_broken(SINCE)]
    assert ["pii.logs[fair]"] == [changes.label(one) for one in changes.first_seen(SINCE)]
    assert ["retry.jitter"] == [changes.label(one) for one in changes.fixed(SINCE)]
    assert ["pass → inconclusive"] == [changes.step(one) for one in changes.others(SINCE)]
    assert "not run → fail" == changes.step(changes.first_seen(SINCE)[0])


def test_what_was_not_run_this_time_has_not_changed() -> None:
    """
    A row that was left out is neither fixed nor lost.
    """
    assert "cache.hit" not in {one.row for one in SINCE.changes}


def test_nothing_has_changed_between_a_run_and_itself() -> None:
    """
    The same verdicts are no change, and that is said.
    """
    same = changes.since(BEFORE, BEFORE)

    assert [] == same.changes
    assert "Since the run of acme 1.4 on 2026-11-20T10:00:00Z: nothing has changed." == changes.sentence(same)
    assert "nothing has changed" in console.render(replace(BEFORE, since=same))


def test_every_report_says_what_has_changed() -> None:
    """
    Console, Markdown, annotations and page: how much, and which.
    """
    said = "2 newly broken, 1 fixed, 1 broken that had not been run, 1 otherwise changed"
    text, summary = console.render(TOLD, width=160), markdown.render(TOLD)
    commands, page = github.render(TOLD), html.render(TOLD, lambda _: None)

    assert said in text
    assert "✗ newly broken  retry.recovers[b]" in text
    assert "✗ not run before  pii.logs[fair]" in text
    assert "✓ fixed  retry.jitter" in text
    assert "- ❌ newly broken: `retry.bounded` (must): `plain was seen`" in summary
    assert "- ✅ fixed: `retry.jitter` (must)" in summary
    assert "::notice title=brownout acme compared::" in commands
    assert f"{said}. Fixed: retry.jitter." in commands
    assert "::error title=retry.bounded (newly broken)::" in commands
    assert said in page
    assert 'href="#case-pii.logs.fair' in page


def test_many_changes_are_counted() -> None:
    """
    A report that has no room for all of them says how many there are.
    """
    broken = results(*(row(f"retry.r{number}", plain="fail") for number in range(13)))

    assert "… and 3 more" in console.render(replace(broken, since=changes.since(BEFORE, broken)))


def test_notes_are_in_every_report() -> None:
    """
    That something known is fixed is said where people look: on the terminal, in the summary, beside the run.
    """
    noted = replace(BEFORE, notes=["fixed    retry.jitter passes: take it out of the baseline"])

    assert "fixed    retry.jitter passes" in console.render(noted)
    assert "retry.jitter passes: take it out" in markdown.render(noted)
    assert "::notice title=brownout::fixed retry.jitter passes" in github.render(noted)
    assert "retry.jitter passes: take it out" in html.render(noted, lambda _: None)
