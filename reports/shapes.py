"""What a drawing is made of, and which words there is room for.

Everything across is a percentage of the width and everything down is in pixels, so a drawing fills a phone and a
printed page alike and its words keep their size. Words that fit only on a wide screen are marked `roomy`, and those
that stand in for longer ones on a narrow screen `narrow`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .wording import one_line

NARROW, WIDE = 320, 860
"""Widths, in pixels, at which words are fitted."""
LETTER = 6.4
"""About how wide a letter is, in pixels."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; across in percent, down in pixels."""

    x: float
    width: float
    y: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """An upright line."""

    x: float
    y: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Words:
    """A text; `anchor` says which end of it stands at `x`, `shorter` what may be said where there is less room."""

    x: float
    y: float
    text: str
    kind: str
    anchor: str = "start"
    shift: int = 0
    shorter: tuple[str, ...] = ()


@dataclass(slots=True)
class Link:
    """Shapes that lead to the place in the report where they are told in full."""

    to: str
    title: str
    shapes: list[Box | Stroke | Words] = field(default_factory=list)


Shape = Box | Stroke | Words | Link


@dataclass(slots=True)
class Chart:
    """A drawing of one case."""

    shapes: list[Shape]
    height: int
    summary: str
    """The same in words, for who cannot see it."""
    left_out: int = 0
    """Callers for whom there is no room."""


def fitted(labels: list[Words]) -> list[Words]:
    """The labels of one line, said as fully as they can be without running into each other."""
    narrow, wide = _fitting(labels, NARROW), _fitting(labels, WIDE)
    found: list[Words] = []
    for number, words in enumerate(labels):
        if narrow.get(number) == wide.get(number) is not None:
            found.append(replace(words, text=narrow[number]))
            continue
        for texts, kind in ((wide, "roomy"), (narrow, "narrow")):
            if number in texts:
                found.append(replace(words, text=texts[number], kind=f"{words.kind} {kind}"))
    return found


def _fitting(labels: list[Words], width: int) -> dict[int, str]:
    """What can be said of each label where the page is so many pixels wide."""
    fitting, taken = {}, -10.0
    for number, words in enumerate(labels):
        following = labels[number + 1] if number + 1 < len(labels) else None
        ahead = width + 2 * LETTER
        if following is not None and following.anchor == "start":
            ahead = min(ahead, following.x / 100 * width - 4)
        for text in (words.text, *words.shorter):
            shown = one_line(text, 140)
            long = len(shown) * LETTER + abs(words.shift)
            left = words.x / 100 * width - (long if words.anchor == "end" else 0)
            right = left + long
            if left >= max(taken, 0) and (right <= ahead or words.anchor == "end"):
                fitting[number], taken = shown, right + 8
                break
    return fitting
