"""Five times the users from one second to the next, and away again, in fair weather."""

from __future__ import annotations

from ...harness.load.profile import Level, Profile

PROFILE = Profile(
    "spike",
    "A fifth of the users, then suddenly all of them, then a fifth again, in fair weather.",
    levels=(Level(0.2, until=0.3), Level(1.0, until=0.6), Level(0.2)),
    users=50,
)
