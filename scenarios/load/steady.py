"""Ordinary traffic in fair weather: what everything else is measured against."""

from __future__ import annotations

from ...harness.load.profile import Profile

PROFILE = Profile("steady", "The same number of users all the time, in fair weather.")
