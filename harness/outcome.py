"""What a caller experienced, in one word.

answered     the whole answer of one exchange, word for word
degraded     something else that says it is degraded, or that comes from a fallback
clean_error  an error that gives nothing away
dirty_error  an error that shows a stack trace or a provider's address, or a target that died
partial      a part of it, and a finish that says so
empty        no text, as an answer
truncated    a part passed off as the whole
garbled      lost, repeated, spliced or foreign words
hung         neither answer nor error
"""

from __future__ import annotations

import re
from collections import Counter

from ..fakes.answer import WORD
from .checks.streams import UNFINISHED
from .history import Call, History

CUT_SHORT = UNFINISHED | {"length", "max_tokens", "content_filter", "safety"}
"""Finish reasons, in lower case, by which a caller knows that there is less than there could be."""
DIRTY = re.compile(
    r"Traceback \(most recent call last\)|https?://|127\.0\.0\.1|sk-[A-Za-z0-9-]{8,}|<[0-9a-f]{12}(?::\w+)?>|<pii:"
)


def outcome(call: Call, history: History) -> str:
    """What one caller experienced."""
    if call.cancelled is not None:
        return "left"
    if call.ended is None:
        return "hung"
    if call.error is not None:
        return "dirty_error" if call.error == "died" or DIRTY.search(call.message) else "clean_error"
    answers = [x.answer for x in history.attempts([call]) if x.answer is not None]
    if call.text in answers or call.repeated:
        return "answered"
    if call.degraded:
        return "degraded"
    if (call.finish or "").lower() in CUT_SHORT:
        return "partial"
    if not call.text:
        return "empty"
    numbers = [(canary, int(number)) for canary, number in WORD.findall(call.text)]
    in_order = [number for _, number in numbers] == list(range(1, len(numbers) + 1))
    own = all(canary == call.canary for canary, _ in numbers)
    return "truncated" if own and in_order else "garbled"


def outcomes(history: History) -> dict[str, int]:
    """How many callers experienced what."""
    return dict(Counter(outcome(call, history) for call in history.calls))
