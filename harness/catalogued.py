"""The catalogue as a list of cases, each judged when it is asked for: what the pytest plugin runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..reports.results import CaseResult, Results, RowResult, stronger
from . import finding, settings
from .engine import Engine, Plan
from .scenario import Level, Scenario
from .selection import ALWAYS, select
from .target_file import TargetFile


@dataclass(frozen=True, slots=True)
class Order:
    """One case that is to be judged."""

    name: str
    """The target, as it was named."""
    file: TargetFile
    row: Scenario
    case: str
    seed: int
    fail_on: Level

    def __str__(self) -> str:
        """The row, and its case."""
        return f"{self.row.id}[{self.case}]" if self.case else self.row.id


@dataclass(frozen=True, slots=True)
class Judged:
    """One case, judged."""

    row: RowResult
    case: CaseResult
    gated: bool
    """Whether the gate asks for the row."""

    @property
    def verdict(self) -> str:
        """pass, fail, inconclusive or not_applicable."""
        return self.case.verdict

    @property
    def story(self) -> str:
        """What was promised, what was seen, and how to see it again."""
        lines = [f"{self.row.id}: {self.row.title}", f"{self.verdict.replace('_', ' ')}: {self.case.reason}"]
        for violation in self.case.violations:
            proof = f" ({', '.join(violation.evidence)})" if violation.evidence else ""
            lines.append(f"  saw {violation.saw}; promised: {violation.promised}{proof}")
        lines += [f"  {doubt}" for doubt in self.case.doubts if self.verdict == "inconclusive"]
        return "\n".join([*lines, *([f"repeat: {self.case.repeat}"] if self.case.repeat else [])])

    def passes(self) -> None:
        """Fail the test unless the verdict is pass; what could not be judged does not pass."""
        __tracebackhide__ = True
        if self.verdict != "pass":
            raise AssertionError(self.story)


def orders(
    target: str | None,
    patterns: Sequence[str],
    folder: Path,
    seed: int | None = None,
    *,
    level: str = "may",
    fail_on: str | None = None,
) -> list[Order]:
    """Every case of the rows selected."""
    found = finding.find(target, folder)
    file = found.read()
    rows = finding.catalogue(*(Path(path) for path in file.run.scenarios))
    chosen = select(rows, [*patterns] or file.run.select, Level(level))
    return [
        Order(
            str(found.path) if found.path.is_relative_to(folder) else found.name,
            file,
            row,
            case,
            file.run.seed if seed is None else seed,
            Level(fail_on or file.run.fail_on),
        )
        for row in chosen
        for case in row.case_names
        if not row.after
    ]


class Orders:
    """Judges cases: all that are wanted of a target at once, or one by one where it is not known what is wanted."""

    def __init__(self, wanted: Sequence[Order], folder: Path, jobs: int | None) -> None:
        self._wanted = list(wanted)
        self._folder = folder
        self._jobs = jobs
        self._judged: dict[tuple[str, int, str, str], Judged] = {}

    def judged(self, order: Order) -> Judged:
        """The verdict of a case, which is run unless it has been."""
        if _key(order) not in self._judged:
            alike = [other for other in self._wanted if (other.name, other.seed) == (order.name, order.seed)]
            self._run(alike or [order])
        return self._judged[_key(order)]

    def _run(self, alike: Sequence[Order]) -> None:
        first = alike[0]
        chosen = {order.row.id: order.row for order in alike}
        alone = alike[0].case if len(alike) == 1 and alike[0].case and first.row.id != ALWAYS else None
        plan = Plan(
            first.file,
            first.name,
            tuple(chosen.values()),
            first.seed,
            self._jobs or first.file.run.jobs or settings.jobs(first.file),
            first.file.run.profile,
            first.fail_on,
            alone,
            self._folder,
            warped_jobs=self._jobs or first.file.run.jobs,
            clock=first.file.run.clock,
            rate=first.file.run.rate,
        )
        results = _in_thread(plan)
        by_row = {row.id: row for row in results}
        for order in alike:
            row = by_row[order.row.id]
            case = next(case for case in row.cases if case.case == order.case)
            self._judged[_key(order)] = Judged(row, case, stronger(order.row.level.value, order.fail_on.value))


def _key(order: Order) -> tuple[str, int, str, str]:
    return order.name, order.seed, order.row.id, order.case


def _in_thread(plan: Plan) -> list[RowResult]:
    """Run a plan in a thread of its own, since a loop may run in this one; Ctrl-C ends it, and what it started."""
    begun: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[object]]] = []
    made: list[Results] = []
    failed: list[BaseException] = []

    async def run() -> Results:
        task = asyncio.current_task()
        assert task is not None
        begun.append((asyncio.get_running_loop(), task))
        return await Engine(plan).run()

    def work() -> None:
        try:
            made.append(asyncio.run(run()))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="brownout-engine")
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        for loop, task in begun:
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if failed:
        raise failed[0]
    return made[0].results
