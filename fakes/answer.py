"""Answers one can count.

A fair answer is a run of numbered words that carry the call's canary, `k7q2x9-1 k7q2x9-2 ...`, so that lost, repeated,
spliced, reordered and foreign words are counted exactly, across retries and across providers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

CANARY = re.compile(r"\[bo:([a-z0-9]{6})\]")
WORD = re.compile(r"([a-z0-9]{6})-(\d+)")
NO_CANARY = "000000"
# What unicode words are decorated with: two, three and four bytes in UTF-8, and one joined emoji.
DECORATION = ("é", "語", "🙂", "👩‍🚀")


@dataclass(frozen=True, slots=True)
class Pace:
    """When the pieces of a fair answer leave, in seconds of target time."""

    first: float = 0.01
    """Before the head of the answer and its first piece."""
    between: float = 0.001
    """Between two streamed pieces."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that the fake model makes."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BatchRun:
    """How a batch of requests goes; rows are counted from 1."""

    seconds: float = 1.0
    """From its creation to its end."""
    failed: tuple[int, ...] = ()
    """Rows that the provider answers with a server error."""
    expired: tuple[int, ...] = ()
    """Rows that are never run because the time is over; any of them makes the whole batch end as expired."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a fake answers in fair weather."""

    words: int = 24
    unicode: bool = False
    text: str | None = None
    """Said instead of numbered words."""
    echo: bool = False
    """Whether the last text of the prompt is said again instead, word for word."""
    echo_asked: str = ""
    """What has to stand in that text for it to be said again; where it does not, words are counted as ever."""
    letters: int | None = None
    """How many characters a streamed piece of `text` has; it is a word where not given."""
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str | None = None
    finish: str = "stop"
    """Why it ends: stop, length, content_filter or tool_calls."""
    pace: Pace = Pace()
    padding: int = 0
    """Bytes of filler behind each word, for long streams."""
    cached_tokens: int = 0
    """How many tokens of the prompt the provider says it had cached; no more than there are."""
    cache_written_tokens: int = 0
    """How many further tokens of the prompt the provider says it has put into its cache."""
    reasoning_tokens: int = 0
    """How many tokens the model thought before it spoke; they are billed as output."""
    batch: BatchRun = BatchRun()

    def heard(self, texts: Sequence[str]) -> Answer:
        """The answer to a prompt of these texts."""
        return replace(self, text=texts[-1]) if self.echo and texts and self.echo_asked in texts[-1] else self

    def pieces(self, canary: str | None) -> list[str]:
        """The answer's text, cut as it is streamed."""
        if self.text is not None and self.letters is not None:
            return [self.text[at : at + self.letters] for at in range(0, len(self.text), self.letters)]
        if self.text is not None:
            return re.findall(r"\s*\S+(?:\s+$)?", self.text) or [self.text]
        return [self._word(canary or NO_CANARY, number) for number in range(1, self.words + 1)]

    def whole(self, canary: str | None) -> str:
        """The answer's whole text."""
        return "".join(self.pieces(canary))

    def tokens(self, canary: str | None) -> int:
        """How many tokens its text takes; padding is weight on the wire and takes none."""
        return count_tokens(replace(self, padding=0).whole(canary))

    def cut_to(self, tokens: int) -> Answer:
        """The answer as a model gives it that may write `tokens` tokens: shorter, and ended by length."""
        text, used = [], 0
        for piece in replace(self, padding=0).pieces("xxxxxx"):
            used += count_tokens(piece)
            if used > tokens:
                break
            text.append(piece)
        if self.text is not None:
            return replace(self, text="".join(text), finish="length")
        return replace(self, words=len(text), finish="length")

    @property
    def weight(self) -> int:
        """The bytes of all its padding."""
        return 0 if self.text is not None else self.words * self.padding

    def _word(self, canary: str, number: int) -> str:
        decoration = DECORATION[number % len(DECORATION)] if self.unicode else ""
        return f"{' ' if number > 1 else ''}{canary}-{number}{decoration}{'.' * self.padding}"


def find_canary(texts: Sequence[str]) -> str | None:
    """The last canary planted in the texts: earlier turns of a conversation may carry older ones."""
    for text in reversed(texts):
        if found := CANARY.findall(text):
            return str(found[-1])
    return None


def count_tokens(text: str) -> int:
    """The stated estimate: one token for every four bytes of UTF-8, rounded up."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)
