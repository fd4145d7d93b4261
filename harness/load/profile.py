"""What a load run is made of: how many users there are when, and what the weather does meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ...fakes.conversion import nearest
from ...fakes.weather import Rule
from ..finding import NotFound

PACKAGE = "brownout.scenarios.load"


@dataclass(frozen=True, slots=True)
class Level:
    """So many users, until then; both are parts of the run's."""

    users: float
    until: float = 1.0


@dataclass(frozen=True, slots=True)
class Spell:
    """Foul weather at the first provider, from here to there; both are parts of the run's length."""

    name: str
    start: float
    end: float
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """One shape of traffic and weather; what is not said here may be said on the command line."""

    name: str
    about: str
    """In one sentence."""
    levels: tuple[Level, ...] = (Level(1.0),)
    weather: tuple[Spell, ...] = ()
    seconds: float = 60.0
    users: int = 20
    """At the most."""
    pause: float = 1.0
    """Seconds that a user waits after a call, on average."""
    streamed: float = 0.5
    """The part of the users that ask for streams, where the target promises them."""

    def sized(self, *, seconds: float | None = None, users: int | None = None) -> Profile:
        """The same profile, longer or shorter, with more users or fewer."""
        return replace(self, seconds=seconds or self.seconds, users=users or self.users)

    def users_at(self, seconds: float) -> int:
        """How many users there are so many seconds after the beginning."""
        level = next((one for one in self.levels if seconds < one.until * self.seconds), self.levels[-1])
        return max(1, round(level.users * self.users))


@cache
def profiles() -> dict[str, Profile]:
    """Every profile there is, by name; found by name, so that the harness imports no scenario."""
    package = import_module(PACKAGE)
    found = [import_module(f"{PACKAGE}.{module.name}").PROFILE for module in iter_modules(package.__path__)]
    return {profile.name: profile for profile in found}


def named(name: str) -> Profile:
    """The profile of that name; `NotFound` where there is none."""
    known = profiles()
    if name not in known:
        hint = nearest(name, known) or "profiles: " + ", ".join(known)
        raise NotFound(f'there is no load profile named "{name}"\n  {hint}')
    return known[name]
