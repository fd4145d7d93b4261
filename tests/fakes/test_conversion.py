from __future__ import annotations

from datetime import date
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.conversion import BrokenFile, Complaint, convert, located, nearest
from brownout.fakes.figures import Count, Microdollars, Seconds, Share


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table in a table."""

    day: date
    share: Share | None = None


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table with one field of each kind."""

    name: str
    wait: Seconds = 1.0
    cap: Microdollars | None = None
    count: Count = 1
    on: bool = False
    how: Literal["fast", "slow"] = "fast"
    steps: tuple[Seconds, ...] = ()
    named: dict[str, Count] = {}
    kinds: dict[Literal["a", "b"], str] = {}
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    under: dict[str, Inner] = {}
    version: str | Inner = ""
    either: int | str = 0
    anything: dict[str, Any] = {}


DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*Outer.__struct_fields__, "day", "share", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


def complaints(**fields: Any) -> list[tuple[Any, str, str]]:
    """What is wrong with a table of these fields."""
    return [(c.path, c.text, c.hint) for c in convert({"name": "n", **fields}, Outer)[1]]


class TestConvert:
    def test_everything_is_built(self) -> None:
        """
        Figures are read as they are written, and every other kind of value is what it is.
        """
        data = {
            "name": "n",
            "wait": "1m",
            "cap": 0.5,
            "steps": ["1s", 2],
            "named": {"x": 3},
            "kinds": {"a": "b"},
            "inner": {"day": date(2027, 1, 31), "share": 1},
            "inners": [{"day": date(2027, 1, 31)}],
            "version": {"day": date(2027, 1, 31)},
            "either": "x",
            "anything": {"deep": [{"x": None}]},
        }
        day = date(2027, 1, 31)

        assert (
            Outer(
                "n",
                60.0,
                500_000,
                steps=(1.0, 2.0),
                named={"x": 3},
                kinds={"a": "b"},
                inner=Inner(day, 1.0),
                inners=(Inner(day),),
                version=Inner(day),
                either="x",
                anything={"deep": [{"x": None}]},
            ),
            [],
        ) == convert(data, Outer)

    @pytest.mark.parametrize(
        ("field", "value", "path", "text", "hint"),
        [
            ("nmae", 1, ("nmae",), 'unknown key "nmae" in the file', 'did you mean "name"?'),
            ("wait", "soon", ("wait",), "wait: 'soon' is no duration", ""),
            ("cap", -1, ("cap",), "cap: -1 is no amount of money", ""),
            ("count", 0, ("count",), "count must be a whole number, at least 1; it is 0", ""),
            ("count", True, ("count",), "count must be a whole number, at least 1; it is true", ""),
            ("count", 1.5, ("count",), "it is 1.5", ""),
            ("on", "yes", ("on",), 'on must be true or false; it is "yes"', ""),
            ("how", "fats", ("how",), 'how must be one of "fast", "slow"; it is "fats"', 'did you mean "fast"?'),
            ("steps", "1s", ("steps",), 'steps must be a list, each a duration, such as "30s"', ""),
            ("steps", ["1s", "x"], ("steps", 1), "steps[1]: 'x' is no duration", ""),
            ("named", {"x": "y"}, ("named", "x"), "named.x must be a whole number", ""),
            ("kinds", {"c": "y"}, ("kinds", "c"), 'unknown key "c" in [kinds]', 'it is one of "a", "b"'),
            ("inner", 5, ("inner",), "inner must be a table with day; it is 5", ""),
            ("inner", {}, ("inner",), '[inner] has no "day"', "day is a day, such as 2027-01-31"),
            ("inner", {"day": "2027"}, ("inner", "day"), "inner.day must be a day", ""),
            ("under", 5, ("under",), "under must be a table of tables with day; it is 5", ""),
            ("inners", [{"day": 1}], ("inners", 0, "day"), "inners[0].day must be a day", ""),
            ("version", 3, ("version",), "version must be a text in quotes or a table with day; it is 3", ""),
            ("either", 1.5, ("either",), "either must be a whole number or a text in quotes; it is 1.5", ""),
        ],
    )
    def test_what_is_wrong_is_told_with_its_path(
        self, field: str, value: Any, path: tuple[Any, ...], text: str, hint: str
    ) -> None:
        """
        A wrong value is told with its path, what it should be and what it is.
        """
        (found,) = complaints(**{field: value})

        assert path == found[0]
        assert text in found[1]
        assert hint in found[2]

    def test_all_is_told_at_once(self) -> None:
        """
        One look at a file tells everything that is wrong with it.
        """
        assert ["count", "how", "x"] == [path[0] for path, _, _ in complaints(count=0, how="x", x=1)]

    @given(DATA)
    def test_any_data_is_built_or_told(self, data: Any) -> None:
        """
        Whatever a file says, it is either understood or complained about.
        """
        built, found = convert(data, Outer)

        assert (built is None) == bool(found)


class TestLocated:
    def test_complaints_stand_in_the_order_of_the_lines(self) -> None:
        """
        A complaint has the line of its key, or of the nearest table around it.
        """
        lines = {("b",): 4, ("a",): 2, ("a", "x"): 3}
        told = [Complaint(("b",), "second"), Complaint(("a", "y"), "first", "do\nthis"), Complaint((), "all")]

        assert "f.toml:1: all\nf.toml:2: first\n  do\n  this\nf.toml:4: second" == str(located("f.toml", told, lines))

    def test_a_file_nearby_is_named_from_here(self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A file below the working directory is named as people would name it.
        """
        monkeypatch.chdir(tmp_path)

        assert "sub/f.toml: gone" == str(BrokenFile(f"{tmp_path}/sub/f.toml", [(None, "gone", "")]))
        assert "/else/f.toml:3: gone" == str(BrokenFile("/else/f.toml", [(3, "gone", "")]))


def test_nothing_near_is_no_hint() -> None:
    """
    A name that is like no other gets no guess.
    """
    assert "" == nearest("zzz", ["name", "wait"])
