"""A short string that matches a regular expression, for schemas that demand a pattern.

The tree that Python's own `re` parses an expression into is walked, and the shortest way through it is written down.
What the walk leaves out (anchors, lookarounds) is made good by trying the result: no match is an `Unmatched`,
never a wrong string.
"""

from __future__ import annotations

import re
import warnings
from re import _constants, _parser  # type: ignore[attr-defined]  # the only reader of expressions that ships with Python
from typing import Any


class Unmatched(ValueError):
    """No matching string was found."""


def matching(pattern: str) -> str:
    """A short string that matches a regular expression."""
    try:
        with warnings.catch_warnings(action="ignore"):  # an expression that Python will read otherwise one day
            text = _match(_parser.parse(pattern))
            found = re.search(pattern, text)
    except (re.error, OverflowError, RecursionError) as error:
        raise Unmatched(f"pattern {pattern!r}: {error}") from None
    if not found:
        raise Unmatched(f"pattern {pattern!r}: no match found")
    return text


def _match(tree: Any) -> str:  # noqa: C901  # one case for each kind of node
    """The shortest way through a parsed expression, alternatives and classes by their first."""
    made, groups = "", {}
    for kind, value in tree:
        match kind:
            case _constants.LITERAL:
                made += chr(value)
            case _constants.NOT_LITERAL:
                made += "a" if value != ord("a") else "b"
            case _constants.ANY:
                made += "a"
            case _constants.IN:
                made += _one_of(value)
            case _constants.BRANCH:
                made += _match(value[1][0])
            case _constants.SUBPATTERN:
                groups[value[0]] = _match(value[3])
                made += groups[value[0]]
            case _constants.MAX_REPEAT | _constants.MIN_REPEAT | _constants.POSSESSIVE_REPEAT:
                made += _match(value[2]) * min(value[0], 10_000)
            case _constants.GROUPREF:
                made += groups.get(value, "")
            case _constants.ATOMIC_GROUP:
                made += _match(value)
            case _:  # anchors and lookarounds: whether it matches in the end is tried out
                continue
    return made


def _one_of(members: Any) -> str:
    accepted = "a1 _-.A,;:/@#ZQz09\tä"
    if members[0][0] is not _constants.NEGATE:
        kind, value = members[0]
        if kind is _constants.LITERAL:
            return chr(value)
        if kind is _constants.RANGE:
            return chr(value[0])
    return next((char for char in accepted if re.fullmatch(_class(members), char)), "")


def _class(members: Any) -> str:
    written = ""
    for kind, value in members:
        match kind:
            case _constants.NEGATE:
                written += "^"
            case _constants.LITERAL:
                written += re.escape(chr(value))
            case _constants.RANGE:
                written += f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
            case _:
                written += CATEGORIES[value]
    return f"[{written}]"


CATEGORIES = {
    _constants.CATEGORY_DIGIT: r"\d",
    _constants.CATEGORY_NOT_DIGIT: r"\D",
    _constants.CATEGORY_SPACE: r"\s",
    _constants.CATEGORY_NOT_SPACE: r"\S",
    _constants.CATEGORY_WORD: r"\w",
    _constants.CATEGORY_NOT_WORD: r"\W",
}
