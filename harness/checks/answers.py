"""What the callers got."""

from __future__ import annotations

from collections.abc import Iterator

from ..history import Call, History
from . import NothingToJudge, Violation, check

LATE = 0.25
"""Seconds by which a timer that is set to the very figure may be late."""


@check
def answered(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """Every caller got the whole answer of one of its exchanges, word for word."""
    for call in calls:
        told = history.attempts([call])
        evidence = (call.id, *(exchange.id for exchange in told))
        if not call.done:
            saw = f"error {call.error}: {call.message[:200]}" if call.error else "no answer"
            yield Violation(saw, "the whole answer", evidence)
        elif not any(exchange.answer == call.text for exchange in told):
            saw = _instead(call.text, [exchange.answer for exchange in told if exchange.answer])
            yield Violation(saw, "the whole answer of one exchange", evidence)


@check
def ended(calls: list[Call], *, within: float) -> Iterator[Violation]:
    """Every caller has its answer or an error within the time promised."""
    for call in calls:
        if call.cancelled is not None:
            continue
        if call.took is None:
            yield Violation("neither answer nor error", f"an answer or an error within {within:g} s", (call.id,))
        elif call.took > within + LATE:
            saw = f"{'an error' if call.error else 'an answer'} after {call.took:.2f} s"
            yield Violation(saw, f"within {within:g} s", (call.id,), call.took - within - LATE)


@check
def reached_the_wire(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """Every call made at least one exchange."""
    if not calls:
        raise NothingToJudge("no call was made")
    for call in calls:
        if not history.attempts([call]):
            yield Violation("no exchange carries the call's canary", "at least one", (call.id,))


def common(one: str, other: str) -> int:
    """How many characters two texts have in common before they part."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _instead(text: str, answers: list[str]) -> str:
    """What a caller was given in place of an answer: how much of the nearest one, or where it leaves it."""
    nearest = max(answers, key=lambda answer: common(answer, text), default="")
    at = common(nearest, text)
    if not text or not at:
        return f"{text[:80]!r}"
    if at == len(text):
        return f"{at} of the answer's {len(nearest)} characters, up to {text[-20:]!r}"
    start = max(at - 20, 0)
    return f"{text[start : at + 20]!r} where the answer has {nearest[start : at + 20]!r}"
