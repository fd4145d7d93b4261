from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes import faults
from brownout.fakes.conversion import BrokenFile
from brownout.fakes.faults.connection import Cut, Refuse
from brownout.fakes.faults.replies import RateLimited
from brownout.fakes.faults.timing import Latency
from brownout.fakes.weather import Rule, When
from brownout.fakes.weather_file import Read, attempts, between, read, schema

GOOD = """
seed = 7
[[rule]]
fault = { rate_limited = { retry_after = "2s" } }
[rule.when]
provider = "primary"
model = "gpt-4*"
stream = true
attempts = "1..2"
between = "10s..40s"
every = 3
chance = 0.3
region = "eu"
user = "u1"
[[rule]]
when = { attempts = "3.." }
fault = [{ latency = { first = { like = "uniform", low = "100ms", high = 2 } } }, { cut = {} }]
[[rule]]
fault = { refuse = {} }
"""


def written(folder: Path, text: str) -> Read:
    """What a weather file of that text says."""
    path = folder / "weather.toml"
    path.write_text(text, "utf-8")
    return read(path)


class TestRead:
    def test_rules_are_those_that_python_would_write(self, tmp_path: Path) -> None:
        """
        A file says the same as `Rule(...)` does in a program.
        """
        seed, rules, _ = written(tmp_path, GOOD)

        assert 7 == seed
        assert rules[0] == Rule(
            (RateLimited(retry_after=2.0),),
            When(
                provider="primary",
                model="gpt-4*",
                stream=True,
                attempts=(1, 2),
                between=(10.0, 40.0),
                every=3,
                chance=0.3,
                region="eu",
                user="u1",
            ),
        )
        assert (3, None) == rules[1].when.attempts
        assert [Latency, Cut] == [type(fault) for fault in rules[1].faults]
        assert rules[2] == Rule((Refuse(),))

    def test_a_weather_may_have_a_name(self, tmp_path: Path) -> None:
        """
        Rules under a name make a weather of their own, with the seed of the file or another.
        """
        found = written(tmp_path, "seed = 7\n[[weather.stormy.rule]]\nfault = { cut = {} }\n")

        weather, named = found.weathers()

        assert ((), 7) == (weather.rules, weather.seed)
        assert {"stormy": ((Rule((Cut(),)),), 7)} == {name: (one.rules, one.seed) for name, one in named.items()}
        assert 3 == found.weathers(3)[1]["stormy"].seed

    def test_a_named_weather_meets_no_connections(self, tmp_path: Path) -> None:
        """
        A fault that meets connections is refused in a weather that only a request can pick, with its line.
        """
        with pytest.raises(BrokenFile, match=r":2: refuse meets connections"):
            written(tmp_path, "# one\n[[weather.stormy.rule]]\nfault = { refuse = {} }\n")

    @pytest.mark.parametrize(
        ("rule", "line", "said", "hint"),
        [
            ("fault = { rate_limitd = {} }", 3, 'no fault named "rate_limitd"', 'did you mean "rate_limited"?'),
            ("fault = { rate_limited = { retry_aftr = 1 } }", 3, 'unknown key "retry_aftr"', '"retry_after"?'),
            ('fault = { rate_limited = { retry_after = "soon" } }', 3, "no duration", ""),
            ("fault = [\n{ cut = {} },\n{ stal = {} },\n]", 5, 'no fault named "stal"', '"stall"?'),
            ('fault = { cut = {} }\nwhen = { attempts = "two" }', 4, "attempts is 'two'", ""),
            ('fault = { cut = {} }\nwhen = { attempts = "3..1" }', 4, "counted from 1", ""),
            ('fault = { cut = {} }\nwhen = { between = "10s" }', 4, "between is '10s'", ""),
            ("fault = { cut = {} }\nwhen = { chance = 3 }", 4, "at most 1", ""),
            ('fault = { cut = {} }\nwhen = { modle = "x" }', 4, 'unknown key "modle"', '"model"?'),
            ('fault = { refuse = {} }\nwhen = { model = "x" }', 2, "it cannot ask for model", ""),
            ("when = {}", 2, 'has no "fault"', ""),
            ("fault = {}", 3, "without a fault", ""),
        ],
    )
    def test_what_is_wrong_is_told(self, tmp_path: Path, rule: str, line: int, said: str, hint: str) -> None:
        """
        What is wrong with a rule is told with its line and the nearest right name.
        """
        with pytest.raises(BrokenFile) as broken:
            written(tmp_path, f"seed = 1\n[[rule]]\n{rule}\n")

        assert any(at == line and said in text and hint in right for at, text, right in broken.value.complaints), (
            broken.value.complaints
        )

    @given(st.integers(1, 99), st.integers(0, 99))
    def test_attempts_are_counted_as_written(self, first: int, more: int) -> None:
        """
        `1`, `1..2` and `3..` are one attempt, several, and all from one on.
        """
        assert (first, first) == attempts(first) == attempts(str(first))
        assert (first, first + more) == attempts(f"{first}..{first + more}")
        assert (first, None) == attempts(f"{first}..")

    def test_an_interval_may_lack_an_end(self) -> None:
        """
        Without its start an interval begins at once, and without its end it lasts.
        """
        assert [(0.0, 40.0), (10.0, float("inf"))] == [between("..40s"), between("10s..")]


class TestSchema:
    def test_what_can_be_read_is_valid(self) -> None:
        """
        The schema takes the file above, and refuses a fault, a parameter and a condition that do not exist.
        """
        made = schema()
        jsonschema.Draft202012Validator.check_schema(made)
        validator = jsonschema.Draft202012Validator(made)

        assert not list(validator.iter_errors(tomllib.loads(GOOD)))
        for wrong in (
            {"fault": {"ratelimit": {}}},
            {"fault": {"cut": {"x": 1}}},
            {"fault": {"cut": {}}, "when": {"x": 1}},
        ):
            assert list(validator.iter_errors({"rule": [wrong]}))
        for skew, valid in ((-300, True), ("-5m", True), ("30s", True), ("--1s", False), ("", False)):
            rule = {"fault": {"rate_limited": {"skew": skew}}}
            assert valid is validator.is_valid({"rule": [rule]})

    def test_a_mark_of_the_encoding_is_no_rule(self, tmp_path: Path) -> None:
        """
        Some editors begin a file with one.
        """
        (tmp_path / "weather.toml").write_text(GOOD, "utf-8-sig")

        read(tmp_path / "weather.toml")

    def test_every_fault_is_in_it(self) -> None:
        """
        Each fault has its place in the schema, with its manual entry.
        """
        made = json.loads(json.dumps(schema()))

        named = made["$defs"]["Fault"]["properties"]
        assert set(faults.load()) == set(named)
        assert all(made["$defs"][place["$ref"].rpartition("/")[2]]["description"] for place in named.values())
