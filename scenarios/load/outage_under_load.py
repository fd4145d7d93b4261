"""The first provider goes down while everybody is calling it, in all the ways in which providers do.

Most requests are refused, some streams that had begun break off, and some replies ask to be left alone for a while.
A third of the run is fair before, so that there is something to compare with, and a third after, for the recovery.
"""

from __future__ import annotations

from ...fakes.faults.connection import Cut
from ...fakes.faults.replies import RateLimited, Unavailable
from ...fakes.weather import always, sometimes
from ...harness.load.profile import Profile, Spell

PROFILE = Profile(
    "outage-under-load",
    "The first provider is down for the middle third of the run, while everybody keeps calling.",
    weather=(
        Spell(
            "outage",
            start=1 / 3,
            end=2 / 3,
            rules=(sometimes(0.2, Cut(chunks=3)), sometimes(0.2, RateLimited(retry_after=2)), always(Unavailable())),
        ),
    ),
)
