from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.ask import Ask, Request
from brownout.fakes.dialects import dialect
from brownout.fakes.fake import Fake
from brownout.fakes.faults.connection import Blackhole, Cut, Refuse, ResetOnAccept, StaleConnections
from brownout.fakes.faults.replies import RateLimited, ServerError
from brownout.fakes.weather import Rule, Weather, When, alternately, always, during, first, sometimes

DOWN, LIMITED = ServerError(), RateLimited()


def ask(canary: str | None = "abc123", attempt: int = 1, **fields: Any) -> Ask:
    """A request as the weather sees it."""
    fake = fields.pop("fake", Fake())
    made = Ask(dialect("openai"), fake, "chat", Request("POST", "/", "", (), b""), canary=canary, attempt=attempt)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def meets(rule: Rule, one: Ask, elapsed: float = 0.0) -> bool:
    """Whether a rule strikes an ask."""
    return bool(Weather((rule,), since=0.0).faults(one, elapsed))


class TestRules:
    def test_the_first_rule_that_matches_wins(self) -> None:
        """
        Rules are asked in order; where none matches the weather is fair.
        """
        weather = Weather((first(1, DOWN), first(2, LIMITED)))

        assert [(DOWN,), (LIMITED,), ()] == [weather.faults(ask(attempt=n), 0.0) for n in (1, 2, 3)]

    @pytest.mark.parametrize(
        ("when", "matching", "other"),
        [
            ({"provider": "prim*"}, {}, {"fake": Fake(name="secondary")}),
            ({"model": "gpt-4*"}, {"model": "gpt-4o"}, {"model": "o1"}),
            ({"model": "gpt-4*"}, {"model": "gpt-4o"}, {"model": None}),
            ({"route": "chat"}, {}, {"route": "embeddings"}),
            ({"stream": False}, {}, {"stream": True}),
            ({"attempts": (2, 3)}, {"attempt": 3}, {"attempt": 4}),
            ({"attempts": (2, None)}, {"attempt": 99}, {"attempt": 1}),
            ({"key": "a"}, {"key": "a"}, {"key": "b"}),
            ({"region": "eu*"}, {"fake": Fake(region="eu-1")}, {}),
            ({"user": "u?"}, {"user": "u1"}, {"user": "v1"}),
        ],
    )
    def test_every_condition_counts(
        self, when: dict[str, Any], matching: dict[str, Any], other: dict[str, Any]
    ) -> None:
        """
        A rule strikes the asks that its condition names, and no others.
        """
        rule = always(DOWN, **when)

        assert [True, False] == [meets(rule, ask(**fields)) for fields in (matching, other)]

    def test_times_count_from_when_the_weather_was_set(self) -> None:
        """
        A window begins at its start and ends before its end, wherever the clock began.
        """
        weather = Weather((during(10, 20, DOWN),))
        weather.faults(ask(), 5000.0)

        assert [False, True, True, False] == [
            bool(weather.faults(ask(), 5000.0 + at)) for at in (9.9, 10.0, 19.9, 20.0)
        ]

    def test_alternately_takes_turns(self) -> None:
        """
        One and the other strike in turns, and an empty one is fair weather.
        """
        weather = Weather(alternately((DOWN,), ()))

        assert [(DOWN,), (), (DOWN,), ()] == [weather.faults(ask(canary=str(n)), 0.0) for n in range(4)]


class TestDraws:
    @given(st.integers(0, 99), st.permutations([(f"call{n:02}", attempt) for n in range(8) for attempt in (1, 2, 3)]))
    def test_the_order_of_arrival_changes_nothing(self, seed: int, order: list[tuple[str, int]]) -> None:
        """
        The same seed strikes the same attempts of the same calls, and gives each the same choices, in any order.
        """

        def drawn(arrivals: list[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, float]]:
            weather = Weather((sometimes(0.3, DOWN), sometimes(0.5, LIMITED)), seed)
            struck = {}
            for canary, attempt in arrivals:
                one = ask(canary, attempt, random=Random(0))
                struck[canary, attempt] = (len(weather.faults(one, 0.0)), one.random.random())
            return struck

        assert drawn(sorted(order)) == drawn(order)

    def test_a_chance_is_what_it_says(self) -> None:
        """
        Of two thousand calls three in ten meet a chance of 0.3, within what chance allows.
        """
        weather = Weather((sometimes(0.3, DOWN),), seed=7)

        assert 540 < sum(bool(weather.faults(ask(f"{n:06}"), 0.0)) for n in range(2000)) < 660

    def test_fakes_attempts_seeds_and_rules_are_drawn_apart(self) -> None:
        """
        That one fake, attempt, seed or rule strikes says nothing of another.
        """

        def pattern(seed: int = 0, attempt: int = 1, name: str = "primary", rules: int = 1) -> list[bool]:
            weather = Weather((*[always(LIMITED, model="no")] * (rules - 1), sometimes(0.5, DOWN)), seed)
            return [bool(weather.faults(ask(f"{n:06}", attempt, fake=Fake(name=name)), 0.0)) for n in range(64)]

        patterns = [pattern(), pattern(seed=1), pattern(attempt=2), pattern(name="secondary"), pattern(rules=2)]

        assert 5 == len({tuple(one) for one in patterns})
        assert pattern() == pattern()


class TestDoors:
    def test_doors_and_faults_do_not_meet(self) -> None:
        """
        A rule about connections strikes no exchange, and hides no rule behind it.
        """
        weather = Weather((always(Refuse()), always(DOWN)))

        assert (DOWN,) == weather.faults(ask(), 0.0)
        assert [(0, Refuse())] == list(weather.doors("primary", None, 0.0, {"refuse"}))
        assert [] == list(weather.doors("primary", None, 0.0, {"reset"}))

    def test_changes_are_announced(self) -> None:
        """
        The next time at which a door shuts or opens is known; windows of faults are no such times.
        """
        weather = Weather((during(10, 20, Refuse()), during(1, 2, DOWN), always(Blackhole())), since=100.0)

        assert [10.0, 5.0, float("inf")] == [weather.next_change(at) for at in (100.0, 115.0, 120.0)]

    def test_each_fake_counts_its_own_connections(self) -> None:
        """
        The first connection of each fake is struck, however many came to the other.
        """
        weather = Weather((first(1, ResetOnAccept()),))

        assert [True, False, True] == [weather.strikes(0, name) for name in ("primary", "primary", "secondary")]


class TestMistakes:
    @pytest.mark.parametrize(
        ("when", "told"),
        [
            ({"attempts": (0, 1)}, "attempts are counted from 1"),
            ({"attempts": (3, 2)}, "the first before the last"),
            ({"between": (5.0, 5.0)}, "between is a start and a later end"),
            ({"between": (-1.0, 5.0)}, "between is a start and a later end"),
            ({"every": 0}, "every is 1 or more, not 0"),
            ({"chance": 1.5}, "chance is between 0 and 1, not 1.5"),
        ],
    )
    def test_conditions_that_cannot_be_meant_are_refused(self, when: dict[str, Any], told: str) -> None:
        """
        A condition that could never be meant is refused where it is written, and told what would be right.
        """
        with pytest.raises(ValueError, match=told):
            When(**when)

    @pytest.mark.parametrize(
        ("faults", "when", "told"),
        [
            ((Refuse(), DOWN), {}, "refuse is about connections: it stands in a rule of its own"),
            ((Refuse(),), {"attempts": (1, 1)}, "it cannot ask for attempts, only for between, provider, region"),
            ((ResetOnAccept(),), {"model": "x", "stream": True}, "it cannot ask for model, stream"),
            ((StaleConnections(),), {"user": "u"}, "it cannot ask for user"),
        ],
    )
    def test_doors_that_could_never_strike_are_refused(self, faults: Any, when: dict[str, Any], told: str) -> None:
        """
        A rule about connections that asks for what is not known by then is refused, and told what it can ask for.
        """
        with pytest.raises(ValueError, match=told):
            Rule(faults, When(**when))

    def test_what_is_no_fault_is_refused(self) -> None:
        """
        A class in place of a fault, or anything else, is refused.
        """
        with pytest.raises(TypeError, match="is no fault"):
            always("rate_limited")  # type: ignore[arg-type]  # the mistake itself
        with pytest.raises(TypeError, match="is no fault"):
            always(Cut)  # type: ignore[arg-type]  # the mistake itself
