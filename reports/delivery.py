"""What a caller got, laid beside the answer that was meant for it, word by word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from .story import Call, Story
from .wording import count

MOST_WORDS = 400
KEPT = 4
"""Words shown at either end of a long run."""


@dataclass(frozen=True, slots=True)
class Run:
    """Words that arrived, that never did, or that nobody sent."""

    kind: Literal["same", "lost", "added"]
    text: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One caller's answer that is not the one it should be."""

    call: str
    sentence: str
    runs: tuple[Run, ...]


def deliveries(story: Story, at_most: int = 3) -> list[Delivery]:
    """The answers that were passed off as whole and are not what any exchange had to say."""
    found = (_delivery(call, story) for call in story.calls if call.ended is not None and call.error is None)
    return [delivery for delivery in found if delivery is not None][:at_most]


def _delivery(call: Call, story: Story) -> Delivery | None:
    answers = [x.answer for x in story.attempts(call) if x.answer]
    # What a caller has said is masked on its way out and restored on its way back: the provider's words are others.
    said = [message.get("content") for message in call.messages]
    if not answers or call.text in (*answers, *said) or call.cancelled is not None:
        return None
    sent, got = answers[-1].split()[:MOST_WORDS], call.text.split()[:MOST_WORDS]
    runs: list[Run] = []
    lost = added = 0
    for what, a, b, c, d in SequenceMatcher(None, sent, got, autojunk=False).get_opcodes():
        if what == "equal":
            runs.append(Run("same", _shortened(sent[a:b])))
            continue
        lost, added = lost + b - a, added + d - c
        if b > a:
            runs.append(Run("lost", _shortened(sent[a:b])))
        if d > c:
            runs.append(Run("added", _shortened(got[c:d])))
    told = f", and was told that it ended with {call.finish}" if call.finish else ", and was told of no error"
    sentence = f"The answer had {count(len(sent), 'word')}; {call.id} got {', '.join(_tally(got, lost, added))}{told}."
    return Delivery(call.id, sentence, tuple(runs))


def _tally(got: list[str], lost: int, added: int) -> Iterator[str]:
    yield count(len(got), "word")
    if lost:
        yield f"{lost} lost"
    if added:
        yield f"{added} that nobody sent or that came twice"
    if not lost and not added:
        yield "with other spaces between them"


def _shortened(words: list[str]) -> str:
    if len(words) <= 2 * KEPT + 1:
        return " ".join(words)
    return f"{' '.join(words[:KEPT])} … {count(len(words) - 2 * KEPT, 'word')} … {' '.join(words[-KEPT:])}"
