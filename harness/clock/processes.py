"""Looks at the running processes of a target: which there are, what they cost, and whether they live on a clock."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from .library import PATH
from .programs import why_not_program
from .warp import WarpClock

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PROBE_LEAP = 60.0
PATIENCE = (0.01, 0.04, 0.2, 0.0)


def family(pid: int) -> list[int]:
    """A process and all its living descendants."""
    children: dict[int, list[int]] = {}
    for child, parent, state in _all_processes():
        if state not in "ZX":
            children.setdefault(parent, []).append(child)
    found = [pid]
    for member in found:
        found.extend(children.get(member, []))
    return found


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process and its living descendants have used, in wall seconds; `rate` magnifies it."""
    return sum(_ticks(member) for member in family(pid)) / TICKS


def why_not_process(clock: WarpClock, pid: int) -> str | None:
    """Why a running process is not on a clock; None when it is, or has ended meanwhile."""
    try:
        program = str((PROC / str(pid) / "exe").readlink()).removesuffix(" (deleted)")
        maps = (PROC / str(pid) / "maps").read_text(errors="replace")
        environment = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:
        return f"process {pid} belongs to somebody else, and cannot be looked at"
    reason = why_not_program(program) if Path(program).exists() else None
    if reason:
        return reason
    if clock.shared_by(maps):
        return None
    name = f"{program} (process {pid})"
    if not any(word.startswith(b"LD_PRELOAD=") and os.fsencode(PATH.name) in word for word in environment):
        return f"{name} was started without LD_PRELOAD, by a program that scrubs the environment"
    if PATH.name not in maps:
        return f"{name} was told to load {PATH.name} and did not"
    return f"{name} could not join the control block: it runs in a sandbox, as another user, or without BROWNOUT_CLOCK"


async def why_not_family(clock: WarpClock, pid: int) -> str | None:
    """Why a running target is not on a clock, wholly; the reason names the first process that is not.

    A program that is just being started has not joined the clock yet, and is given a moment.
    """
    for patience in PATIENCE:
        reasons = (why_not_process(clock, member) for member in family(pid))
        reason = next((reason for reason in reasons if reason), None)
        if reason is None:
            break
        await asyncio.sleep(patience)
    return reason


async def why_not_target(clock: WarpClock, pid: int, exchange: Callable[[], Awaitable[float | None]]) -> str | None:
    """Why a running target does not live on a clock, having asked it; None when it does.

    `exchange` is one fair exchange with the target; it returns the date that the target's reply carries, in seconds
    since 1970, or None where it carries none. The clock leaps a minute first, so that a reply with the real date gives
    itself away, and a target that reads no clock and waits for nothing through the C library does so too.
    """
    reason = await why_not_family(clock, pid)
    if reason:
        return reason
    clock.leap(PROBE_LEAP)
    clock.attached()  # what was seen before does not count
    date = await exchange()
    if date is not None and abs(date - time.time()) < abs(date - clock.epoch()):
        return "the target's replies carry the real date"
    if not any(process.has_read or process.has_waited for process in clock.attached()):
        return "the target answers without reading a clock or waiting through the C library"
    return await why_not_family(clock, pid)


def _all_processes() -> Iterator[tuple[int, int, str]]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (words := _stat(int(entry.name))):
            yield int(entry.name), int(words[1]), words[0]


def _ticks(pid: int) -> int:
    words = _stat(pid)
    return int(words[11]) + int(words[12]) if words else 0


def _stat(pid: int) -> list[str]:
    """The words of a process's description from its state on; none when it has ended."""
    try:
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
