"""How long things take: distributions to draw durations from.

Weather files write one as `{ like = "log_normal", median = "500ms", sigma = 0.8 }`.
"""

from __future__ import annotations

import math
from random import Random

from msgspec import Struct

from ..figures import Factor, Period, Seconds
from . import at_least


class Uniform(Struct, frozen=True, forbid_unknown_fields=True, tag_field="like", tag="uniform"):
    """Anything between `low` and `high`, equally likely."""

    low: Seconds
    high: Seconds

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "low")
        at_least(self.low, self, "high")

    def draw(self, random: Random) -> float:
        """A duration in seconds."""
        return random.uniform(self.low, self.high)


class LogNormal(Struct, frozen=True, forbid_unknown_fields=True, tag_field="like", tag="log_normal"):
    """Half of all below `median`, with a long tail; `sigma` deviates the logarithm; never above `at_most`."""

    median: Period
    sigma: float
    at_most: Seconds = 600.0

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(1e-6, self, "median")
        at_least(0, self, "sigma", "at_most")

    def draw(self, random: Random) -> float:
        """A duration in seconds."""
        return min(random.lognormvariate(math.log(self.median), self.sigma), self.at_most)


class Pareto(Struct, frozen=True, forbid_unknown_fields=True, tag_field="like", tag="pareto"):
    """Never below `least`, with a heavy tail: the smaller `alpha`, the heavier; never above `at_most`."""

    least: Seconds
    alpha: Factor
    at_most: Seconds = 600.0

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "least", "at_most")
        at_least(1e-6, self, "alpha")

    def draw(self, random: Random) -> float:
        """A duration in seconds."""
        return min(self.least * random.paretovariate(self.alpha), self.at_most)


class Empirical(Struct, frozen=True, forbid_unknown_fields=True, tag_field="like", tag="empirical"):
    """One of the measured `values`, each equally likely."""

    values: tuple[Seconds, ...]

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        if not self.values or min(self.values) < 0:
            raise ValueError(f"empirical: values are one or more durations, not {self.values}")

    def draw(self, random: Random) -> float:
        """A duration in seconds."""
        return random.choice(self.values)


Spread = Seconds | Uniform | LogNormal | Pareto | Empirical


def draw(spread: Spread, random: Random) -> float:
    """A duration in seconds; a number is itself."""
    return float(spread) if isinstance(spread, int | float) else spread.draw(random)
