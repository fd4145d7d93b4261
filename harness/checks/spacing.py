"""How long a target waits before it tries again when nobody says how long.

The growth of the waits is judged on their lower envelope: jitter only adds to the least wait of each retry. Where it
reaches down to nothing (full jitter) there is no such envelope, and the mean waits stand for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import fmean, median

from ...fakes.journal import Exchange
from . import NothingToJudge, Violation, check, precise
from .attempts import at_one_provider, ids, with_one_key
from .samples import SURE, share_of_samples

CALLS = 5
"""The fewest calls that say something about how waits grow."""
WAITS = 3
"""The waits over which the base is fitted."""
BASE = 1.5
AT_ONCE = 0.1
"""A first retry that comes sooner than this many seconds is one without any wait, which may be had once."""
LEAST = 0.01
FLAT = 1.1
"""Waits that grow by less than this factor do not grow."""
BENDING = 1.35
"""How much more than the last time a wait has to grow: not at all is linear, twice as much is the base 2."""
FLOOR = 0.3
"""The share of the median wait that the least wait has to be for there to be a lower envelope."""


@check
@precise(0.1)
def spaced(attempts: list[Exchange], *, at_least: float, first: bool = False) -> Iterator[Violation]:
    """Attempts at a provider with a key begin at least so many seconds apart; `first` judges the first two alone."""
    pairs = [pair for group in with_one_key(attempts) for pair in list(pairwise(group))[: 1 if first else None]]
    for earlier, later in sorted(pairs, key=lambda pair: pair[1].started - pair[0].started):
        apart = later.start_seconds - earlier.start_seconds
        if apart < at_least:
            saw, promised = f"tried again after {apart:.3f} s", f"not sooner than {at_least:g} s"
            yield Violation(saw, promised, (earlier.id, later.id), at_least - apart)


@check
@precise(0.2)
def grows_exponentially(attempts: list[Exchange]) -> Iterator[Violation]:
    """From the second wait on each is longer than the one before, by a factor of at least 1.5, not by a sum."""
    groups = [group for group in at_one_provider(attempts) if len(group) > 1]
    rows = _rows([waits(group) for group in groups])
    if not rows or len(rows[0]) < 2:  # growth is seen in two
        raise NothingToJudge(f"fewer than {CALLS} calls waited twice or more")
    low = _has_envelope(rows)
    seen = " ".join(f"{wait:.2f}" for wait in _envelope(rows, low=low))
    what = f"{'least' if low else 'mean'} waits of {seen} s over {len(rows)} calls"
    wrong = _wrong(rows, low=low)
    if wrong and share_of_samples(rows, lambda sample: _wrong(sample, low=low) is not None) >= SURE:
        yield Violation(f"{what}: {wrong}", f"waits that grow by a factor of at least {BASE}", ids(groups[0]))
    elif wrong:
        raise NothingToJudge(f"{what}: {wrong}, but they scatter too much to be sure")
    elif len(rows[0]) < WAITS:
        raise NothingToJudge(f"{what}: {WAITS} waits a call are needed to tell how they grow")


def waits(attempts: list[Exchange]) -> list[float]:
    """Seconds from the end of each attempt to the beginning of the next."""
    return [max(later.start_seconds - earlier.end_seconds, 0.0) for earlier, later in pairwise(attempts)]


def _rows(gaps: list[list[float]]) -> list[list[float]]:
    """The waits of the calls that made the most, all equally many; without a first one that was none."""
    counts = sorted((len(one) for one in gaps), reverse=True)
    if len(counts) < CALLS:
        return []
    rows = [one[: counts[CALLS - 1]] for one in gaps if len(one) >= counts[CALLS - 1]]
    if median(row[0] for row in rows) < AT_ONCE:
        rows = [row[1:] for row in rows]
    return [[max(wait, LEAST) for wait in row] for row in rows]


def _has_envelope(rows: list[list[float]]) -> bool:
    return all(min(column) >= FLOOR * median(column) for column in zip(*rows, strict=True))


def _envelope(rows: list[list[float]], *, low: bool) -> list[float]:
    return [min(column) if low else fmean(column) for column in zip(*rows, strict=True)]


def _wrong(rows: list[list[float]], *, low: bool) -> str | None:
    """What is wrong with how the waits grow."""
    envelope = _envelope(rows, low=low)
    if any(later < FLAT * earlier for earlier, later in pairwise(envelope[:WAITS])):
        return "they do not grow"
    if len(envelope) < WAITS:
        return None
    one, two, three, *later = envelope
    base = (three / one) ** 0.5
    if base < BASE:
        return f"they grow by a factor of {base:.2f}"
    if three - two < BENDING * (two - one):
        return "they grow by the same amount each time"
    if any(wait < FLAT * two for wait in later):
        return "they fall back"
    return None
