"""Runs scenarios, many at a time, each with its own fakes, target and history.

    control.answers first: where it fails, nothing else can be said of that kind of call
    then every case, the longest first, as many at a time as there are jobs; in target time where it can be had, and
        again until its verdict stands (`ladder.py`)
    then, alone and one after the other, every case whose verdict hangs on a figure that a quieter machine might change

A case that crashes, or whose target does not start, is inconclusive and touches no other.
"""

from __future__ import annotations

import asyncio
import shlex
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ..fakes.clock import Clock, RealClock
from ..reports.results import CaseResult, Results, TargetResult, gate_of
from ..version import __version__
from . import checks, unjudged
from .account import environment, not_applicable, row_result
from .case import Finished, Slip, play
from .clock import WarpClock, rests
from .conduct import Conduct
from .contract import written
from .history import append
from .ladder import HIGHEST, LEAPING, REAL, Pace, Trial, alone, first_pace, next_pace
from .rig import OutOfReach, Rig
from .scenario import Level, Scenario
from .selection import ALWAYS
from .target_file import TargetFile
from .targets import TargetFailed
from .targets.make import Targets
from .warping import why_not_running, why_real

WARPED_JOBS = 6
"""Cases at a time in target time: three for each of two CPUs keep both at work; 4 and 8 were slower there."""
RESTS_WITHIN = 2.0
"""Wall seconds in which a target that has nothing to do has to come to rest."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run and how."""

    file: TargetFile
    file_name: str
    scenarios: tuple[Scenario, ...]
    seed: int = 0
    jobs: int = 16
    """Cases at a time in real time, in which they wait far more than they work."""
    profile: str = "claimed"
    fail_on: Level = Level.MUST
    case: str | None = None
    report_dir: Path = Path("brownout-report")
    histories: str = "histories"
    """The folder of the saved histories, inside `report_dir`."""
    options: tuple[str, ...] = ()
    """Further words of the command that runs a case again."""
    again: str = ""
    """The command that repeats the whole run."""
    warped_jobs: int | None = None
    """Cases at a time in target time, which is all work; `WARPED_JOBS` where it is None."""
    clock: Literal["auto", "real", "warp"] = "real"
    """auto is target time where it can be had; warp is that or nothing."""
    rate: float | None = None
    """How many times as fast as wall time target time begins for every row; it leaps where that is None."""

    def repeat(self, *rows: str, case: str = "") -> str:
        """The command that runs some rows again, or a case of them."""
        words = ["brownout", "run", self.file_name, *rows, *(["--case", case] if case else []), *self.options]
        return shlex.join([*words, "--seed", str(self.seed)])


@dataclass(slots=True)
class Ladder:
    """A case on its way down to a pace at which its verdict stands."""

    scenario: Scenario
    case: str
    pace: Pace | None
    """How it is to be run next; None when it has been run."""
    trials: list[list[Trial]] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    """The case itself, and the row that follows every case."""


class NoTargetTime(Exception):  # it is no error of the program's
    """Target time was asked for, and cannot be had; the message says why."""


class Engine:
    """Runs a plan; `progress` is told of every case that ends."""

    def __init__(self, plan: Plan, progress: Callable[[Finished], None] = lambda finished: None) -> None:
        self._plan = plan
        self._progress = progress
        self._clock: Clock = RealClock()
        self._one_process = not plan.file.fresh
        self._waiting = asyncio.Semaphore(1 if self._one_process else plan.jobs)
        self._hurrying = asyncio.Semaphore(plan.warped_jobs or WARPED_JOBS)
        self._highest = plan.rate
        """The highest rate of target time; None where it leaps."""
        self._why_no_leaps = ""
        self._why_real = "as asked for" if plan.clock == "real" else why_real(plan.file)
        self._targets = Targets(plan.file, self._clock, warped=self._warped)
        self._finished: list[Finished] = []
        self._after = next((scenario for scenario in plan.scenarios if scenario.after), None)
        self._shared: Rig | None = None
        self._conduct = Conduct()
        self._presented: tuple[str | None, str | None] = (None, None)
        """Name and version as the target itself has told them."""
        self.interrupted = False
        """Whether the run was cancelled; its results then say so of every case that had not ended."""
        if plan.clock == "warp" and self._why_real is not None:
            raise NoTargetTime(f"there is no target time here: {self._why_real}")

    async def run(self) -> Results:
        """Run everything and say what it comes to; `TargetFailed` where not even fair weather could be tried."""
        started, began = datetime.now(UTC), self._clock.nanoseconds()
        try:
            async with self._targets:
                if self._one_process:
                    async with self._rig(REAL) as self._shared:
                        await self._everything()
                    self._conduct.saw("the whole run", self._shared.events)
                else:
                    await self._try_target_time()
                    await self._everything()
        except asyncio.CancelledError:
            self.interrupted = True
            self._unsettled()
            self._unfinished()
        except BaseExceptionGroup as several:
            lost = several.subgroup(NoTargetTime)
            if lost is None:
                raise
            raise NoTargetTime(self._why_real) from None
        return self._results(started, (self._clock.nanoseconds() - began) / 1e9)

    @property
    def _warped(self) -> bool:
        return self._why_real is None

    async def _try_target_time(self) -> None:
        """See on a target of its own, which no row is judged by, whether it lives in target time."""
        if not self._warped:
            return
        try:
            async with self._rig(first_pace(0, self._highest)) as rig:
                if why := await why_not_running(rig):
                    self._give_up_target_time(why)
                assert isinstance(rig.clock, WarpClock)
                self._see_strangers(rig)
                if self._highest is None and not await rests(rig.clock, RESTS_WITHIN):
                    self._give_up_leaps("the target never rests")
        except OutOfReach as out:
            self._give_up_target_time(str(out))

    def _give_up_target_time(self, why: str) -> None:
        self._why_real = self._why_real or f"the target does not live in target time: {why}"
        if self._plan.clock == "warp":
            raise NoTargetTime(self._why_real)

    def _see_strangers(self, rig: Rig) -> None:
        if self._highest is None and isinstance(rig.clock, WarpClock) and (who := rig.clock.stranger) is not None:
            self._give_up_leaps(f"the target talks to {who}, where time does not leap")

    def _give_up_leaps(self, why: str) -> None:
        self._highest, self._why_no_leaps = HIGHEST, f", without leaps: {why}"

    @property
    def clock(self) -> str:
        """Which time the target lives in, in words."""
        if self._warped:
            how = (
                "with leaps" if self._highest is None else f"up to {self._highest:g} times as fast{self._why_no_leaps}"
            )
            return f"target time, {how}"
        return "real time" if self._plan.clock == "real" else f"real time: {self._why_real}"

    async def _everything(self) -> None:
        rows = [scenario for scenario in self._plan.scenarios if not scenario.after]
        broken = await self._control([scenario for scenario in rows if scenario.id == ALWAYS])
        rest = [(s, case) for s in rows if s.id != ALWAYS for case in self._cases(s)]
        rest.sort(key=lambda pair: -pair[0].seconds)
        # All of them once first: what has to be seen again at a lower rate needs the machine's peace, too.
        unsettled: list[Ladder] = []
        async with asyncio.TaskGroup() as group:
            for scenario, case in rest:
                group.create_task(self._case(scenario, case, broken, unsettled))
        async with asyncio.TaskGroup() as group:
            for ladder in sorted(unsettled, key=lambda one: -one.scenario.seconds):
                group.create_task(self._descend(ladder))
        await self._quietly()

    def _cases(self, scenario: Scenario) -> list[str]:
        return [case for case in scenario.case_names if scenario.id == ALWAYS or self._plan.case in (None, case)]

    async def _control(self, controls: Iterable[Scenario]) -> dict[bool, str]:
        """Why plain (False) or streamed (True) calls do not work at all, where they do not."""
        broken: dict[bool, str] = {}
        for scenario in controls:
            for case in self._cases(scenario):
                result = await self._case(scenario, case, broken)
                if result is not None and result.verdict in ("fail", "inconclusive"):
                    streamed = scenario.case(case).streamed
                    kind = "streamed" if streamed else "plain"
                    broken[streamed] = f"{ALWAYS} failed for {kind} calls: {result.reason}"
        return broken

    async def _quietly(self) -> None:
        """Run again, alone, what may have failed only because the machine was busy; the quiet verdict counts."""
        if self._plan.jobs == 1 or self._one_process:
            return
        for shaky in [one for one in self._finished if self._unsure(one) and not one.scenario.after]:
            name = _name(shaky.scenario, shaky.result.case)
            seen = [shaky, *(one for one in self._finished if one.scenario.after and one.result.case == name)]
            self._finished = [one for one in self._finished if one not in seen]
            pace = LEAPING if self._warped and self._highest is None else REAL
            ladder = Ladder(shaky.scenario, shaky.result.case, pace)
            if pace.leaps:  # what was seen by then counts, and one more look is enough where it shows the same
                ladder.trials.append([one.trial for one in seen if one.trial is not None])
            await self._descend(ladder)

    def _unsure(self, finished: Finished) -> bool:
        """Whether a quieter machine might change a verdict; one in real time has no lower rate to go to."""
        return finished.shaky or (self._warped and finished.trial is not None and alone(finished.trial))

    async def _case(
        self, scenario: Scenario, case: str, broken: dict[bool, str], unsettled: list[Ladder] | None = None
    ) -> CaseResult | None:
        streamed = scenario.case(case).streamed
        if (missing := not_applicable(scenario, case, self._plan.file, self._plan.profile)) is not None:
            return self._note(Finished(scenario, missing))
        if streamed in broken:
            return self._note(Finished(scenario, CaseResult(case, "inconclusive", broken[streamed])))
        async with self._place:
            begin = Pace(self._plan.rate) if self._plan.rate else first_pace(scenario.seconds, self._highest)
            ladder = Ladder(scenario, case, begin if self._warped else REAL)
            await self._step(ladder)
            while ladder.pace is not None and ladder.pace.leaps:  # it keeps its place: the longest began first
                await self._step(ladder)
        if unsettled is not None and ladder.pace is not None:
            unsettled.append(ladder)
            return None
        return await self._descend(ladder)

    async def _descend(self, ladder: Ladder) -> CaseResult:
        """Run a case again until its verdict stands."""
        while ladder.pace is not None:
            async with self._place:
                await self._step(ladder)
        return self._note_all(ladder.finished)

    @property
    def _place(self) -> asyncio.Semaphore:
        """One of the places for cases that run side by side."""
        return self._hurrying if self._warped else self._waiting

    async def _step(self, ladder: Ladder) -> None:
        """Run a case once, and find out whether and where it has to be run again."""
        ladder.finished = await self._guarded(ladder.scenario, ladder.case, ladder.pace or REAL)
        ladder.trials.append([one.trial for one in ladder.finished if one.trial is not None])
        rows = [list(row) for row in zip(*ladder.trials, strict=False)]  # a crashed one has none, and stands
        highest = None if ladder.pace is not None and ladder.pace.leaps else self._highest
        lower = [found for row in rows if (found := next_pace(row, highest)) is not None]
        ladder.pace = min(lower, key=lambda one: (one.leaps, one.rate)) if lower and self._warped else None

    async def _guarded(self, scenario: Scenario, case: str, pace: Pace) -> list[Finished]:
        """One case; whatever happens to it touches no other. Only fair weather has to work."""
        repeat = self._plan.repeat(scenario.id, case=case)
        slip = Slip(
            self._plan.file, scenario, case, self._plan.seed, self._plan.report_dir, self._plan.histories, repeat
        )
        try:
            if self._shared is not None:
                return await self._on(slip, self._shared)
            async with self._rig(pace) as rig:
                finished = await self._on(slip, rig)
                await rig.look()  # children that started late, too
                self._see_strangers(rig)
                seen = len(rig.events)
            self._conduct.saw(_name(scenario, case), rig.events)
            append(self._plan.report_dir / finished[0].result.history, rig.ending(seen))
        except OutOfReach as out:
            self._give_up_target_time(str(out))
            return await self._guarded(scenario, case, REAL)
        except Exception as error:
            if scenario.id == ALWAYS:
                raise
            known = isinstance(error, TargetFailed)
            reason = "the target did not start" if known else "the harness itself failed"
            doubt = str(error) if known else traceback.format_exc()
            return [Finished(scenario, CaseResult(case, "inconclusive", reason, doubts=[doubt], repeat=repeat))]
        return finished

    async def _on(self, slip: Slip, rig: Rig) -> list[Finished]:
        finished = [await play(slip, rig)]
        self._presented = tuple(rig.without_keys([*rig.target.presented]))
        await rig.fair()
        heals = slip.scenario.id != ALWAYS and slip.scenario.heals and not finished[0].over
        if self._after is not None and heals:
            name = _name(slip.scenario, slip.case)
            repeat = self._plan.repeat(slip.scenario.id, self._after.id, case=slip.case)
            finished.append(await play(replace(slip, scenario=self._after, case=name, repeat=repeat), rig))
        return finished

    def _rig(self, pace: Pace) -> Rig:
        if not self._warped:
            return Rig(self._plan.file, self._clock, self._targets.one)
        clock = WarpClock()
        return Rig(self._plan.file, clock, lambda rig: self._targets.one(rig, clock), pace)

    def _note_all(self, finished: list[Finished]) -> CaseResult:
        for after in finished[1:]:
            self._note(after)
        return self._note(finished[0])

    def _note(self, finished: Finished) -> CaseResult:
        self._finished.append(finished)
        self._progress(finished)
        return finished.result

    def _unsettled(self) -> None:
        """Nobody is accused by what would have been run again alone."""
        for finished in self._finished:
            if self._unsure(finished) and finished.result.verdict == "fail":
                doubt = f"{finished.result.reason}; the run was interrupted before this could be seen again alone"
                finished.result.verdict, finished.result.reason = "inconclusive", doubt
                finished.result.doubts.insert(0, doubt)

    def _unfinished(self) -> None:
        ended = {(finished.scenario.id, finished.result.case) for finished in self._finished}
        for scenario in self._plan.scenarios:
            for case in [] if scenario.after else self._cases(scenario):
                if (scenario.id, case) not in ended:
                    reason = "the run was interrupted before it ended"
                    repeat = self._plan.repeat(scenario.id, case=case)
                    self._finished.append(Finished(scenario, CaseResult(case, "inconclusive", reason, repeat=repeat)))

    def _results(self, started: datetime, wall: float) -> Results:
        plan = self._plan
        rows = [
            row_result(row, (finished.result for finished in self._finished if finished.scenario.id == row.id))
            for row in plan.scenarios
        ]
        name, told = self._presented
        version = plan.file.version if isinstance(plan.file.version, str) else told
        itself = {"target": " ".join(filter(None, (name, told)))} if name or told else {}
        return Results(
            __version__,
            plan.seed,
            started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            round(wall, 3),
            round(sum(case.target_seconds for row in rows for case in row.cases), 3),
            TargetResult(plan.file.name, version, written(plan.file.contract)),
            plan.profile,
            gate_of(rows, plan.fail_on.value),
            rows,
            {**environment(), "clock": self.clock, **itself},
            plan.again or plan.repeat(),
            families={scenario.family: scenario.family_title for scenario in plan.scenarios},
            checks={name: checks.requirement(check) for name, check in checks.load().items()},
            notes=[*unjudged.notes(plan.file.contract, plan.scenarios), *self._conduct.notes()],
        )


def _name(scenario: Scenario, case: str) -> str:
    return scenario.id + (f"[{case}]" if case else "")
