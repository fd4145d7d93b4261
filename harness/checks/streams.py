"""Half an answer is never passed off as whole."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..history import Call, History
from . import NothingToJudge, Violation, check
from .answers import common

UNFINISHED = frozenset({"incomplete", "error", "partial", "interrupted", "aborted", "cancelled", "failed"})
"""Finish reasons by which a caller knows that an answer is not whole."""


@check
def told_of_the_break(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """A caller whose answer broke off is told: by an error, or by a finish that says so."""
    for call in calls:
        if call.cancelled is not None or is_told(call) or is_whole(call, history):
            continue
        evidence = (call.id, *(exchange.id for exchange in history.attempts([call])))
        if call.ended is None or call.error == "died":
            saw = "neither end nor error" if call.ended is None else f"the target died: {call.message}"
            yield Violation(saw, "an error", evidence)
        else:
            finish = f"finish {call.finish!r}" if call.finish else "a normal end"
            yield Violation(f"{len(call.text)} characters of the answer and {finish}", "an error", evidence)


@check
def text_is_a_beginning(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """What a caller got is an answer or the beginning of one: no word lost, repeated, spliced or foreign."""
    for call in calls:
        answers = [x.answer for x in history.attempts([call]) if x.answer is not None]
        if any(answer.startswith(call.text) for answer in answers) or not call.text:
            continue
        evidence = (call.id, *(exchange.id for exchange in history.attempts([call])))
        yield Violation(
            f"a text that is no beginning of any answer: {_odd(call, answers)}", "no word out of place", evidence
        )


@check
def ended_once(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """A call ends once."""
    # What a program says of a call that it has ended reaches no caller, and is noted instead.
    again = Counter(event.details.get("request") for event in history.events if event.what == "answered_twice")
    for call in calls:
        if (ends := call.ends + again[call.id]) > 1:
            yield Violation(f"{ends} ends", "one", (call.id,))


@check
def told_promptly(calls: list[Call], *, history: History, within: float) -> Iterator[Violation]:
    """A caller has its end soon after the last byte that the provider sent."""
    for call in calls:
        last = max((x.last_byte for x in history.attempts([call]) if x.last_byte is not None), default=None)
        if last is None or call.ended is None:
            continue
        late = (call.ended - last) / 1e9
        if late > within:
            yield Violation(
                f"the end {late:.2f} s after the last byte", f"within {within:g} s", (call.id,), late - within
            )


@check
def first_token_is_not_held(calls: list[Call], *, history: History, within: float) -> Iterator[Violation]:
    """The first piece of an answer reaches the caller soon after the provider has sent it, not at the end."""
    for call in calls:
        sent = [x for x in history.attempts([call]) if any(piece.part == "delta" for piece in x.pieces)]
        if not sent:
            raise NothingToJudge("no exchange sent a piece of text")
        left = next(piece.actual for piece in sent[-1].pieces if piece.part == "delta")
        first = next((chunk.at for chunk in call.chunks if chunk.text), None)
        if first is None:
            yield Violation("no text before the end", f"the first within {within:g} s", (call.id, sent[-1].id))
        elif (late := (first - left) / 1e9) > within:
            saw = f"the first text {late:.2f} s after it was sent"
            yield Violation(saw, f"within {within:g} s", (call.id, sent[-1].id), late - within)


@check
def finish_tells(calls: list[Call], *, finishes: list[str], errors: list[str]) -> Iterator[Violation]:
    """The caller can tell this end from a normal one, by the finish or by an error."""
    for call in calls:
        told = call.finish in finishes or call.finish in UNFINISHED or call.error in errors
        if not told:
            saw = f"error {call.error}" if call.error else f"finish {call.finish!r}"
            yield Violation(saw, f"finish {' or '.join(finishes)}", (call.id,))


@check
def tool_calls_are_whole(calls: list[Call], *, name: str, arguments: dict[str, Any]) -> Iterator[Violation]:
    """A tool is called with the whole of its arguments or not at all."""
    for call in calls:
        for made in call.tool_calls:
            function = made.get("function", made)
            given = function.get("arguments")
            try:
                given = json.loads(given) if isinstance(given, str) else given
            except ValueError:
                given = f"{given!r}, which is no JSON"
            if function.get("name") != name or given != arguments:
                yield Violation(f"{function.get('name')}({given})", f"{name}({arguments}) or no call", (call.id,))


def is_told(call: Call) -> bool:
    """Whether the target has said that there is no whole answer; one that has died says nothing."""
    return call.error not in {None, "died"} or call.finish in UNFINISHED


def is_whole(call: Call, history: History) -> bool:
    """Whether the caller has the whole answer of one of its exchanges."""
    return call.done and any(exchange.answer == call.text for exchange in history.attempts([call]))


def _odd(call: Call, answers: list[str]) -> str:
    """The place where a text leaves every answer."""
    at = max((common(answer, call.text) for answer in answers), default=0)
    return repr(call.text[max(at - 20, 0) : at + 40])
