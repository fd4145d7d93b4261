"""A client that picks its own weather, without being touched: by its base URL, or by one header.

| the client sends                                       | it meets                                      |
|--------------------------------------------------------|-----------------------------------------------|
| `/weather/stormy/v1/...` for `/v1/...`                 | the weather of that name, instead of the fake's |
| `x-brownout-fault: rate_limited(retry_after=2s)`       | that one fault, whatever the weather          |

The parameters in the header are those of a weather file, read by the same conversion; words need no quotes. Faults that
meet connections cannot be picked: when a request says what it wants, its connection has long been accepted.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from .ask import Request, Trouble
from .conversion import nearest
from .faults import Door, Fault
from .weather import Weather
from .weather_file import fault

HEADER = "x-brownout-fault"
PREFIX = re.compile(r"/weather/([^/]+)(/.*)?", re.DOTALL)
CALL = re.compile(r"\s*(\w+)\s*(?:\((.*)\)\s*)?")
# A word of the parameters, or a text in quotes; what stands before an equals sign is a name and stays as it is.
WORD = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'|([^\s,={}\[\]"']+)(\s*=)?""")


@dataclass(frozen=True, slots=True)
class Picked:
    """What a request has picked: a weather or a fault, neither, or what cannot be had."""

    request: Request
    """As the dialect reads it, without the prefix."""
    weather: Weather | None = None
    fault: Fault | None = None
    trouble: Trouble | None = None


def pick(request: Request, named: Mapping[str, Weather]) -> Picked:
    """What a request picks, of the weathers that have a name."""
    weather = None
    if found := PREFIX.fullmatch(request.path):
        name = unquote(found[1])
        request = replace(request, path=found[2] or "/", prefix=request.path.removesuffix(found[2] or ""))
        weather = named.get(name)
        if weather is None:
            return Picked(request, trouble=Trouble("not_found", _no_weather(name, named)))
    written = [value for name, value in request.headers if name == HEADER]
    if not written:
        return Picked(request, weather)
    if len(written) > 1:
        return Picked(request, trouble=Trouble("bad_request", f"{HEADER}: one request picks one fault"))
    try:
        return Picked(request, weather, read_fault(written[0]))
    except ValueError as error:
        return Picked(request, trouble=Trouble("bad_request", f"{HEADER}: {error}"))


def read_fault(written: str) -> Fault:
    """The fault that `rate_limited(retry_after=2s)` means; a ValueError says what is wrong with it."""
    call = CALL.fullmatch(written)
    if call is None:
        raise ValueError(f"{written!r} is no fault: write rate_limited or rate_limited(retry_after=2s)")
    try:
        made, complaints = fault(call[1], _parameters(call[2] or ""), ())
    except RecursionError as error:
        raise ValueError("the parameters are nested too deeply") from error
    if made is None or complaints:
        told = [f"{complaint.text}; {complaint.hint}".rstrip("; ") for complaint in complaints]
        raise ValueError(". ".join(told))
    if isinstance(made, Door):
        why = f"{call[1]} meets connections before there is a request: a request cannot pick it"
        raise ValueError(why)  # noqa: TRY004  # it is the text that is wrong
    return made


def _parameters(written: str) -> dict[str, Any]:
    """The parameters between the parentheses: an inline table of TOML in which words need no quotes."""
    try:
        table = tomllib.loads(f"parameters = {{ {WORD.sub(_quoted, written)} }}")
    except ValueError as error:
        raise ValueError(f"({written}) cannot be read: write (name=value, ...)") from error
    found: dict[str, Any] = table["parameters"]
    return found


def _quoted(found: re.Match[str]) -> str:
    word, name = found.groups()
    if word is None or name is not None:
        return found[0]
    try:
        value = tomllib.loads(f"value = {word}")["value"]
    except ValueError:
        value = None
    return word if isinstance(value, bool | int | float) else '"' + word.replace("\\", "\\\\") + '"'


def _no_weather(name: str, named: Mapping[str, Weather]) -> str:
    hint = nearest(name, named) or ("known: " + ", ".join(sorted(named)) if named else "no weather here has a name")
    return f'There is no weather named "{name}"; {hint}'
