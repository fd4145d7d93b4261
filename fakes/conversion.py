"""From what a file says to typed objects, with every complaint at once.

msgspec stops at the first thing that is wrong and names no line. This walks the data along the types that msgspec
knows, reads durations and money on the way, and collects what is wrong with its path; msgspec then builds the objects.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import Any, TypeVar

import msgspec
from msgspec import inspect as kinds

from .duration import seconds, signed
from .figures import microdollars
from .toml_lines import Path, line_of, lines

Built = TypeVar("Built")

FEW = 6
"""So many keys of a table are told."""

READERS = {"duration": seconds, "offset": signed, "money": microdollars}
DESCRIBED = {
    "duration": 'a duration, such as "30s"',
    "offset": 'a duration, such as "30s" or "-5m"',
    "money": "an amount in dollars, such as 1.00",
}

WORDS: dict[type, str] = {
    kinds.BoolType: "true or false",
    kinds.IntType: "a whole number",
    kinds.FloatType: "a number",
    kinds.StrType: "a text in quotes",
    kinds.DateType: "a day, such as 2027-01-31",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong, where, and what would have been right."""

    path: Path
    text: str
    hint: str = ""


class BrokenFile(ValueError):
    """A file that cannot be used; the message holds every complaint with its line."""

    def __init__(self, file: str, complaints: Iterable[tuple[int | None, str, str]]) -> None:
        self.complaints = list(complaints)
        told = []
        for line, text, hint in self.complaints:
            told.append(f"{_nearby(file)}{'' if line is None else f':{line}'}: {text}")
            told += [f"  {part}" for part in hint.splitlines()]
        super().__init__("\n".join(told))


def _nearby(file: str) -> str:
    """A file as people name it from where they are."""
    here = str(FilePath.cwd()) + "/"
    return file.removeprefix(here)


def read_toml(file: FilePath) -> tuple[dict[str, Any], dict[Path, int]]:
    """What a TOML file says, and on which lines."""
    try:
        text = file.read_text("utf-8-sig")  # some editors begin a file with a mark of its encoding
        return tomllib.loads(text), lines(text)
    except OSError as error:
        raise BrokenFile(str(file), [(None, f"cannot be read: {error.strerror}", "")]) from error
    except UnicodeDecodeError as error:
        raise BrokenFile(str(file), [(None, "is not UTF-8", "")]) from error
    except tomllib.TOMLDecodeError as error:
        raise BrokenFile(str(file), [_syntax(str(error))]) from error


def located(file: str, complaints: Iterable[Complaint], found: dict[Path, int], prefix: Path = ()) -> BrokenFile:
    """The complaints about a file, in the order of its lines."""
    told = [(line_of(found, prefix + complaint.path), complaint) for complaint in complaints]
    told.sort(key=lambda pair: pair[0])
    return BrokenFile(file, [(line, complaint.text, complaint.hint) for line, complaint in told])


def convert(data: Any, wanted: type[Built]) -> tuple[Built | None, list[Complaint]]:
    """The object that the data describes, or what is wrong with it."""
    complaints: list[Complaint] = []
    plain = _walk(data, kinds.type_info(wanted), (), complaints)
    if complaints:
        return None, complaints
    try:
        return msgspec.convert(plain, wanted), []
    except msgspec.ValidationError as error:
        return None, [Complaint((), str(error))]


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint that names the nearest right name; empty where none is near."""
    close = get_close_matches(name, [str(known) for known in names], 1, 0.6)
    return f'did you mean "{close[0]}"?' if close else ""


def table_name(path: Path) -> str:
    """A path as its table's header is written."""
    return "[" + ".".join(str(part) for part in path) + "]" if path else "the file"


def _walk(value: Any, kind: kinds.Type, path: Path, complaints: list[Complaint]) -> Any:
    match kind:
        case kinds.Metadata(type=inner, extra=extra) if extra and extra.get("written") in READERS:
            return _figure(value, inner, extra["written"], path, complaints)
        case kinds.Metadata(type=inner):
            return _walk(value, inner, path, complaints)
        case kinds.UnionType(types=types):
            return _either(value, types, path, complaints)
        case kinds.StructType(fields=fields) | kinds.DataclassType(fields=fields) if isinstance(value, dict):
            tag = _tag(value, kind)
            rest = {name: item for name, item in value.items() if name not in tag}
            return tag | _table(rest, {field.encode_name: field for field in fields}, path, complaints)
        case kinds.DictType(key_type=key, value_type=inner) if isinstance(value, dict):
            for name in value:
                if isinstance(key, kinds.LiteralType) and name not in key.values:
                    hint = nearest(name, map(str, key.values)) or f"it is {describe(key)}"
                    complaints.append(Complaint((*path, name), f'unknown key "{name}" in {table_name(path)}', hint))
            return {name: _walk(item, inner, (*path, name), complaints) for name, item in value.items()}
        case kinds.ListType(item_type=inner) | kinds.VarTupleType(item_type=inner) if isinstance(value, list):
            return [_walk(item, inner, (*path, number), complaints) for number, item in enumerate(value)]
    if not _fits(value, kind):
        hint = nearest(value, map(str, _named_values(kind))) if _is_text(value) else ""
        _complain(value, kind, path, complaints, hint)
    return value


def _figure(value: Any, kind: kinds.Type, written: str, path: Path, complaints: list[Complaint]) -> Any:
    try:
        figure = READERS[written](value)
    except ValueError as error:
        complaints.append(Complaint(path, f"{_named(path)}: {error}"))
        return value
    if not _fits(figure, kind):
        wanted = DESCRIBED[written] + _range(kind)
        complaints.append(Complaint(path, f"{_named(path)} must be {wanted}; it is {_shown(value)}"))
    return figure


def _either(value: Any, types: Iterable[kinds.Type], path: Path, complaints: list[Complaint]) -> Any:
    choices = [kind for kind in types if not isinstance(kind, kinds.NoneType)]
    alike = [kind for kind in choices if _shape(kind) == _shape_of(value)] or choices
    alike = [kind for kind in alike if _tag(value, kind)] or alike
    if len(alike) == 1 and (len(choices) == 1 or _shape(alike[0]) in {"table", "list"}):
        return _walk(value, alike[0], path, complaints)
    for kind in alike:
        tried: list[Complaint] = []
        plain = _walk(value, kind, path, tried)
        if not tried:
            return plain
    wanted = " or ".join(describe(kind) for kind in choices)
    complaints.append(Complaint(path, f"{_named(path)} must be {wanted}; it is {_shown(value)}"))
    return value


def _tag(value: Any, kind: kinds.Type) -> dict[str, Any]:
    """What a table says to be one of several structs, and this one; empty where it says no such thing."""
    if not isinstance(kind, kinds.StructType) or kind.tag_field is None or not isinstance(value, dict):
        return {}
    return {kind.tag_field: kind.tag} if value.get(kind.tag_field) == kind.tag else {}


def _table(
    value: Mapping[str, Any], fields: dict[str, kinds.Field], path: Path, complaints: list[Complaint]
) -> dict[str, Any]:
    plain = {}
    for name, item in value.items():
        if name in fields:
            plain[name] = _walk(item, fields[name].type, (*path, name), complaints)
        else:
            known = nearest(name, fields) or "known here: " + (", ".join(fields) or "nothing")
            complaints.append(Complaint((*path, name), f'unknown key "{name}" in {table_name(path)}', known))
    for name, field in fields.items():
        if field.required and name not in value:
            right = f"{name} is {describe(field.type)}"
            complaints.append(Complaint(path, f'{table_name(path)} has no "{name}"', right))
    return plain


def _fits(value: Any, kind: kinds.Type) -> bool:
    match kind:
        case kinds.BoolType():
            return isinstance(value, bool)
        case kinds.IntType():
            return isinstance(value, int) and not isinstance(value, bool) and _in_range(value, kind)
        case kinds.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool) and _in_range(value, kind)
        case kinds.StrType():
            return _is_text(value)
        case kinds.DateType():
            return isinstance(value, date) and not isinstance(value, datetime)
        case kinds.LiteralType() | kinds.EnumType():
            return value in _named_values(kind)
        case kinds.AnyType():
            return True
    return False


def _named_values(kind: kinds.Type) -> list[Any]:
    """The values of a kind that has a few of them, each with its name."""
    match kind:
        case kinds.LiteralType(values=values):
            return list(values)
        case kinds.EnumType(cls=cls):
            return [member.value for member in cls]
    return []


def _in_range(value: float, kind: kinds.IntType | kinds.FloatType) -> bool:
    return (
        value == value  # noqa: PLR0124  # the one number that is not itself is no number
        and (kind.gt is None or value > kind.gt)
        and (kind.ge is None or value >= kind.ge)
        and (kind.lt is None or value < kind.lt)
        and (kind.le is None or value <= kind.le)
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _complain(value: Any, kind: kinds.Type, path: Path, complaints: list[Complaint], hint: str) -> None:
    complaints.append(Complaint(path, f"{_named(path)} must be {describe(kind)}; it is {_shown(value)}", hint))


def describe(kind: kinds.Type) -> str:
    """What a value has to be, in words."""
    match kind:
        case kinds.Metadata(type=inner, extra=extra):
            written = (extra or {}).get("written")
            return DESCRIBED[written] + _range(inner) if written in DESCRIBED else describe(inner)
        case kinds.UnionType(types=types):
            return " or ".join(describe(choice) for choice in types if not isinstance(choice, kinds.NoneType))
        case kinds.IntType() | kinds.FloatType():
            return WORDS[type(kind)] + _range(kind)
        case kinds.LiteralType() | kinds.EnumType():
            return "one of " + ", ".join(f'"{value}"' for value in _named_values(kind))
        case kinds.ListType(item_type=inner) | kinds.VarTupleType(item_type=inner):
            return f"a list, each {describe(inner)}"
        case kinds.StructType(tag_field=field, tag=tag) if field is not None:
            return f'a table with {field} = "{tag}"'
        case kinds.DictType(value_type=kinds.StructType() as inner):
            return describe(inner).replace("a table", "a table of tables", 1)
        case kinds.StructType(fields=fields):
            names = [field.encode_name for field in fields if field.required] or [field.encode_name for field in fields]
            return f"a table with {', '.join(names[:FEW])}" + (", ..." if names[FEW:] else "")
    return WORDS.get(type(kind), "a table")


def _range(kind: kinds.Type) -> str:
    if not isinstance(kind, kinds.IntType | kinds.FloatType):
        return ""
    words = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
    limits = [f"{word} {getattr(kind, name):g}" for name, word in words.items() if getattr(kind, name) is not None]
    return ", " + " and ".join(limits) if limits else ""


def _shape(kind: kinds.Type) -> str:
    match kind:
        case kinds.StructType() | kinds.DataclassType() | kinds.DictType():
            return "table"
        case kinds.ListType() | kinds.VarTupleType():
            return "list"
        case kinds.BoolType():
            return "bool"
    return "scalar"


def _shape_of(value: Any) -> str:
    match value:
        case dict():
            return "table"
        case list():
            return "list"
        case bool():
            return "bool"
    return "scalar"


def _named(path: Path) -> str:
    keys = [str(part) if isinstance(part, str) else f"[{part}]" for part in path]
    return ".".join(keys).replace(".[", "[") or "the file"


def _shown(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"' if len(value) < 60 else f'"{value[:57]}..."'
        case dict():
            return "a table"
        case list():
            return "a list"
    return str(value)


def _syntax(message: str) -> tuple[int | None, str, str]:
    """`Expected '=' (at line 3, column 5)` with its line in front."""
    text, _, place = message.rpartition(" (at line ")
    number = place.partition(",")[0]
    return (int(number), text, "") if number.isdigit() else (None, message, "")
