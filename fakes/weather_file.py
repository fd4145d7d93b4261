"""The weather as a file: which fault, when, to whom.

    seed = 7
    [[rule]]                         # the first rule that matches wins; no match is fair weather
    when = { provider = "primary", model = "gpt-4*", attempts = "1..2", between = "10s..40s", chance = 0.3 }
    fault = { rate_limited = { retry_after = "2s" } }      # or a list: faults compose in order
    [[weather.stormy.rule]]          # a rule of the weather that a client picks by the base URL .../weather/stormy/v1
    fault = { overloaded = {} }

`weather` turns what such a file says into rules, with every complaint at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import msgspec

from . import faults
from .conversion import Complaint, convert, located, nearest, read_toml
from .duration import seconds
from .faults import AnyFault, name_of
from .figures import Count, Part
from .json_schema import fields, published
from .toml_lines import Path
from .weather import Rule, Weather, When

ATTEMPTS = re.compile(r"(\d+)(?:\.\.(\d*))?")


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To whom and when a rule applies; what is not there is not asked about."""

    provider: str | None = None
    """Name of the fake; globs are allowed here, in `model`, `region`, `user` and `route`."""
    model: str | None = None
    route: str | None = None
    stream: bool | None = None
    attempts: Annotated[int | str | None, msgspec.Meta(examples=[1, "1..2", "3.."])] = None
    """One attempt of a call at one fake, or the first and last of several: 1, "1..2", "3.."."""
    between: Annotated[str | None, msgspec.Meta(examples=["10s..40s"])] = None
    """From when to when, since the weather was set."""
    every: Count | None = None
    """Only each n-th exchange that the rest of the rule matches."""
    chance: Part | None = None
    """Only this part of the exchanges, drawn by the seed."""
    key: str | None = None
    region: str | None = None
    user: str | None = None


class WrittenRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule."""

    fault: dict[str, dict[str, Any]] | list[dict[str, dict[str, Any]]]
    """A fault's name and its parameters; several compose in order."""
    when: Conditions = Conditions()


class NamedWeather(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of a weather that clients pick by its name."""

    rule: tuple[WrittenRule, ...] = ()


class WrittenWeather(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a weather file says."""

    seed: int = 0
    rule: tuple[WrittenRule, ...] = ()
    weather: dict[str, NamedWeather] = {}
    """Weathers that a client picks by a base URL with the prefix `/weather/NAME`."""


class Read(NamedTuple):
    """The rules of a weather file, and the seed of their draws."""

    seed: int
    rules: tuple[Rule, ...]
    named: Mapping[str, tuple[Rule, ...]] = MappingProxyType({})
    """The rules of each weather that has a name."""

    def weathers(self, seed: int | None = None) -> tuple[Weather, dict[str, Weather]]:
        """The weather, and those that have a name; another seed than the file's may be given."""
        drawn = self.seed if seed is None else seed
        return Weather(self.rules, drawn), {name: Weather(rules, drawn) for name, rules in self.named.items()}


def read(path: FilePath) -> Read:
    """Read a weather file; `BrokenFile` says all that is wrong with it."""
    data, lines = read_toml(path)
    found, complaints = weather(data)
    if found is None:
        raise located(str(path), complaints, lines)
    return found


def weather(data: dict[str, Any]) -> tuple[Read | None, list[Complaint]]:
    """The rules that the data describes, or what is wrong with it."""
    written, complaints = convert(data, WrittenWeather)
    if written is None:
        return None, complaints
    rules = _rules(written.rule, (), complaints)
    named = {}
    for name, one in written.weather.items():
        named[name] = _rules(one.rule, ("weather", name), complaints)
        for number, rule in enumerate(named[name]):
            if rule.door is not None and not complaints:
                text = f"{name_of(rule.door)} meets connections before there is a request that could pick a weather"
                complaints.append(Complaint(("weather", name, "rule", number), text, "write it as a [[rule]]"))
    return (None, complaints) if complaints else (Read(written.seed, rules, named), [])


def _rules(written: Iterable[WrittenRule], path: Path, complaints: list[Complaint]) -> tuple[Rule, ...]:
    rules = []
    for number, rule in enumerate(written):
        made, wrong = _rule(rule, (*path, "rule", number))
        complaints += wrong
        rules += [made] if made is not None else []
    return tuple(rules)


def _rule(written: WrittenRule, path: Path) -> tuple[Rule | None, list[Complaint]]:
    several = isinstance(written.fault, list)
    made: list[AnyFault] = []
    complaints: list[Complaint] = []
    for place, named in enumerate(written.fault if isinstance(written.fault, list) else [written.fault]):
        where = (*path, "fault", place) if several else (*path, "fault")
        for name, parameters in named.items():
            one, wrong = fault(name, parameters, (*where, name))
            complaints += wrong
            made += [one] if one is not None else []
    try:
        when = _when(written.when)
    except ValueError as error:
        return None, [*complaints, Complaint((*path, "when"), f"when: {error}")]
    if complaints or not made:
        return None, complaints or [Complaint((*path, "fault"), "a rule without a fault", "fault = { refuse = {} }")]
    try:
        return Rule(tuple(made), when), []
    except ValueError as error:
        return None, [Complaint(path, str(error))]


def fault(name: str, parameters: dict[str, Any], path: Path) -> tuple[AnyFault | None, list[Complaint]]:
    """The fault of that name with those parameters, or what is wrong with them."""
    kind = faults.load().get(name)
    if kind is None:
        hint = nearest(name, faults.load()) or "`brownout list faults` names them all"
        return None, [Complaint(path, f'there is no fault named "{name}"', hint)]
    made, wrong = convert(parameters, kind)
    return made, [
        Complaint((*path, *complaint.path), f"{name}: {complaint.text}", complaint.hint) for complaint in wrong
    ]


def _when(written: Conditions) -> When:
    conditions = {
        field: getattr(written, field)
        for field in written.__struct_fields__
        if field not in ("attempts", "between") and getattr(written, field) is not None
    }
    if written.attempts is not None:
        conditions["attempts"] = attempts(written.attempts)
    if written.between is not None:
        conditions["between"] = between(written.between)
    return When(**conditions)


def attempts(written: int | str) -> tuple[int, int | None]:
    """The first and last of 1, "1..2", or "3.."."""
    found = ATTEMPTS.fullmatch(str(written))
    if found is None:
        raise ValueError(f'attempts is {written!r}: write 1, "1..2" or "3.."')
    first, last = found.groups()
    if last is None:
        return int(first), int(first)
    return int(first), int(last) if last else None


def between(written: str) -> tuple[float, float]:
    """The start and end of "10s..40s", in seconds; without an end it lasts."""
    start, dots, end = written.partition("..")
    if not dots:
        raise ValueError(f'between is {written!r}: write "10s..40s"')
    return seconds(start or 0), seconds(end) if end else float("inf")


def schema() -> dict[str, Any]:
    """The JSON Schema of a weather file."""
    kinds = faults.load()
    made = published("brownout weather", WrittenWeather, *kinds.values())
    named = {
        "type": "object",
        "properties": {name: {"$ref": f"#/$defs/{kind.__name__}"} for name, kind in kinds.items()},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    for kind in kinds.values():
        made["$defs"][kind.__name__]["additionalProperties"] = False
    made["$defs"]["Fault"] = named
    made["$defs"]["WrittenRule"]["properties"]["fault"] = {
        "description": fields(WrittenRule)["fault"],
        "anyOf": [{"$ref": "#/$defs/Fault"}, {"type": "array", "items": {"$ref": "#/$defs/Fault"}, "minItems": 1}],
    }
    return made
