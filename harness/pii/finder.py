"""Finds values in a text, however they are written, by one compiled pattern.

    The text is folded (NFKC, then case), and every folded character remembers where it came from.
    The pattern is a trie of all ways in which all values may be written (`encodings.py`), so that its cost does not
    grow with their number. Each way ends in an empty group of its own, which says what was found.
    It is applied again one character after each finding: values may overlap.

It searches for whole values: half of one is nobody's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from . import encodings
from .drawing import Value


@dataclass(frozen=True, slots=True)
class Found:
    """A value at a place of a text, and the form that it has there."""

    value: Value
    start: int
    end: int
    form: str


class Finder:
    """Finds these values."""

    def __init__(self, values: Iterable[Value]) -> None:
        root = Node()
        for value in values:
            for base64, ways in ((False, [encodings.written(value.text, loose=value.type in encodings.LOOSE)]),
                                 (True, encodings.base64s(value.text))):  # fmt: skip
                for pieces in filter(None, ways):
                    root.add(pieces, (value, base64))
        self._leaves: list[tuple[Value, bool]] = []
        self._pattern = re.compile(root.pattern(self._leaves)) if root.children else None

    def find(self, text: str) -> Iterator[Found]:
        """Every value in a text, in the order in which they begin."""
        if self._pattern is None:
            return
        search, places = fold(text)
        at = 0
        while (match := self._pattern.search(search, at)) is not None:
            assert match.lastindex is not None
            value, base64 = self._leaves[match.lastindex - 1]
            start, end = match.span()
            at = start + 1
            if places is not None:
                start, end = places[start], next(place for place in places[end:] if place > places[end - 1])
            yield Found(value, start, end, encodings.form(value.text, text[start:end], base64=base64))


@lru_cache(maxsize=64)
def finder(values: tuple[Value, ...]) -> Finder:
    """A finder of these values: many cases plant the same, and to compile a pattern takes a while."""
    return Finder(values)


@dataclass(slots=True)
class Node:
    """A place in the trie: what may come next, and what has been found if nothing does."""

    children: dict[str, Node] = field(default_factory=dict)
    leaf: tuple[Value, bool] | None = None

    def add(self, pieces: Sequence[str], leaf: tuple[Value, bool]) -> None:
        """One more way to write a value; of two that are written alike the first is found."""
        node = self
        for piece in pieces:
            node = node.children.setdefault(piece, Node())
        node.leaf = node.leaf or leaf

    def pattern(self, leaves: list[tuple[Value, bool]]) -> str:
        """The pattern of all that may follow, the longest first; each leaf is noted as its group is written."""
        written = ""
        node = self
        while len(node.children) == 1 and node.leaf is None:  # a chain needs no brackets, and no recursion
            piece, node = next(iter(node.children.items()))
            written += piece
        after = sorted(node.children.items(), key=lambda child: child[0] == encodings.BEHIND)
        branches = [piece + child.pattern(leaves) for piece, child in after]
        if node.leaf is not None:
            leaves.append(node.leaf)
            branches.append("()")
        return written + (branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})")


def fold(text: str) -> tuple[str, list[int] | None]:
    """The folded text, and where each of its characters begins in the text, and its end; None where that is the same.

    A letter and the marks that are written over it are folded together: alone they would be others.
    """
    if text.isascii():
        return text.lower(), None
    pieces: list[str] = []
    places: list[int] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and not text[end].isascii() and _joins(text[end]):
            end += 1
        piece = text[start:end]
        piece = piece.lower() if piece.isascii() else encodings.folded(piece)
        pieces.append(piece)
        places += [start] * len(piece)
        start = end
    return "".join(pieces), [*places, len(text)]


def _joins(character: str) -> bool:
    """Whether it is written over the character before it; half-width kana have such marks, too."""
    return unicodedata.combining(unicodedata.normalize("NFKC", character)[0]) != 0
