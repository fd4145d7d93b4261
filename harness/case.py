"""One scenario, one case: performed on a rig, judged, and saved."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass
from pathlib import Path

from ..fakes.clock import RealClock
from ..fakes.journal import fingerprint
from ..reports.results import CaseResult
from . import checks
from .account import case_result, history_path
from .clock import Metronome, leaping
from .history import Heading, History
from .ladder import ACCUSING, Trial
from .noise import lag, lateness
from .pii.concealing import conceal
from .rig import Rig
from .scenario import Scenario
from .stage import Stage, perform
from .target_file import TargetFile
from .verdict import Verdict, judge

BEAT, SLOW_BEAT = 5_000_000, 20_000_000
"""Wall nanoseconds from beat to beat: often where little time is much, seldom where many cases run side by side."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One case, judged; `shaky` is a verdict that a quieter machine might change."""

    scenario: Scenario
    result: CaseResult
    shaky: bool = False
    trial: Trial | None = None
    """How it was judged, where it was run."""
    over: bool = False
    """Whether its target has ended with it."""


@dataclass(frozen=True, slots=True)
class Slip:
    """What is to be run: a case of a scenario, against a target, with a seed."""

    file: TargetFile
    scenario: Scenario
    case: str
    seed: int
    report_dir: Path
    histories: str
    """The folder of the saved histories, inside `report_dir`."""
    repeat: str
    """The command that runs it again."""


async def play(slip: Slip, rig: Rig) -> Finished:
    """Run a case on a rig and judge it."""
    history = History(_heading(slip, rig))
    stage = Stage(history, rig.fakes, rig.target, rig.clock, rig.origin, fresh=slip.file.fresh)
    exchanges, logs, events = len(rig.exchanges()), len(rig.logs), len(rig.events)
    wall = RealClock()
    began, wall_began = rig.clock.nanoseconds(), wall.nanoseconds()
    busy = rig.busy_seconds()
    value = [slip.scenario.case(slip.case).value] if slip.scenario.cases else []
    beat = BEAT if rig.clock.rate > ACCUSING else SLOW_BEAT
    async with Metronome(rig.clock, beat) as metronome, leaping(rig.clock):
        try:
            await perform(stage, slip.scenario.run, *value)
        except Exception:  # one scenario's crash must not touch another
            stage.note("scenario_crashed", error=traceback.format_exc())
    for call in history.calls:
        rig.forget_keys(call)
    for event in history.events:
        event.details = rig.without_keys(event.details)
    heading = history.heading
    heading.seconds = (rig.clock.nanoseconds() - began) / 1e9
    heading.wall_seconds = (wall.nanoseconds() - wall_began) / 1e9
    heading.rate = max(1.0, round(heading.seconds / heading.wall_seconds, 2)) if rig.pace.leaps else rig.clock.rate
    history.exchanges = rig.exchanges()[exchanges:]
    # What the target computes is its own affair, as long as nothing magnifies it.
    magnified = (rig.clock.rate - 1) * max(0.0, rig.busy_seconds() - busy)
    noise = metronome.noise()
    heading.noise = noise.worst + magnified / max(1, len(history.exchanges))
    history.logs = rig.logs[logs:]
    history.events = sorted(history.events + rig.events[events:], key=lambda event: event.at)
    rig.plant(stage.personal)
    if rig.personal:
        await asyncio.to_thread(conceal, history, rig.personal)
    judgement = judge(history)
    path = history_path(heading, slip.histories)
    history.save(slip.report_dir / path)
    needed = checks.precision(expectation.check for expectation in history.expectations)
    late = lateness(metronome, history, rig.origin, round(3 * beat * rig.clock.rate))
    trial = Trial(rig.pace, judgement, needed, late, min(magnified, lag(history)), heading.noise)
    stalled = heading.noise > checks.STALL and judgement.verdict is Verdict.INCONCLUSIVE
    result = case_result(history, judgement, slip.repeat, str(path))
    return Finished(slip.scenario, result, judgement.shaky or stalled, trial, stage.over)


def _heading(slip: Slip, rig: Rig) -> Heading:
    zero = rig.clock.epoch() - (rig.clock.nanoseconds() - rig.origin) / 1e9
    return Heading(
        slip.scenario.id,
        slip.case,
        slip.scenario.level.value,
        slip.scenario.title,
        slip.file.name,
        slip.file.contract,
        slip.seed,
        zero,
        keys={name: [fingerprint(key) or "" for key in server.fake.keys] for name, server in rig.fakes.items()},
    )
