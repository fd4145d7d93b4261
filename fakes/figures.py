"""Figures as people write them in files, and as the program holds them.

A duration is written `"250ms"`, `"1m30s"` or as a number of seconds, and held in seconds; so is an offset, which may
have a minus before it. Money is written in dollars and held in integer micro-dollars. Each type says in
`extra["written"]` which of them it is; `conversion` reads that, so that inside the program, and in saved histories,
they are plain numbers.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from msgspec import Meta

MICRO = 1_000_000
"""Micro-dollars in a dollar."""

DURATION: dict[str, Any] = {"extra": {"written": "duration"}, "extra_json_schema": {"x-written": "duration"}}
OFFSET: dict[str, Any] = {"extra": {"written": "offset"}, "extra_json_schema": {"x-written": "offset"}}
MONEY: dict[str, Any] = {"extra": {"written": "money"}, "extra_json_schema": {"x-written": "money"}}

Seconds = Annotated[float, Meta(ge=0, **DURATION)]
"""A duration, which may be nothing."""
Period = Annotated[float, Meta(gt=0, **DURATION)]
"""A duration that is more than nothing."""
Offset = Annotated[float, Meta(**OFFSET)]
"""How far ahead of another a clock is; a negative one is behind."""
Microdollars = Annotated[int, Meta(ge=0, **MONEY)]
"""An amount of money."""
Dollars = Annotated[float, Meta(ge=0)]
"""A price per million tokens, which in micro-dollars per token is the same number."""
Count = Annotated[int, Meta(ge=1)]
"""How many, at least one."""
Share = Annotated[float, Meta(gt=0, le=1)]
"""A part of a whole: 0.5 is half."""
Part = Annotated[float, Meta(ge=0, le=1)]
"""A part of a whole that may be nothing."""
Factor = Annotated[float, Meta(gt=0)]
"""How many times as much."""
Port = Annotated[int, Meta(ge=1, le=65535)]
"""A TCP port."""


def microdollars(dollars: object) -> int:
    """An amount in dollars as integer micro-dollars; a ValueError says what would have been right."""
    right = "write dollars, such as 1.00 or 0.000001"
    if isinstance(dollars, bool) or not isinstance(dollars, int | float | str):
        raise ValueError(f"{dollars!r} is no amount of money: {right}")  # noqa: TRY004  # one error for the caller
    try:
        # Through its shortest text, because 0.1 in the file means a tenth of a dollar, and in binary it is not one.
        exact = Decimal(str(dollars).removeprefix("$")) * MICRO
    except InvalidOperation:
        raise ValueError(f"{dollars!r} is no amount of money: {right}") from None
    if not exact.is_finite() or exact < 0:
        raise ValueError(f"{dollars!r} is no amount of money: it must be finite and not negative")
    if exact != exact.to_integral_value():
        raise ValueError(f"{dollars!r} is less than a micro-dollar exact: {right}")
    return int(exact)


def dollars(amount: int) -> float:
    """Micro-dollars as they are written in files."""
    return amount / MICRO
