"""Finds values in a text, however they are written, by a few compiled patterns.

    The text is folded (NFKC, then case), and every folded character remembers where it came from.
    A pattern is a trie of the ways in which all values may be written (`encodings.py`), so that its cost does not grow
    with their number. Each way ends in an empty group of its own, which says what was found.
    There are four, by what a text must have for them to find anything: words, escapes, other alphabets, base64.
    Each is applied again one character after each finding: values may overlap.

It searches for whole values: half of one is nobody's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from operator import itemgetter

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
        words, others, encoded = Node(), Node(), Node()
        for value in values:
            written = encodings.written(value.text, loose=value.type in encodings.LOOSE)
            if written:
                (words if encodings.begins_a_word(written) else others).add(written, value)
            for pieces in encodings.base64s(value.text):
                encoded.add(pieces, value)
        # A text is read by those patterns alone that could find something in it: most texts hold nothing.
        self._patterns = [
            Pattern(words, before=encodings.BEFORE),
            Pattern(words, before=encodings.BEFORE_ESCAPED, only=encodings.ESCAPED),
            Pattern(others, only=encodings.NO_ASCII),
            Pattern(encoded, only=encodings.BASE64, base64=True),
        ]

    def find(self, text: str) -> Iterator[Found]:
        """Every value in a text, in the order in which they begin."""
        search, places = fold(text)
        found = [place for pattern in self._patterns for place in pattern.find(search)]
        for start, end, value, base64 in sorted(found, key=itemgetter(0)):
            begin, stop = start, end
            if places is not None:
                begin, stop = places[start], next(place for place in places[end:] if place > places[end - 1])
            yield Found(value, begin, stop, encodings.form(value.text, text[begin:stop], base64=base64))


class Pattern:
    """Some ways in which values are written, compiled when the first text comes in which they could be."""

    def __init__(
        self, root: Node, *, before: str = "", only: re.Pattern[str] | None = None, base64: bool = False
    ) -> None:
        self._root = root
        self._before = before
        self._only = only
        self._base64 = base64

    def find(self, search: str) -> Iterator[tuple[int, int, Value, bool]]:
        """Where a folded text holds which value."""
        if not self._root.children or (self._only is not None and self._only.search(search) is None):
            return
        pattern, leaves = self._compiled
        at = 0
        while (match := pattern.search(search, at)) is not None:
            assert match.lastindex is not None
            yield *match.span(), leaves[match.lastindex - 1], self._base64
            at = match.start() + 1

    @cached_property
    def _compiled(self) -> tuple[re.Pattern[str], list[Value]]:
        leaves: list[Value] = []
        return re.compile(self._before + self._root.pattern(leaves)), leaves


@lru_cache(maxsize=64)
def finder(values: tuple[Value, ...]) -> Finder:
    """A finder of these values: many cases plant the same, and to compile a pattern takes a while."""
    return Finder(values)


@dataclass(slots=True)
class Node:
    """A place in the trie: what may come next, and what has been found if nothing does."""

    children: dict[str, Node] = field(default_factory=dict)
    leaf: Value | None = None

    def add(self, pieces: Sequence[str], leaf: Value) -> None:
        """One more way to write a value; of two that are written alike the first is found."""
        node = self
        for piece in pieces:
            node = node.children.setdefault(piece, Node())
        node.leaf = node.leaf or leaf

    def pattern(self, leaves: list[Value]) -> str:
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
