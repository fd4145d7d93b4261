"""How many values were planted, and how many of them were seen where they should not be, by type and locale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from math import comb

from ..history import History, Sighting
from . import places

CHANCE = 0.001
"""How unlikely a count has to be, if a promise of less than all is kept, to break it."""


@dataclass(slots=True)
class Count:
    """What became of the values of one type and locale."""

    type: str
    locale: str
    planted: set[str] = field(default_factory=set)
    seen: dict[str, list[Sighting]] = field(default_factory=lambda: defaultdict(list))

    @property
    def recall(self) -> float:
        """The part of them that was not seen."""
        return 1 - len(self.seen) / len(self.planted)

    def breaks(self, promised: float) -> bool:
        """Whether so many were seen that the promise is broken; luck breaks none."""
        if promised >= 1 or not self.seen:
            return bool(self.seen)
        number, kept = len(self.planted), len(self.planted) - len(self.seen)
        as_few = sum(comb(number, k) * promised**k * (1 - promised) ** (number - k) for k in range(kept + 1))
        return self.recall < promised and as_few < CHANCE


def tally(history: History, *, calls: Collection[str] | None = None, seen: Iterable[Sighting] = ()) -> list[Count]:
    """What the calls planted, and what of it is among the sightings; all calls where none are given."""
    kinds = {one.id: (one.type, one.locale) for one in history.planted}
    counts: dict[tuple[str, str], Count] = {}
    for sighting in history.sightings:
        if sighting.place == places.QUESTION and (calls is None or sighting.where in calls):
            kind = kinds[sighting.value]
            counts.setdefault(kind, Count(*kind)).planted.add(sighting.value)
    for sighting in seen:
        count = counts.get(kinds[sighting.value])
        if count is not None and sighting.value in count.planted:
            count.seen[sighting.value].append(sighting)
    return sorted(counts.values(), key=lambda count: (count.type, count.locale))
