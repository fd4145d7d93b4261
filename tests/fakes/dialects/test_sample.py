from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.dialects.pattern import Unmatched, matching
from brownout.fakes.dialects.sample import FORMATS, BadSchema, Unsatisfiable, sample

WORDS = "k7q2x9-1 k7q2x9-2"
TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name", "children"],
}
NEXT = {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}
LIST = {
    "$defs": {"node": {"type": "object", "properties": {"next": NEXT}, "required": ["next"]}},
    "type": "object",
    "properties": {"head": {"$ref": "#/$defs/node"}},
    "required": ["head"],
}
ENDLESS = {"type": "object", "properties": {"again": {"$ref": "#"}}, "required": ["again"]}


def schemas() -> st.SearchStrategy[Any]:
    """Schemas as structured output knows them, all of them with an instance."""
    numbers = st.builds(
        lambda kind, low, room, exclusive: {
            "type": kind,
            "exclusiveMinimum" if exclusive else "minimum": low,
            "exclusiveMaximum" if exclusive else "maximum": low + room + 2,
        },
        st.sampled_from(["integer", "number"]),
        st.integers(-1000, 1000),
        st.integers(0, 10),
        st.booleans(),
    )
    strings = st.one_of(
        st.just({"type": "string"}),
        st.sampled_from([{"type": "string", "format": name} for name in FORMATS]),
        st.builds(
            lambda least, room: {"type": "string", "minLength": least, "maxLength": least + room},
            st.integers(0, 30),
            st.integers(0, 30),
        ),
    )
    leaves = st.one_of(
        numbers,
        strings,
        st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"const": [1]}, {"enum": ["a", None]}, {}, True]),
        st.just({"type": ["string", "null"]}),
    )

    def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        names = st.text(max_size=6)
        return st.one_of(
            st.builds(
                lambda parts, some: {
                    "type": "object",
                    "properties": parts,
                    "required": sorted(parts)[: some % (len(parts) + 1)],
                    "additionalProperties": False,
                },
                st.dictionaries(names, inner, max_size=4),
                st.integers(0, 9),
            ),
            st.builds(lambda part, n: {"type": "array", "items": part, "minItems": n}, inner, st.integers(0, 3)),
            st.builds(lambda choices: {"anyOf": choices}, st.lists(inner, min_size=1, max_size=3)),
        )

    return st.recursive(leaves, nested, max_leaves=12)


class TestSample:
    @given(schemas())
    def test_it_is_an_instance(self, schema: Any) -> None:
        """
        Whatever the schema, what is made validates against it.
        """
        jsonschema.Draft202012Validator(schema).validate(sample(schema, WORDS))

    @pytest.mark.parametrize(
        ("schema", "expected"),
        [
            ({"type": "string"}, WORDS),
            ({"anyOf": [{"type": "null"}, {"type": "string"}]}, WORDS),
            ({"type": "array", "items": {"type": "string"}}, [WORDS]),
            ({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}, {"a": WORDS}),
            ({"type": "string", "maxLength": 3}, "tex"),
            ({"allOf": [{"type": "object", "properties": {"a": {"const": 1}}}, {"required": ["a"]}]}, {"a": 1}),
            (TREE, {"name": WORDS, "children": [{"name": "text", "children": []}]}),
            ({"type": "integer", "minimum": 2, "multipleOf": 5}, 5),
            ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
            ({"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}, "AA-0"),
        ],
    )
    def test_the_words_find_their_place(self, schema: Any, expected: object) -> None:
        """
        The first string that may be anything is the words; nothing else is more than it has to be.
        """
        made = sample(schema, WORDS)

        if schema is TREE:
            # How deep the tree goes is of no interest, only that it ends and is one.
            jsonschema.Draft202012Validator(TREE).validate(made)
            assert WORDS == made["name"]
        else:
            assert expected == made

    def test_a_list_that_may_end_ends(self) -> None:
        """
        A schema that leads back to itself is left where it can be.
        """
        jsonschema.Draft202012Validator(LIST).validate(sample(LIST))

    @pytest.mark.parametrize(
        "schema",
        [ENDLESS, {"type": "integer", "minimum": 2, "maximum": 1}, {"type": "string", "pattern": "a(?=b)c"}],
        ids=["endless", "empty range", "a pattern against itself"],
    )
    def test_what_has_no_instance_is_said(self, schema: Any) -> None:
        """
        A schema that nothing fits is unsatisfiable.
        """
        with pytest.raises(Unsatisfiable):
            sample(schema)

    @pytest.mark.parametrize(
        "schema",
        [{"type": "text"}, 3, {"enum": []}, {"$ref": "#/nowhere"}, {"$ref": "https://example.com/"}, {"anyOf": []}],
    )
    def test_what_is_no_schema_is_said(self, schema: Any) -> None:
        """
        What is no schema is refused with the place where it went wrong.
        """
        with pytest.raises(BadSchema, match=r"^\$"):
            sample(schema)


class TestPattern:
    @pytest.mark.parametrize(
        "pattern",
        [
            r"^\d{4}-\d{2}-\d{2}$",
            r"^[a-z0-9_]+@[a-z]+\.(com|org)$",
            r"^#(?:[0-9a-fA-F]{3}){1,2}$",
            r"(a|b)\1",
            r"^[^abc]x\S\s\W$",
            r"^\+?[1-9]\d{1,14}$",
            r"^.{3,5}?$",
            r"",
        ],
    )
    def test_it_matches(self, pattern: str) -> None:
        """
        The string that is made matches the expression.
        """
        assert re.search(pattern, matching(pattern))

    @given(st.text("ab[](){}|*+?.^$\\d0-9,:=!<>", max_size=12))
    def test_any_expression_is_matched_or_not(self, pattern: str) -> None:
        """
        Whatever stands there, what comes out matches, or it is said that nothing was found.
        """
        try:
            made = matching(pattern)
        except Unmatched:
            return
        assert re.search(pattern, made)
