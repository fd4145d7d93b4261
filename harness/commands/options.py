"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
FORMATS = ("html", "junit", "md", "json")


def option(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    """An option that an environment variable may give as well: `--fail-on` is `BROWNOUT_FAIL_ON`."""
    name = next(name for name in names if name.startswith("--"))
    return click.option(*names, envvar="BROWNOUT" + name[1:].replace("-", "_").upper(), **attributes)


def several(allowed: tuple[str, ...]) -> Callable[[click.Context, click.Parameter, str | None], tuple[str, ...] | None]:
    """Reads a list such as `html,junit`."""

    def read(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        if wrong := [name for name in names if name not in allowed]:
            raise click.BadParameter(f'"{wrong[0]}" is none of {", ".join(allowed)}')
        return names

    return read
