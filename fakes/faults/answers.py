"""Answers that are proper to HTTP and to the dialect, and not what the caller hoped for.

The dialect writes the answer anew, at the answer's own pace: put these faults before those that change how it is sent.
Requests that ask for no text, and those that the provider refuses anyway, pass unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ..answer import count_tokens
from . import fault
from .pieces import until_head

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..answer import Answer
    from ..ask import Ask
    from ..script import Op, Script


@fault
@dataclass(frozen=True, slots=True)
class StopReason:
    """End the answer half-way, properly, for another `reason` than that all was said."""

    reason: Literal["length", "content_filter"] = "length"

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """Half the answer, and the reason."""
        half = ask.answer.cut_to(count_tokens(ask.answer.whole(ask.canary)) // 2)
        return _answered(script, ask, replace(half, finish=self.reason))


@fault
@dataclass(frozen=True, slots=True)
class NoText:
    """Answer properly and say nothing: an empty text, and a stream without a piece of it."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The answer of no words."""
        return _answered(script, ask, replace(ask.answer, words=0, text=None, tool_calls=(), refusal=None))


@fault
@dataclass(frozen=True, slots=True)
class NoChoices:
    """Answer with an empty list where the answers belong."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's answer with no choice in it."""
        return _hollow(script, ask, "no_choices")


@fault
@dataclass(frozen=True, slots=True)
class NullContent:
    """Answer with null where the text belongs."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's answer with no text in it."""
        return _hollow(script, ask, "null_content")


def _answered(script: Script, ask: Ask, answer: Answer) -> Script:
    """Another answer in place of the fair one."""
    if not _writes(ask):
        return script
    other = replace(ask, answer=answer)
    ops = ask.dialect.answer(other)
    ask.output_tokens, ask.reasoning_tokens = other.output_tokens, other.reasoning_tokens
    return _after_wait(script, ops)


def _hollow(script: Script, ask: Ask, how: str) -> Script:
    if not _writes(ask):
        return script
    ask.output_tokens = ask.reasoning_tokens = 0
    return _after_wait(script, ask.dialect.hollow(ask, how))


def _writes(ask: Ask) -> bool:
    """Whether there is a text to be had: not from a list of models, and not when the provider refuses anyway."""
    return ask.trouble is None and ask.route in ask.dialect.writing


def _after_wait(script: Script, ops: Sequence[Op]) -> Iterator[Op]:
    yield from until_head(script)
    yield from ops
