"""What the target's processes burn and hold."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from ..history import History
from . import NothingToJudge, Violation, check, precise

MEBIBYTE = 1024 * 1024


@check
def comes_to_rest(history: History, *, share: float) -> Iterator[Violation]:
    """When nobody asks anything of it, the target uses next to no processor time."""
    measured = [event.details["share"] for event in history.events if event.what == "cpu"]
    if not measured:
        raise NothingToJudge("the target's processor time could not be measured")
    if measured[-1] >= share:
        yield Violation(f"{measured[-1]:.0%} of a processor, seconds after the last call", f"under {share:.0%}")


@check
@precise(0.03)
def memory_grows_little(history: History, *, at_most_bytes: int) -> Iterator[Violation]:
    """The target's memory does not grow with what a slow caller has not read yet."""
    measured = [event.details["rss_bytes"] for event in history.events if event.what == "vitals"]
    if len(measured) < 2:
        raise NothingToJudge("the target's memory could not be measured")
    if not any(exchange.ended != "complete" or exchange.bytes_out > at_most_bytes for exchange in history.exchanges):
        raise NothingToJudge("the provider was asked for no stream that long")
    # Not the most at any moment: whoever takes a large piece apart has it twice or three times for a while.
    growth = round(median(measured[1:])) - measured[0]
    # Nor what an allocator keeps of pieces long passed on: nobody holds of a stream what has not left the provider.
    ahead = sum(x.bytes_out for x in history.exchanges) - sum(len(call.text.encode()) for call in history.calls)
    if min(growth, ahead) > at_most_bytes:
        saw = f"{growth / MEBIBYTE:.0f} MiB more, of a stream read {ahead / MEBIBYTE:.0f} MiB ahead of the caller"
        yield Violation(saw, f"at most {at_most_bytes / MEBIBYTE:.0f} MiB")
