"""What a run is told: by the command line, `BROWNOUT_*` variables, the target file or a default, in this order."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import Any

import msgspec

from .target_file import Run, TargetFile

CASES_FOR_EACH_CPU = {"python": 8, "command": 6, "http": 6}
"""Scenarios wait far more than they work, and yet more is not better.

Measured on two CPUs with `openai-sdk`, 790 s of waiting of which one scenario has 71 s: 79 s at 12, 24 and 48 at once,
76 s at 96; and at 96 callers that all retry at once came back so spread by the crowded machine that they passed for
jittered.
"""
MOST_JOBS = 64


def overlaid(run: Run, given: Mapping[str, Any]) -> Run:
    """The file's settings under those of the command line and the environment."""
    said = {name: value for name, value in given.items() if value not in (None, ())}
    return msgspec.convert({**msgspec.to_builtins(run), **said}, Run)


def jobs(file: TargetFile) -> int:
    """How many scenarios at a time, where nobody says."""
    if not file.fresh:
        return 1
    kind = next(name for name in CASES_FOR_EACH_CPU if getattr(file.call, name) is not None)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_JOBS, CASES_FOR_EACH_CPU[kind] * cpus)


def words(run: Run, file: Run, *names: str) -> tuple[str, ...]:
    """The options that say of a command line what differs from the file."""
    said: list[str] = []
    for name in names:
        value = getattr(run, name)
        if value != getattr(file, name) and value is not None:
            for one in value if isinstance(value, tuple) else (value,):
                said += [f"--{name.replace('_', '-')}", f"{one:g}" if isinstance(one, float) else str(one)]
    return tuple(said)


def command(target: str, run: Run, file: Run, case: str | None) -> str:
    """The command that repeats a whole run."""
    options = words(run, file, "profile", "level", "fail_on", "repeat", "clock", "rate", "scenarios", "baseline")
    chosen = ("--case", case) if case is not None else ()
    return shlex.join(["brownout", "run", target, *run.select, *chosen, *options, "--seed", str(run.seed)])
