from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.toml_lines import Path, line_of, lines

KEYS = st.one_of(
    st.from_regex(r"\A[A-Za-z0-9_-]{1,6}\Z"),
    st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=6).map(
        lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    ),
    st.text(st.sampled_from("ab. #[]={}"), max_size=4).map(lambda text: f"'{text}'"),
)
SCALARS = st.sampled_from(
    [
        "1",
        "-0.5e3",
        "true",
        "1979-05-27 07:32:00",
        '"a # [b] = {c}"',
        '"\\"\\\\"',
        "'\\'",
        '"""\nx\n"y"\n"""',
        '"""a"""""',
        "'''\n[no]\n'''",
        '""',
        "''",
        '"""\\\n  folded\\\\"""',
    ]
)
SPACES = st.sampled_from(["", " ", "\t"])
BREAKS = st.sampled_from(["", " ", "\n", " # ] } \" '\n", "\n\n"])


@st.composite
def arrays(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """An array over several lines, with comments inside."""
    written = [draw(BREAKS) + value + draw(BREAKS) for value in draw(st.lists(values, max_size=3))]
    return "[" + ",".join(written) + draw(BREAKS) + ("," if written and draw(st.booleans()) else "") + "]"


@st.composite
def inline_tables(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """A table on one line."""
    pairs = [f"{draw(SPACES)}{key}{draw(SPACES)}= {draw(values)}" for key in draw(st.lists(KEYS, max_size=3))]
    return "{" + ",".join(pairs) + draw(SPACES) + "}"


VALUES = st.recursive(SCALARS, lambda inner: arrays(inner) | inline_tables(inner), max_leaves=6)
DOTTED = st.lists(KEYS, min_size=1, max_size=3).map(" . ".join)
STATEMENTS = st.one_of(
    st.tuples(DOTTED, VALUES).map(lambda pair: f"{pair[0]} = {pair[1]} # said"),
    DOTTED.map(lambda key: f"[{key}]"),
    DOTTED.map(lambda key: f"[[ {key} ]]"),
    st.sampled_from(["", "# [comment] = 1", "   "]),
)


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every path of what TOML says."""
    items: list[tuple[str | int, Any]] = []
    match value:
        case dict():
            items = list(value.items())
        case list():
            items = list(enumerate(value))
    for name, inner in items:
        yield (*path, name)
        yield from paths(inner, (*path, name))


class TestLines:
    @given(st.lists(STATEMENTS, max_size=8), st.sampled_from(["\n", "\r\n"]))
    def test_every_path_has_its_line(self, statements: list[str], end: str) -> None:
        """
        Whatever good TOML says, each of its keys and elements has a line that exists, and nothing else has one.
        """
        text = end.join(statement.replace("\n", end) for statement in statements)
        try:
            said = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return

        found = lines(text)

        assert set(paths(said)) == set(found)
        assert all(1 <= line <= text.count("\n") + 1 for line in found.values())

    @given(st.lists(SCALARS, min_size=1, max_size=8), st.data())
    def test_each_key_stands_on_its_own_line(self, values: list[str], data: st.DataObject) -> None:
        """
        A key after values of several lines stands on the line where it is written.
        """
        text, expected = "", {}
        for number, value in enumerate(values):
            text += data.draw(st.sampled_from(["", "\n", "# one\n"]))
            expected[(f"k{number}",)] = text.count("\n") + 1
            text += f"k{number} = {value}\n"

        assert expected == lines(text)

    def test_arrays_and_inline_tables_are_followed(self) -> None:
        """
        An element, a key in an inline table and the second of two tables of one name each have a line of their own.
        """
        text = 'chain = [\n  "a",\n  "b",\n]\n[[rule]]\nwhen = { a.b = 1 }\n[[rule]]\n[rule.when]\nevery = 3\n'

        found = lines(text)

        assert [found["chain", 0], found["chain", 1]] == [2, 3]
        assert [found["rule", 0, "when", "a", "b"], found["rule", 1], found["rule", 1, "when", "every"]] == [6, 7, 9]

    def test_a_missing_key_stands_where_its_table_does(self) -> None:
        """
        The line of a path that is not written is that of the nearest table around it.
        """
        found = lines("x = 1\n\n[contract.retry]\n")

        assert [
            line_of(found, ("contract", "retry", "max_attempts")),
            line_of(found, ("contract", "stream")),
            line_of(found, ("providers",)),
        ] == [3, 3, 1]
