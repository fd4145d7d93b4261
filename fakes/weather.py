"""Which fault meets which exchange, and when.

The first rule that matches wins; no match is fair weather. Every draw is keyed by (seed, rule, fake, canary,
attempt), so the same seed gives the same weather at one or at a thousand concurrent callers, whatever the arrival
order. Only `every` counts in the order of arrival: that is what it is for.

A rule has faults or a door. Doors are about connections, before there is a request, so they are asked only about what
is known by then: "refuse" and "blackhole" hold for all connections of a fake as long as their rule does; "reset" and
"stale" are drawn for one connection after the other, "withhold" for one stream of HTTP/2 after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from math import inf
from random import Random
from typing import Any

from .ask import Ask
from .faults import AnyFault, Door, Fault, name_of

STANDING = frozenset({"refuse", "blackhole"})
"""Doors that hold for all connections."""
FOR_DOORS = frozenset({"provider", "region", "between"})
FOR_EACH_CONNECTION = FOR_DOORS | {"attempts", "every", "chance"}


@dataclass(frozen=True, slots=True)
class When:
    """To whom and when a rule applies; what is None is not asked about."""

    provider: str | None = None
    """Name of the fake; globs are allowed here, in `model`, `region`, `user` and `route`."""
    model: str | None = None
    route: str | None = None
    stream: bool | None = None
    attempts: tuple[int, int | None] | None = None
    """First and last attempt of a call at one fake; for doors, first and last connection since the weather was set."""
    between: tuple[float, float] | None = None
    """Seconds since the weather was set."""
    every: int | None = None
    """Only each n-th exchange that the rest of the rule matches."""
    chance: float | None = None
    key: str | None = None
    region: str | None = None
    user: str | None = None

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        if self.attempts is not None:
            first, last = self.attempts
            if first < 1 or (last is not None and last < first):
                raise ValueError(f"attempts are counted from 1, the first before the last, not {first} to {last}")
        if self.between is not None and not 0 <= self.between[0] < self.between[1]:
            raise ValueError(
                f"between is a start and a later end, in seconds, not {self.between[0]} and {self.between[1]}"
            )
        if self.every is not None and self.every < 1:
            raise ValueError(f"every is 1 or more, not {self.every}")
        if self.chance is not None and not 0 <= self.chance <= 1:
            raise ValueError(f"chance is between 0 and 1, not {self.chance}")

    def matches(self, ask: Ask, elapsed: float) -> bool:
        """Whether an ask meets every condition but `every` and `chance`."""
        first, last = self.attempts or (1, None)
        return (
            self.concerns(ask.fake.name, ask.fake.region)
            and _glob(self.model, ask.model)
            and _glob(self.route, ask.route)
            and _glob(self.user, ask.user)
            and self.key in (None, ask.key)
            and self.stream in (None, ask.stream)
            and first <= ask.attempt <= (last or ask.attempt)
            and self.during(elapsed)
        )

    def concerns(self, provider: str, region: str | None) -> bool:
        """Whether the rule is about a fake at all."""
        return _glob(self.provider, provider) and _glob(self.region, region)

    def during(self, elapsed: float) -> bool:
        """Whether the rule is in force so many seconds after the weather was set."""
        return self.between is None or self.between[0] <= elapsed < self.between[1]

    def asked(self) -> set[str]:
        """The names of the conditions that are set."""
        return {condition.name for condition in fields(self) if getattr(self, condition.name) is not None}


@dataclass(frozen=True, slots=True)
class Rule:
    """Faults, in the order in which they rewrite the script, and when they strike."""

    faults: tuple[AnyFault, ...]
    when: When = When()
    door: Door | None = field(init=False, compare=False, repr=False)
    """The door it is about, if it is about connections."""

    def __post_init__(self) -> None:
        """Refuse what could never strike."""
        for fault in self.faults:
            if isinstance(fault, type) or not isinstance(fault, Fault | Door):
                raise TypeError(f"{fault!r} is no fault: `brownout list faults` names them all")
        door = next((fault for fault in self.faults if isinstance(fault, Door)), None)
        object.__setattr__(self, "door", door)  # asked for at every request
        if door is None:
            return
        if len(self.faults) > 1:
            raise ValueError(f"{name_of(door)} is about connections: it stands in a rule of its own")
        possible = FOR_DOORS if door.door in STANDING else FOR_EACH_CONNECTION
        if unknown := sorted(self.when.asked() - possible):
            raise ValueError(
                f"{name_of(door)} meets connections before there is a request: it cannot ask for {', '.join(unknown)}, "
                f"only for {', '.join(sorted(possible))}"
            )


@dataclass(slots=True)
class Weather:
    """The rules in force at the fakes of one scenario."""

    rules: tuple[Rule, ...] = ()
    seed: int = 0
    since: float | None = None
    """When it was set, in seconds of the fakes' clock; the first fake that it comes into force at fills it in."""
    spared: AbstractSet[str] = frozenset()
    """Canaries of calls that no rule is about; doors are about connections, and spare nobody."""
    _matched: Counter[int] = field(default_factory=Counter)
    _met: Counter[tuple[int, str]] = field(default_factory=Counter)

    def faults(self, ask: Ask, now: float) -> tuple[Fault, ...]:
        """The faults that meet an ask; its `random` is then keyed to the rule that won."""
        if ask.canary in self.spared:
            return ()
        for number, rule in enumerate(self.rules):
            if rule.door is not None or not rule.when.matches(ask, self._elapsed(now)):
                continue
            random = Random(f"{self.seed}/{number}/{ask.fake.name}/{ask.canary}/{ask.attempt}")
            self._matched[number] += 1
            if _drawn(rule.when, self._matched[number], random):
                ask.random = random
                return tuple(fault for fault in rule.faults if not isinstance(fault, Door))
        return ()

    def doors(
        self, provider: str, region: str | None, now: float, kinds: Collection[str]
    ) -> Iterator[tuple[int, Door]]:
        """The doors of some kinds that hold at a fake, with the numbers of their rules."""
        for number, rule in enumerate(self.rules):
            door = rule.door
            if door is None or door.door not in kinds or not rule.when.concerns(provider, region):
                continue
            if rule.when.during(self._elapsed(now)):
                yield number, door

    def strikes(self, number: int, provider: str) -> bool:
        """Whether a door of that rule is for the next connection at a fake; it counts them."""
        when = self.rules[number].when
        self._met[number, provider] += 1
        met = self._met[number, provider]
        first, last = when.attempts or (1, None)
        random = Random(f"{self.seed}/{number}/{provider}/connection/{met}")
        return first <= met <= (last or met) and _drawn(when, met, random)

    def next_change(self, now: float) -> float:
        """Seconds until a rule about connections begins or ceases to hold; infinite where none will."""
        elapsed = self._elapsed(now)
        edges = [edge for rule in self.rules if rule.door is not None for edge in rule.when.between or ()]
        return min((edge - elapsed for edge in edges if edge > elapsed), default=inf)

    def _elapsed(self, now: float) -> float:
        if self.since is None:
            self.since = now
        return now - self.since


def first(count: int, *faults: AnyFault, **when: Any) -> Rule:
    """The first `count` attempts of each call."""
    return Rule(faults, When(attempts=(1, count), **when))


def always(*faults: AnyFault, **when: Any) -> Rule:
    """Every exchange."""
    return Rule(faults, When(**when))


def sometimes(chance: float, *faults: AnyFault, **when: Any) -> Rule:
    """A share of all exchanges, drawn by canary and attempt."""
    return Rule(faults, When(chance=chance, **when))


def during(start: float, end: float, *faults: AnyFault, **when: Any) -> Rule:
    """Exchanges that begin between `start` and `end` seconds after the weather was set."""
    return Rule(faults, When(between=(start, end), **when))


def alternately(one: tuple[AnyFault, ...], other: tuple[AnyFault, ...], **when: Any) -> tuple[Rule, Rule]:
    """`one` for the first, third, ... exchange and `other` for the second, fourth, ...; empty is fair weather."""
    return Rule(other, When(every=2, **when)), Rule(one, When(**when))


def _drawn(when: When, count: int, random: Random) -> bool:
    """Whether `every` and `chance` let the rule strike."""
    if when.every is not None and count % when.every:
        return False
    return when.chance is None or random.random() < when.chance


def _glob(pattern: str | None, value: str | None) -> bool:
    return pattern is None or fnmatchcase(value or "", pattern)
