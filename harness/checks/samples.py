"""What a few observations say, and how surely.

A figure that is drawn from chance, such as the spread of some retries, is judged by resampling: if it misses the
promise in nearly every sample that could as well have been seen, the promise is broken; if it misses it only here,
nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, floor, lgamma, log, log1p
from random import Random
from typing import TypeVar

SURE = 0.99
"""The share of all samples that makes a finding sure."""
SAMPLES = 400

Row = TypeVar("Row")


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of all lies, interpolated."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def share_of_samples(rows: Sequence[Row], holds: Callable[[list[Row]], bool]) -> float:
    """The share of all resampled rows of which something holds; the same rows give the same share."""
    random = Random(len(rows))
    return sum(holds(random.choices(rows, k=len(rows))) for _ in range(SAMPLES)) / SAMPLES


def chance_of_as_many(count: int, of: int, chance: float) -> float:
    """How likely it is that at least `count` of `of` independent events happen."""
    if count <= 0 or chance >= 1:
        return 1.0
    if chance <= 0:
        return 0.0
    likely = [lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1) for k in range(count, of + 1)]
    terms = (exp(ways + k * log(chance) + (of - k) * log1p(-chance)) for k, ways in enumerate(likely, count))
    return min(1.0, sum(terms))
