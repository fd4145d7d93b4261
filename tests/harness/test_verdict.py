from __future__ import annotations

from collections.abc import Iterator

import pytest
from histories import call, exchange, history
from hypothesis import given
from hypothesis import strategies as st

from brownout.harness import checks
from brownout.harness.checks import NothingToJudge, Violation
from brownout.harness.history import Call, Expectation, History, Incident
from brownout.harness.verdict import Verdict, combine, judge


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that find, find nothing, have nothing to judge, are unsure and crash."""

    def finds(calls: list[Call]) -> Iterator[Violation]:
        yield Violation("this", "that", ("c1",))

    def keeps(calls: list[Call]) -> Iterator[Violation]:
        yield from ()

    def has_nothing(calls: list[Call]) -> Iterator[Violation]:
        raise NothingToJudge("nothing here")
        yield

    def is_late(calls: list[Call], *, by: float) -> Iterator[Violation]:
        yield Violation("late", "early", ("c1",), margin=by)

    def crashes(calls: list[Call]) -> Iterator[Violation]:
        raise ZeroDivisionError
        yield

    for check in (finds, keeps, has_nothing, is_late, crashes):
        monkeypatch.setitem(checks.REGISTRY, check.__name__, check)


def expecting(*names: str, noise: float = 0.0, **params: object) -> History:
    """A history of one call of which the checks of these names are expected to find nothing."""
    seen = history(call(), exchange("x1"), noise=noise)
    seen.expectations = [Expectation(name, "calls", ["c1"], None, dict(params)) for name in names]
    return seen


class TestJudge:
    @pytest.mark.parametrize(
        ("names", "verdict"),
        [
            (["keeps"], "pass"),
            (["keeps", "finds"], "fail"),
            (["has_nothing"], "inconclusive"),
            (["crashes"], "inconclusive"),
            (["crashes", "finds"], "fail"),
            (["keeps", "has_nothing"], "inconclusive"),
            (["unheard_of"], "inconclusive"),
            ([], "inconclusive"),
        ],
    )
    def test_the_verdict_follows_from_what_the_checks_found(self, names: list[str], verdict: str) -> None:
        """
        A violation fails, else anything that could not be judged is inconclusive, else it passes.
        """
        assert verdict == judge(expecting(*names)).verdict

    def test_a_violation_names_its_check(self) -> None:
        """
        What was seen and promised is in the reason, and the check's name in the violation.
        """
        judgement = judge(expecting("finds"))

        assert "this; promised: that" == judgement.reason
        assert ["finds"] == [violation.check for violation in judgement.violations]

    def test_a_crash_leaves_its_traceback(self) -> None:
        """
        A check that crashes is inconclusive with the traceback in its doubts.
        """
        judgement = judge(expecting("crashes"))

        assert "ZeroDivisionError" in judgement.doubts[0]

    @pytest.mark.parametrize(("by", "verdict"), [(0.3, "fail"), (0.1, "inconclusive")])
    def test_a_figure_that_drowns_in_noise_is_no_verdict(self, by: float, verdict: str) -> None:
        """
        A promise missed by less than the clock's noise is inconclusive, by more it is broken.
        """
        assert verdict == judge(expecting("is_late", noise=0.2, by=by)).verdict

    def test_a_selection_that_is_empty_is_nothing_to_judge(self) -> None:
        """
        Attempts of a call that never reached the wire prove nothing.
        """
        seen = history(call(canary="aaaaaa"), exchange("x1"))
        seen.expectations = [Expectation("keeps", "attempts", ["c1"])]

        assert "inconclusive" == judge(seen).verdict

    def test_a_fault_that_never_fired_proves_nothing(self) -> None:
        """
        Where the weather had rules and no exchange met one, a kept promise is inconclusive.
        """
        seen = expecting("keeps")
        seen.events = [Incident(0, "weather", {"rules": [["server_error"]], "doors": False})]
        fired = expecting("keeps")
        fired.events = seen.events
        fired.exchanges[0].faults = ("server_error",)

        assert ("inconclusive", "pass") == (judge(seen).verdict, judge(fired).verdict)

    def test_a_scenario_that_crashed_is_inconclusive(self) -> None:
        """
        What a scenario expected before it failed is not enough.
        """
        seen = expecting("keeps")
        seen.events = [Incident(0, "scenario_crashed", {"error": "Traceback:\n  line 1\nValueError: boom\n"})]

        assert "inconclusive" == judge(seen).verdict
        assert "the scenario itself failed: ValueError: boom" == judge(seen).reason

    def test_a_scenario_may_say_that_it_does_not_apply(self) -> None:
        """
        The reason given is the verdict's.
        """
        seen = expecting("finds")
        seen.events = [Incident(0, "not_applicable", {"reason": "no such thing here"})]

        assert ("not_applicable", "no such thing here") == (judge(seen).verdict, judge(seen).reason)


@given(st.lists(st.sampled_from(Verdict)))
def test_a_row_is_as_good_as_its_worst_case(verdicts: list[Verdict]) -> None:
    """
    Fail wins over inconclusive, that over pass, and not applicable needs all cases to be so.
    """
    row = combine(verdicts)

    assert (row is Verdict.FAIL) == (Verdict.FAIL in verdicts)
    assert (row is Verdict.NOT_APPLICABLE) == all(verdict is Verdict.NOT_APPLICABLE for verdict in verdicts)
    assert row is not Verdict.PASS or Verdict.INCONCLUSIVE not in verdicts
