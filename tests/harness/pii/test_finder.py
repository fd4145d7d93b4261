from __future__ import annotations

import json
import unicodedata
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.harness.pii.drawing import DRAWN, LOCALES, Value
from brownout.harness.pii.encodings import written
from brownout.harness.pii.finder import Finder, fold
from brownout.harness.pii.people import people

VALUES = [value for person in people(len(LOCALES) * 2, LOCALES, DRAWN, "tests") for value in person.values]
FINDER = Finder(VALUES)
A_VALUE = st.sampled_from(VALUES)

# What stands beside a value: anything but a letter or digit, which would make it part of something else.
EDGE = st.sampled_from(["", " ", "\n", '"', "'", ": ", ", ", "(", ")", "/", "<", ">", "は", "、", "=", "&", "|"])
AROUND = st.text(st.characters(exclude_categories=("Nd", "Cs"), max_codepoint=0x3FF), max_size=30)


def _wide(text: str) -> str:
    """The same in the full-width characters that Japanese keyboards write."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda text: text,
    "upper": str.upper,
    "lower": str.lower,
    "full width": _wide,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "JSON without ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "URL": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "ascii": ascii,
    "bytes": lambda text: repr(text.encode()),
    "without separators": lambda text: "".join(c for c in text if c.isalnum()),
    "other separators": lambda text: "".join(c if c.isalnum() else "-" for c in text),
}


def found(text: str) -> set[Value]:
    """What is found in a text."""
    return {each.value for each in FINDER.find(text)}


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40)
@given(value=A_VALUE, before=AROUND, edge=EDGE, behind=EDGE, after=AROUND)
def test_a_value_is_found_in_every_form(
    form: str, value: Value, before: str, edge: str, behind: str, after: str
) -> None:
    """
    However a value is written, and whatever is written around it, it is found.
    """
    text = f"{before} {edge}{FORMS[form](value.text)}{behind} {after}"

    assert value in found(text)


@given(value=A_VALUE, before=st.binary(max_size=20), after=st.binary(max_size=20))
def test_a_value_is_found_inside_base64(value: Value, before: bytes, after: bytes) -> None:
    """
    Wherever a value begins in what is encoded, it is found, in the alphabet of URLs too.
    """
    data = before + value.text.encode() + after

    assert value in found(b64encode(data).decode())
    assert value in found("x: " + urlsafe_b64encode(data).decode())


@given(value=A_VALUE, before=AROUND, behind=AROUND)
def test_where_it_stands_is_told_to_the_letter(value: Value, before: str, behind: str) -> None:
    """
    What is cut out of a text is the value, letters that fold to two or that are written in two included.
    """
    text = f"{before}ß {value.text} ﬁ{behind}"

    (place,) = [each for each in FINDER.find(text) if each.value == value]

    letters = [c for c in unicodedata.normalize("NFKC", value.text) if c.isalnum()]
    assert letters == [c for c in text[place.start : place.end] if c.isalnum()]
    assert place.start >= len(before)


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_a_text_without_values_has_none(text: str) -> None:
    """
    Nothing is found in a text that nobody planted anything in.
    """
    assert set() == found(text)


@given(st.lists(st.integers(0, 10**18), max_size=40))
def test_numbers_are_no_values(numbers: list[int]) -> None:
    """
    Times, counts and ids are found to be nobody's.
    """
    assert set() == found(" ".join(map(str, numbers)))


@given(A_VALUE, st.data())
def test_half_a_value_is_none(value: Value, data: st.DataObject) -> None:
    """
    A value without its first or last letter is not found, nor is one that goes on.
    """
    letters = [at for at, c in enumerate(value.text) if c.isalnum()]
    cut = data.draw(st.sampled_from([value.text[letters[0] + 1 :], value.text[: letters[-1]]]))

    assert value not in found(cut)
    if value.text[-1].isascii() and value.text[-1].isalnum():
        assert value not in found(f"{value.text}7")


@given(st.lists(A_VALUE, max_size=6), st.sampled_from([" ", "\n", "、", '", "', "; "]))
def test_all_of_several_are_found_in_order(values: list[Value], between: str) -> None:
    """
    Values that stand in a row are all found, in that row, each as often as it is there.
    """
    text = between.join(value.text for value in values)

    assert values == [each.value for each in FINDER.find(text)]


def test_values_that_overlap_are_both_found() -> None:
    """
    A value that begins inside another one is found, too.
    """
    one, other = Value("name", "en_US", "Ann Berg"), Value("address", "en_US", "Berg Street 12, Oslo")

    assert [one, other] == [each.value for each in Finder([one, other]).find("Ann Berg Street 12, Oslo")]


def test_of_two_that_begin_alike_the_longer_one_is_found() -> None:
    """
    The longest way to read a place counts, and of two values that are written alike the first.
    """
    short, long, same = (Value("name", "", text) for text in ("Ann Berg", "Ann Berg Moe", "ann-berg"))
    finder = Finder([short, long, same])

    assert [long] == [each.value for each in finder.find("Ann Berg Moe")]
    assert [short] == [each.value for each in finder.find("Ann Berg is Moe's friend")]
    assert [short] == [each.value for each in finder.find("ann-berg")]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Zoë Müller-Brückner", "raw"),
        ("ZOË MÜLLER-BRÜCKNER", "case"),
        ("Zoe\u0308 Mu\u0308ller-Bru\u0308ckner", "NFKC"),
        ("Zoë MüllerBrückner", "separators"),
        (r"Zo\u00eb M\u00fcller-Br\u00fcckner", "JSON-escaped"),
        ("Zo%C3%AB%20M%C3%BCller-Br%C3%BCckner", "URL-encoded"),
        (b64encode("xZoë Müller-Brückner".encode()).decode(), "base64"),
    ],
)
def test_the_form_in_which_it_was_found_is_told(text: str, form: str) -> None:
    """
    Evidence says how a value was written where it was seen.
    """
    (place,) = Finder([Value("name", "de_DE", "Zoë Müller-Brückner")]).find(text)

    assert form == place.form


@pytest.mark.parametrize("text", ["{}9", "9{}", "a{}", "{}b"])
def test_digits_inside_a_longer_word_are_not_a_value(text: str) -> None:
    """
    A number that is part of a longer number or word is something else.
    """
    card = Value("card", "en_US", "4111 1111 1111 1111")

    assert [] == list(Finder([card]).find(text.format("4111111111111111")))
    assert [card] == [each.value for each in Finder([card]).find(r"n\n4111111111111111\n")]
    assert [card] == [each.value for each in Finder([card]).find("q=%224111111111111111%22")]


def test_nothing_is_found_where_nothing_was_planted() -> None:
    """
    A finder of nothing finds nothing; what has no letter and no digit cannot be written.
    """
    assert [] == list(Finder([]).find("anything"))
    assert [] == list(Finder([Value("password", "", "!?")]).find("!?"))
    assert () == written("!?", loose=True)


def test_folding_remembers_where_letters_came_from() -> None:
    """
    A letter that folds to two stands twice at its place, and one with a mark over it once.
    """
    assert ("abc", None) == fold("aBc")
    assert ("ssx", [0, 0, 1, 2]) == fold("ßX")
    assert ("éx", [0, 2, 3]) == fold("e\u0301x")
