"""A 200 is not yet an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema

from ..history import Call, History
from . import Violation, check
from .streams import is_told, is_whole


@check
def no_garbage(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """A reply that is no answer is a failure: it is tried again, or the caller gets an error, and never its text."""
    for call in calls:
        if not (is_told(call) or is_whole(call, history)):
            said = f"{call.text[:80]!r} as an answer" if call.text else "an empty answer"
            saw = said if call.ended is not None else "neither answer nor error"
            saw = f"the target died: {call.message}" if call.error == "died" else saw
            evidence = (call.id, *(exchange.id for exchange in history.attempts([call])))
            yield Violation(saw, "an answer of the provider's, or an error", evidence)


@check
def noticed(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """An answer beside the question is tried again, marked, or an error: it is never passed on as if it were one."""
    for call in calls:
        if is_whole(call, history) and not call.degraded:
            yield Violation(f"{call.text[:80]!r} as an answer", "another answer, a mark or an error", (call.id,))


@check
def nothing_invented(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """An answer without text reaches the caller as an empty text or an error, never as words nobody said."""
    for call in calls:
        if call.ended is None:
            yield Violation("neither answer nor error", "an empty answer or an error", (call.id,))
        elif call.done and call.text and not is_whole(call, history):
            yield Violation(f"{call.text[:80]!r}", "an empty answer or an error", (call.id,))


@check
def fits_the_schema(calls: list[Call], *, schema: dict[str, Any]) -> Iterator[Violation]:
    """A structured answer is valid by its schema, or the caller gets an error."""
    for call in calls:
        if is_told(call):
            continue
        try:
            jsonschema.validate(json.loads(call.text), schema)
        except (ValueError, jsonschema.ValidationError) as error:
            reason = str(error).splitlines()[0]
            yield Violation(f"{call.text[:80]!r}: {reason}", "an answer that fits the schema, or an error", (call.id,))
