from __future__ import annotations

import msgspec
import pytest

from brownout.reports.results import Gate, LevelName, Results, RowResult, TargetResult, VerdictName
from brownout.reports.wording import count, dollars, gate_sentence, gate_verdict, one_line, seconds, size, visible


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0004, "0.4 ms"),
        (0.0436, "43.6 ms"),
        (0.5141, "0.51 s"),
        (9.996, "10.0 s"),
        (12.24, "12.2 s"),
        (60.0, "60 s"),
        (99.96, "1 m 40 s"),
        (125.2, "2 m 05 s"),
        (119.7, "2 m 00 s"),
        (7200.0, "2.0 h"),
        (-1.0, "-1 s"),
    ],
)
def test_durations_read_as_one_would_say_them(value: float, expected: str) -> None:
    """
    A duration has as many digits as it needs and a unit.
    """
    assert expected == seconds(value)


def test_other_figures() -> None:
    """
    Counts, sizes and money read as one would say them.
    """
    assert ("1 case", "1,000 cases") == (count(1, "case"), count(1000, "case"))
    assert ("373 B", "12 kB", "11 MB") == (size(373), size(12_345), size(11_000_000))
    assert ("$0", "$0.000036", "$1") == (dollars(0), dollars(36), dollars(1_000_000))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\nb\tc", "a\nb\tc"),
        ("\x1b[31m\x00\x7f", "␛[31m␀␡"),
        ("\u202eabc\u200b", "\\u202eabc\\u200b"),
        ("\x85\ud800\U000e0001", "\\u0085\\ud800\\U000e0001"),
        ("é語🙂👩\u200d🚀", "é語🙂👩\u200d🚀"),
    ],
)
def test_what_cannot_be_seen_is_made_visible(text: str, expected: str) -> None:
    """
    Control, direction and invisible characters are shown as what they are; every language and emoji stays.
    """
    assert expected == visible(text)


def test_one_line() -> None:
    """
    A text is put on one line and cut where it is too long.
    """
    assert "a b c" == one_line("a\n b\t\tc")
    assert "aaaa…" == one_line("a" * 10, 5)


def run(*verdicts: VerdictName, level: LevelName = "must") -> Results:
    """A run of one row for each verdict."""
    rows = [RowResult(f"a.{n}", level, "", verdict) for n, verdict in enumerate(verdicts)]
    failed = [row.id for row in rows if row.verdict == "fail" and level == "must"]
    doubtful = [row.id for row in rows if row.verdict == "inconclusive" and level == "must"]
    gate = Gate(not failed and not doubtful, "must", failed, doubtful)
    return Results("0", 0, "", 1.0, 1.0, TargetResult("t"), "claimed", gate, rows)


@pytest.mark.parametrize(
    ("verdicts", "verdict", "sentence"),
    [
        (["pass", "pass"], "pass", "The gate holds: 2 must rows passed."),
        (["pass", "fail"], "fail", "The gate does not hold: 1 of 2 must rows failed."),
        (["inconclusive", "fail"], "fail", "The gate does not hold: 1 of 2 must rows failed, 1 could not be judged."),
        (["pass", "inconclusive"], "inconclusive", "Nothing failed, but 1 of 2 must rows could not be judged."),
        (["not_applicable"], "pass", "Nothing was judged: no must row applies to this target."),
    ],
)
def test_the_verdict_of_a_run(verdicts: list[VerdictName], verdict: str, sentence: str) -> None:
    """
    The verdict of a run and its sentence follow from the gate.
    """
    assert (verdict, sentence) == (gate_verdict(run(*verdicts)), gate_sentence(run(*verdicts)))


@pytest.mark.parametrize(
    ("verdicts", "excused", "sentence"),
    [
        (
            ["pass", "fail"],
            {"a.1": "2027-01-31"},
            "The gate holds: 1 of 2 must rows passed, 1 fails and is known until 2027-01-31.",
        ),
        (
            ["pass", "fail", "fail"],
            {"a.1": "2027-01-31", "a.2": "2026-12-01"},
            "The gate holds: 1 of 3 must rows passed, 2 fail and are known, the first until 2026-12-01.",
        ),
        (
            ["fail", "fail"],
            {"a.1": "2027-01-31"},
            "The gate does not hold: 1 of 2 must rows failed, 1 more fails and is known until 2027-01-31.",
        ),
        (
            ["inconclusive", "fail"],
            {"a.1": "1"},
            "Nothing failed that is not known of, but 1 of 2 must rows could not be judged; 1 fails and is known until 1.",  # noqa: E501  # one sentence
        ),
    ],
)
def test_what_a_baseline_excuses_is_not_said_to_have_passed(
    verdicts: list[VerdictName], excused: dict[str, str], sentence: str
) -> None:
    """
    A row that fails and is known of is counted as that, with the day until which it is.
    """
    whole = run(*verdicts)
    failed = [row for row in whole.gate.failed if row not in excused]
    gate = Gate(not failed and not whole.gate.inconclusive, "must", failed, whole.gate.inconclusive, excused)

    assert sentence == gate_sentence(msgspec.structs.replace(whole, gate=gate))


def test_an_interrupted_run_says_so() -> None:
    """
    The verdict of a run that somebody ended begins with that, whatever had been judged by then.
    """
    stopped = msgspec.structs.replace(run("pass", "inconclusive"), interrupted=True)

    said = "The run was interrupted. Nothing failed, but 1 of 2 must rows could not be judged."
    assert said == gate_sentence(stopped)


def test_rows_below_the_gate_do_not_count() -> None:
    """
    What the gate does not ask for changes neither the verdict nor its numbers.
    """
    below = run("fail", level="should")

    assert "Nothing was judged: no must row applies to this target." == gate_sentence(below)
    lower = msgspec.structs.replace(below, gate=Gate(False, "should", ["a.0"]))
    assert "The gate does not hold: 1 of 1 row at should or stronger failed." == gate_sentence(lower)
