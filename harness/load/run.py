"""One load run: the rig, the users, the weather over time, and what it all comes to."""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ...fakes.answer import Answer
from ...fakes.clock import RealClock
from ...fakes.faults import Door, name_of
from ...fakes.journal import fingerprint
from ...fakes.weather import Weather
from ...reports.results import Results, TargetResult, gate_of
from ...version import __version__
from .. import checks
from ..account import environment
from ..clock import Metronome
from ..conduct import Conduct
from ..contract import written
from ..history import Heading, History, Incident
from ..rig import Rig
from ..scenario import Level
from ..stage import PATIENCE
from ..target_file import TargetFile
from ..targets.http import HttpTarget
from ..targets.make import Targets
from . import crowd, curves, rows
from .desk import Desk
from .judging import judged
from .ledger import Ledger
from .profile import Profile, Spell
from .swarm import Swarm
from .wire import Settings

SWEEP = 0.5
"""Seconds between two looks at what has ended."""
BEAT = 20_000_000
ECHO_LETTERS = 5
"""Characters of a streamed piece of what is repeated: placeholders come in several."""
WHOLE = "load.jsonl"
"""The file with the whole history, in the report directory."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run and how."""

    file: TargetFile
    file_name: str
    profile: Profile
    seed: int = 0
    processes: int = 1
    master: int | None = None
    """The port on which Locust waits for so many workers that are started by hand; None where it makes them itself."""
    locust: tuple[str, ...] = ()
    """More words for Locust's command line."""
    fail_on: Level = Level.MUST
    report_dir: Path = Path("brownout-report")
    options: tuple[str, ...] = ()
    """Further words of the command that repeats the run."""

    @property
    def repeat(self) -> str:
        """The command that repeats the run."""
        profile = self.profile
        words = ["brownout", "load", self.file_name, "--profile", profile.name, "--users", str(profile.users)]
        words += ["--duration", f"{profile.seconds:g}s"]
        if self.master is not None:
            words += ["--master", "--expect-workers", str(self.processes), "--master-bind-port", str(self.master)]
        elif self.processes > 1:
            words += ["--processes", str(self.processes)]
        words += [*self.options, "--seed", str(self.seed)]
        return shlex.join([*words, *(["--locust", shlex.join(self.locust)] if self.locust else [])])

    @property
    def streamed(self) -> float:
        """The part of the users that ask for streams: none where the target promises none."""
        return self.profile.streamed if self.file.contract.claims("stream") else 0.0


class LoadRun:
    """Runs a plan; `progress` is told how many seconds have passed and how many calls have been made."""

    def __init__(self, plan: Plan, progress: Callable[[float, int], None] = lambda seconds, calls: None) -> None:
        self._plan = plan
        self._progress = progress
        self._clock = RealClock()
        self._events: list[Incident] = []
        self.interrupted = False
        """Whether the run was cancelled; what had come until then is judged."""

    async def run(self) -> Results:
        """Run it and say what it comes to; `TargetFailed` where target or Locust do not run."""
        plan, started, began = self._plan, datetime.now(UTC), self._clock.nanoseconds()
        plan.report_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="brownout-") as name:
            folder = Path(name)
            async with Targets(plan.file, self._clock) as targets:
                rig = Rig(plan.file, self._clock, targets.one)
                async with rig:
                    said = await self._gather(rig)
                    ledger = Ledger(folder / "shelves", rig)
                    heading = self._heading(rig)
                    await self._load(rig, ledger, heading, folder, said)
                    spent = {"target": rig.busy_seconds()}
                ledger.sweep(everything=True)
            ledger.close()
            frame = History(heading, logs=rig.logs, events=sorted([*self._events, *rig.events], key=lambda one: one.at))
            ledger.conceal(frame)
            found, experienced = judged(rows.ROWS, ledger, frame, plan.report_dir, plan.repeat)
            # What the run gave no occasion for is not expected of its history either.
            applied = {row.id for row in found if row.verdict != "not_applicable"}
            known = [row.expectation(heading.contract) for row in rows.ROWS if row.id in applied]
            frame.expectations = [expectation for expectation in known if expectation is not None]
            ledger.save(plan.report_dir / WHOLE, frame)
            load = curves.told(ledger, frame, plan.profile, experienced, spent, WHOLE)
        conduct = Conduct()
        conduct.saw("the load run", rig.events)
        version = plan.file.version
        return Results(
            __version__,
            plan.seed,
            started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            round((self._clock.nanoseconds() - began) / 1e9, 3),
            round(heading.seconds, 3),
            TargetResult(plan.file.name, version if isinstance(version, str) else None, written(plan.file.contract)),
            plan.profile.name,
            gate_of(found, plan.fail_on.value),
            found,
            {**environment(), "clock": "real time"},
            plan.repeat,
            families={"load": "The same promises at full traffic."},
            checks={name: checks.requirement(check) for name, check in checks.load().items()},
            interrupted=self.interrupted,
            load=load,
            notes=conduct.notes(),
        )

    async def _gather(self, rig: Rig) -> crowd.Crowd:
        """Make the users somebody, where the target masks what they say, and have the fakes repeat it on demand."""
        pii = self._plan.file.contract.pii
        people = await asyncio.to_thread(crowd.gathered, pii, self._plan.profile.users, self._plan.seed)
        rig.plant(value for person in people for value in person.values)
        found = crowd.crowd_of(people, pii)
        if found.restores:
            for server in rig.fakes.values():
                server.answer = Answer(echo=True, echo_asked=crowd.REPEAT, letters=ECHO_LETTERS)
        return found

    async def _load(self, rig: Rig, ledger: Ledger, heading: Heading, folder: Path, said: crowd.Crowd) -> None:
        """Let the users call and the weather change, to the end or to Ctrl-C."""
        plan = self._plan
        patience = plan.file.contract.deadline + PATIENCE
        desk = Desk(folder / "desk", rig.target, self._clock, rig.origin, patience, said, ledger.call)
        asking = rig.target.asking if isinstance(rig.target, HttpTarget) else None
        profile = plan.profile
        settings = Settings(
            str(desk.socket),
            profile.name,
            profile.seconds,
            profile.users,
            plan.streamed,
            patience,
            plan.seed,
            plan.processes,
            asking,
        )
        swarm = Swarm(settings, (plan.report_dir / "locust.log").absolute(), plan.locust, master=plan.master)
        began = self._clock.nanoseconds()
        await desk.start()
        async with Metronome(self._clock, BEAT) as metronome:
            others: list[asyncio.Task[None]] = []
            try:
                await swarm.start()
                others = [
                    asyncio.ensure_future(self._weather(rig, desk)),
                    asyncio.ensure_future(self._sweep(ledger)),
                ]
                await swarm.wait()
            except asyncio.CancelledError:
                self.interrupted = True
            finally:
                for task in others:
                    task.cancel()
                await asyncio.gather(*others, return_exceptions=True)
                await swarm.stop()
                await desk.stop()
                heading.seconds = heading.wall_seconds = (self._clock.nanoseconds() - began) / 1e9
            heading.noise = metronome.noise().worst

    async def _weather(self, rig: Rig, desk: Desk) -> None:
        """Change the weather as the profile says, counted from the first users on."""
        await desk.began.wait()
        began = self._clock.nanoseconds()
        self._note(rig, "users", most=self._plan.profile.users)
        for spell in self._plan.profile.weather:
            await self._until(began, spell.start)
            await self._change(rig, spell)
            await self._until(began, spell.end)
            await self._change(rig, None)

    async def _until(self, began: int, share: float) -> None:
        passed = (self._clock.nanoseconds() - began) / 1e9
        await self._clock.sleep(max(0.0, share * self._plan.profile.seconds - passed))

    async def _change(self, rig: Rig, spell: Spell | None) -> None:
        rules = () if spell is None else spell.rules
        names = [[name_of(fault) for fault in rule.faults] for rule in rules]
        doors = any(isinstance(fault, Door) for rule in rules for fault in rule.faults)
        first = next(iter(rig.fakes.values()))
        self._note(
            rig, "weather", rules=names, doors=doors, at=first.fake.name, name="" if spell is None else spell.name
        )
        await first.change(Weather(rules, self._plan.seed, self._clock.nanoseconds() / 1e9))

    async def _sweep(self, ledger: Ledger) -> None:
        """Write down what has ended, again and again."""
        began = self._clock.nanoseconds()
        while True:
            await self._clock.sleep(SWEEP)
            ledger.sweep()
            self._progress((self._clock.nanoseconds() - began) / 1e9, len(ledger.calls))

    def _note(self, rig: Rig, what: str, **details: object) -> None:
        self._events.append(Incident(self._clock.nanoseconds() - rig.origin, what, details))

    def _heading(self, rig: Rig) -> Heading:
        plan = self._plan
        zero = self._clock.epoch() - (self._clock.nanoseconds() - rig.origin) / 1e9
        keys = {name: [fingerprint(key) or "" for key in server.fake.keys] for name, server in rig.fakes.items()}
        return Heading(
            "load", "", "must", plan.profile.about, plan.file.name, plan.file.contract, plan.seed, zero,
            keys=keys,
        )  # fmt: skip
