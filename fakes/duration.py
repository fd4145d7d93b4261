"""Durations as people write them: `250ms`, `2s`, `1m30s`, `24h`; a bare number is seconds."""

from __future__ import annotations

import re

UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}
AMOUNT = r"(\d+(?:\.\d+)?)"
NUMBER = re.compile(AMOUNT)
# Each unit at most once, the greatest first.
UNITED = re.compile("".join(f"(?:{AMOUNT}{unit})?" for unit in UNITS))


def seconds(duration: object) -> float:
    """A duration in seconds; a ValueError says what would have been right."""
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        if not 0 <= duration < float("inf"):
            raise ValueError(f"{duration!r} is no duration: it must be finite and not negative")
        return float(duration)
    if isinstance(duration, str):
        if NUMBER.fullmatch(duration):
            return float(duration)
        found = UNITED.fullmatch(duration)
        if found and duration:
            pairs = zip(found.groups(), UNITS.values(), strict=True)
            return sum(float(amount) * unit for amount, unit in pairs if amount)
    raise ValueError(f'{duration!r} is no duration: write "250ms", "2s", "1m30s", "24h", or a number of seconds')


def signed(duration: object) -> float:
    """A duration that may be negative, such as `-5m`, in seconds."""
    if isinstance(duration, str) and duration.startswith("-"):
        return -seconds(duration[1:])
    if isinstance(duration, int | float) and duration < 0:
        return -seconds(-duration)
    return seconds(duration)


def written(duration: float) -> str:
    """A duration as one reads it most easily: `250ms`, `1.5s`, `1m30s`, `24h`."""
    if duration < 1:
        return f"{duration * 1000:g}ms" if duration else "0s"
    if duration < 60:
        return f"{duration:g}s"
    left, text = round(duration, 3), ""
    for unit in ("h", "m"):
        count, left = divmod(left, UNITS[unit])
        text += f"{count:.0f}{unit}" if count else ""
    return text + (f"{left:g}s" if left else "")
