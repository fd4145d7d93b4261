"""What holds of every fault there is, and of every one that is ever added."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable

import pytest
from msgspec import inspect as kinds

from brownout.fakes.conversion import convert
from brownout.fakes.faults import REGISTRY, Door, Fault, fault, load, name_of, snake
from brownout.fakes.faults.connection import StaleConnections
from brownout.fakes.faults.replies import RateLimited
from brownout.fakes.faults.segments import SplitBytes
from brownout.fakes.faults.spread import LogNormal, Uniform
from brownout.fakes.faults.timing import Drip, Latency, Stall

FAULTS = load()


@pytest.mark.parametrize("name", FAULTS)
class TestEveryFault:
    def test_it_is_a_frozen_dataclass_with_a_manual(self, name: str) -> None:
        """
        It is a frozen dataclass with slots, and its docstring's first paragraph is one whole sentence or more.
        """
        cls = FAULTS[name]

        assert dataclasses.is_dataclass(cls)
        assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]  # what dataclasses leave behind
        assert "__slots__" in vars(cls)
        assert (inspect.getdoc(cls) or "").split("\n\n")[0].endswith(".")

    def test_it_is_a_fault_or_a_door(self, name: str) -> None:
        """
        It rewrites scripts or is about connections, never both, and `name_of` gives its name.
        """
        cls = FAULTS[name]
        required = [field for field in dataclasses.fields(cls) if field.default is dataclasses.MISSING]
        one = cls(**{field.name: "http://elsewhere.test" for field in required})

        assert isinstance(one, Fault) != isinstance(one, Door)
        assert name == name_of(one)

    def test_files_can_write_it(self, name: str) -> None:
        """
        Its parameters have types that a weather file can be read by, and none is spelled as no file would.
        """
        info = kinds.type_info(FAULTS[name])

        assert isinstance(info, kinds.DataclassType)
        assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", field.name) for field in info.fields)


class TestFiles:
    def test_durations_are_written_as_people_write_them(self) -> None:
        """
        A table from a file becomes the fault, durations and distributions included.
        """
        drawn = {"like": "log_normal", "median": "500ms", "sigma": 0.8}

        assert (RateLimited(retry_after=2.0), []) == convert({"retry_after": "2s"}, RateLimited)
        assert (Latency(first=LogNormal(0.5, 0.8), between=0.02), []) == convert(
            {"first": drawn, "between": "20ms"}, Latency
        )

    def test_what_is_wrong_is_told_with_its_place(self) -> None:
        """
        Values below their bounds, unknown choices and unknown parameters are complaints.
        """
        for wrong in ({"how": "rst"}, {"idle": "-1s"}, {"ilde": "1s"}):
            built, complaints = convert(wrong, StaleConnections)

            assert built is None
            assert [(next(iter(wrong)),)] == [complaint.path for complaint in complaints]

        assert [("first",)] == [
            complaint.path[:1] for complaint in convert({"first": {"like": "log_normal", "median": 1}}, Latency)[1]
        ]


class TestParameters:
    @pytest.mark.parametrize(
        ("build", "message"),
        [
            (lambda: Drip(piece_bytes=0), "drip: piece_bytes is 1 or more, not 0"),
            (lambda: Drip(pause=-1), "drip: pause is 0 or more, not -1"),
            (lambda: SplitBytes(piece_bytes=0), "split_bytes: piece_bytes is 1 or more, not 0"),
            (lambda: Stall(heartbeat=0), "stall: heartbeat is 0.1 or more, not 0"),
            (lambda: Latency(first=-1.0), "latency: first is 0 or more, not -1.0"),
            (lambda: Uniform(3.0, 1.0), "uniform: high is 3 or more, not 1.0"),
        ],
    )
    def test_nonsense_is_refused(self, build: Callable[[], object], message: str) -> None:
        """
        A parameter that could never be meant is an error that names it.
        """
        with pytest.raises(ValueError, match=re.escape(message)):
            build()

    def test_names_are_unique(self) -> None:
        """
        A second fault of the same name is refused.
        """
        with pytest.raises(ValueError, match="two faults named drip"):
            fault(type("Drip", (), {}))

        assert Drip is REGISTRY["drip"]
        assert ["rate_limited", "x"] == [snake("RateLimited"), snake("X")]
