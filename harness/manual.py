"""What the manual says of scenarios, faults, checks, dialects and targets: their docstrings, and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from msgspec import inspect as kinds

from ..fakes import dialects, faults
from ..fakes.conversion import describe, nearest
from ..fakes.duration import written
from ..fakes.json_schema import fields
from ..fakes.tiers import Tier, tiers
from . import checks, finding
from .contract import Contract
from .finding import NotFound
from .load.profile import Profile, profiles
from .load.rows import ROWS, Row
from .scenario import Scenario

PROFILES = {
    "claimed": "A row that the contract does not claim is not applicable.",
    "production": "A must row that the contract does not claim fails: what is put into production has to promise it.",
}


def scenarios(rows: Mapping[str, Scenario]) -> Iterator[tuple[str, str]]:
    """Every row, with its level and its promise."""
    for row in rows.values():
        yield row.id, f"{row.level.value:6} {row.title}"


def lists(rows: Mapping[str, Scenario]) -> dict[str, Callable[[], Iterable[tuple[str, str]]]]:
    """Everything that can be listed."""
    return {
        "scenarios": lambda: scenarios(rows),
        "faults": lambda: ((name, first_line(kind)) for name, kind in sorted(faults.load().items())),
        "checks": lambda: ((name, checks.requirement(check)) for name, check in sorted(checks.load().items())),
        "dialects": lambda: ((name, first_line(dialects.dialect(name))) for name in dialects.NAMES),
        "tiers": lambda: ((name, _limits(tier)) for name, tier in tiers().items()),
        "targets": targets,
        "profiles": lambda: (*PROFILES.items(), *((one.name, f"load: {one.about}") for one in profiles().values())),
        "gates": lambda: ((row.id, f"{row.level.value:6} {row.title}") for row in ROWS),
    }


def _limits(tier: Tier) -> str:
    limits = tier.limits
    counted = (("requests a minute", limits.rpm), ("tokens a minute", limits.tpm), ("requests a day", limits.rpd))
    figures = ", ".join(f"{figure:,} {what}" for what, figure in counted if figure is not None)
    return f"{tier.whose}: {figures}"


def targets() -> Iterator[tuple[str, str]]:
    """Every ready-made target, with the comment at the head of its file."""
    for name, path in finding.ready_made().items():
        comment = [line.lstrip("# ") for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
        yield name, comment[0] if comment else ""


def show(name: str, rows: Mapping[str, Scenario]) -> str:
    """What a scenario, fault or check does and why."""
    if name in rows:
        return "\n".join(_scenario(rows[name]))
    if name in faults.load():
        return "\n".join(_fault(name, faults.load()[name]))
    if name in checks.load():
        return "\n".join(_check(name, checks.load()[name]))
    if name in profiles():
        return "\n".join(_profile(profiles()[name]))
    if (gate := next((row for row in ROWS if row.id == name), None)) is not None:
        return "\n".join(_gate(gate))
    family = [row for row in rows.values() if row.family == name]
    if family:
        return "\n".join([family[0].family_title, "", *(f"{row.id:32} {row.title}" for row in family)])
    known = [*rows, *faults.load(), *checks.load(), *profiles(), *(row.id for row in ROWS)]
    hint = nearest(name, known) or "`brownout list scenarios|faults|checks`"
    raise NotFound(f'no scenario, fault or check is named "{name}"\n  {hint}')


def _scenario(row: Scenario) -> Iterator[str]:
    yield f"{row.id}  ({row.level.value})"
    yield ""
    yield inspect.cleandoc(row.run.__doc__ or "")
    yield ""
    yield "needs    " + (f"contract.{row.needs}" if row.needs else "nothing: it applies to every target")
    if row.dialects:
        yield f"dialects {', '.join(row.dialects)}"
    if row.source:
        yield f"source   {row.source}"
    yield f"takes    about {written(row.seconds)} of target time"
    for number, name in enumerate(row.cases):
        need = row.case(name).needs
        extra = f"  (needs contract.{need})" if need and need != row.needs else ""
        yield ("cases    " if number == 0 else "         ") + name + extra
    yield f"run      brownout run TARGET {row.id}"


def _fault(name: str, kind: type) -> Iterator[str]:
    yield f"{name}  ({kind.__name__} in Python)"
    yield ""
    yield inspect.cleandoc(kind.__doc__ or "")
    yield ""
    made = kinds.type_info(kind)
    assert isinstance(made, kinds.DataclassType)
    for field in made.fields:
        default = "" if field.required else f"  [default: {_default(field)}]"
        yield f"  {field.encode_name:14} {describe(field.type)}{default}"
        if about := fields(kind).get(field.name):
            yield f"  {'':14} {about}"
    shown = f"{{ {made.fields[0].encode_name} = ... }}" if made.fields else "{}"
    yield "" if made.fields else "It has no parameters."
    yield f"in a weather file: fault = {{ {name} = {shown} }}"


def _default(field: kinds.Field) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _check(name: str, check: checks.Check) -> Iterator[str]:
    yield name
    yield ""
    yield inspect.cleandoc(check.__doc__ or "")
    yield ""
    looked_at, *rest = inspect.signature(check).parameters.values()
    yield f"looks at {looked_at.name}"
    own = [parameter for parameter in rest if parameter.name not in ("history", "contract")]
    for parameter in own:
        default = "" if parameter.default is parameter.empty else f"  [default: {parameter.default!r}]"
        yield f"  {parameter.name:14}{default}"


def _profile(profile: Profile) -> Iterator[str]:
    yield f"{profile.name}  (a load profile)"
    yield ""
    yield profile.about
    yield ""
    yield f"takes    {written(profile.seconds)}, and until the last calls end"
    yield f"users    {profile.users} at the most, each {written(profile.pause)} between two calls on average"
    since = 0.0
    for level in profile.levels:
        yield f"         {since:.0%} to {level.until:.0%} of the time: {round(level.users * profile.users)}"
        since = level.until
    for spell in profile.weather:
        names = ", ".join(faults.name_of(fault) for rule in spell.rules for fault in rule.faults)
        yield f"weather  {spell.name} at the first provider, {spell.start:.0%} to {spell.end:.0%} of the time: {names}"
    yield f"run      brownout load TARGET --profile {profile.name}"


def _gate(row: Row) -> Iterator[str]:
    yield f"{row.id}  ({row.level.value}, under load)"
    yield ""
    yield row.title
    if row.why:
        yield row.why
    yield ""
    yield "needs    " + (f"contract.{row.needs}" if row.needs else "nothing: it applies to every target")
    yield f"check    {row.check}: {checks.requirement(checks.load()[row.check])}"
    for name, value in row.figures(Contract()).items():
        yield f"         {name} {value:g}" if isinstance(value, float) else f"         {name} {value}"


def first_line(thing: object) -> str:
    """The sentence of the manual."""
    text = inspect.getdoc(thing) or ""
    return " ".join(text.partition("\n\n")[0].split())
