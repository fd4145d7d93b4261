"""Prompts that do not fit a model's window.

Tokens are counted as the fakes count them. A target may count a little differently, for which `SLACK` allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...fakes.journal import Exchange
from ..history import Call, History
from . import NothingToJudge, Violation, check
from .attempts import ids, with_one_key
from .streams import is_whole

SLACK = 64
"""Tokens by which two ways of counting the same prompt may differ."""
TRY_LATER = frozenset({"rate_limited", "timeout", "provider", "budget"})
"""Errors that tell a caller that the same call may work another time."""


@check
def sent_smaller(attempts: list[Exchange]) -> Iterator[Violation]:
    """What did not fit is not sent to the same provider again, unless it is smaller or asks for less."""
    for group in with_one_key(attempts):
        for place, later in enumerate(group):
            as_large = [earlier for earlier in group[:place] if _size(later) >= _size(earlier)]
            if as_large:
                saw = f"{_size(later)} tokens after {_size(as_large[0])} did not fit"
                yield Violation(saw, "fewer, or no other attempt", (as_large[0].id, later.id))
                break


@check
def told_it_does_not_fit(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """A caller whose prompt does not fit is told so; that it might work another time is not true."""
    for call in calls:
        evidence = (call.id, *ids(history.attempts([call])))
        if call.error in TRY_LATER or call.error in {"died", "cut"}:
            saw = f"an error of the kind {call.error}: {call.message[:120]!r}"
            yield Violation(saw, "that the prompt does not fit", evidence)
        elif call.done and not is_whole(call, history):
            yield Violation(f"{call.text[:80]!r} as an answer", "that the prompt does not fit", evidence)


@check
def fits_the_window(attempts: list[Exchange], *, windows: Mapping[str, int]) -> Iterator[Violation]:
    """No prompt is sent that is larger than its model's window; `windows` are those of the models, in tokens."""
    for exchange in attempts:
        window = windows.get(exchange.model or "")
        if window is not None and exchange.input_tokens > window + SLACK:
            saw = f"{exchange.input_tokens} tokens for {exchange.model}"
            yield Violation(saw, f"at most {window}, its window", (exchange.id,))


@check
def leaves_room(attempts: list[Exchange], *, windows: Mapping[str, int]) -> Iterator[Violation]:
    """What a request may write fits the model's window beside the prompt; `windows` are in tokens."""
    bounded = [exchange for exchange in attempts if exchange.max_output is not None]
    if attempts and not bounded:
        raise NothingToJudge("no request says how much may be written")
    for exchange in bounded:
        window = windows.get(exchange.model or "")
        if window is not None and _size(exchange) > window + SLACK:
            saw = f"{exchange.input_tokens} tokens of prompt and {exchange.max_output} of answer for {exchange.model}"
            yield Violation(saw, f"at most {window} together, its window", (exchange.id,))


@check
def bounds_its_output(attempts: list[Exchange]) -> Iterator[Violation]:
    """Every request says how much may be written in answer."""
    for exchange in attempts:
        if exchange.max_output is None:
            yield Violation("a request that bounds nothing", "max_completion_tokens or its like", (exchange.id,))


def _size(exchange: Exchange) -> int:
    return exchange.input_tokens + (exchange.max_output or 0)
