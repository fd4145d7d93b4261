"""Plants every defect in the reference integration and sees which rows catch it: `nox -s mutants`.

A mutant is killed when each row it names fails. A `must` row that fails and is neither named nor touched is a false
accusation, and as bad as a survivor. What is run against a mutant: the rows that it names, and one case of half the
other `must` rows that are over in a few seconds, for each mutant others; `--all` runs every row.

However it ends, nothing that it has started outlives it: Ctrl-C and TERM kill those who judge and remove their folders;
should it be killed itself, the kernel kills them. Their targets have keepers, which see to the rest.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as changed
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from types import FrameType

from msgspec.structs import replace
from mutant import Mutant
from planted import MUTANTS

from brownout.harness import scenario
from brownout.harness.case import Finished
from brownout.harness.engine import Engine, Plan
from brownout.harness.loop import run
from brownout.harness.scenario import MUST, Scenario
from brownout.harness.target_file import TargetFile, read
from brownout.harness.targets import keeper
from brownout.scenarios.targets import reference

QUICK = 8.0
"""Seconds up to which an unrelated row is run against every mutant."""
SHARE = 0.5
"""How many of them: all of them together meet every row about a hundred times."""
MODELS = {"anthropic": "claude-sonnet-4-5"}
"""What is asked of providers that do not speak OpenAI's dialect."""
SIDE_BY_SIDE = (os.cpu_count() or 1) + 1
"""Mutants at a time, each in a process of its own: one in three waits."""


@dataclass(frozen=True)
class Caught:
    """What the catalogue said of one mutant."""

    mutant: Mutant
    failed: frozenset[str]
    judged: frozenset[str]

    @property
    def survived(self) -> list[str]:
        """The rows that should have failed and did not."""
        return [row for row in self.mutant.killed_by if row not in self.failed]

    @property
    def accused(self) -> list[str]:
        """The unrelated `must` rows that failed."""
        levels = {row.id: row.level for row in scenario.load().values()}
        return sorted(row for row in self.failed if levels[row] is MUST and not related(self.mutant, row))


def related(mutant: Mutant, row: str) -> bool:
    """Whether a defect may well make a row fail."""
    return any(fnmatchcase(row, pattern) for pattern in (*mutant.killed_by, *mutant.touches, "control.alive-after"))


def plant(mutant: Mutant, folder: Path) -> TargetFile:
    """The reference with the defect in it, in a folder of its own."""
    source = Path(reference.__file__).parent
    package = folder / "mutant"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    for patch in mutant.patches:
        path = package / patch.file
        text = path.read_text("utf-8")
        if text.count(patch.old) != 1:
            raise SystemExit(f"{mutant.name}: {patch.file} has {text.count(patch.old)} times {patch.old!r}")
        path.write_text(text.replace(patch.old, patch.new), "utf-8")
    file = read(source.parent / "reference.toml")
    assert file.call.python is not None
    call = replace(file.call.python, callable="mutant:complete", path=(str(folder),))
    contract = replace(file.contract, **mutant.claims)
    if mutant.dialect != "openai":
        foreign = {"dialect": mutant.dialect, "model": MODELS[mutant.dialect]}
        file = replace(file, providers={name: replace(each, **foreign) for name, each in file.providers.items()})
    file = replace(file, name=mutant.name, call=replace(file.call, python=call), contract=contract)
    return file if mutant.providers == len(file.providers) else with_chain(file, package, mutant.providers)


def with_chain(file: TargetFile, package: Path, count: int) -> TargetFile:
    """The same target with so many providers to ask; the third and those after it are like the second."""
    names = ["primary", "secondary", *(f"spare{number}" for number in range(3, count + 1))][:count]
    entry = package / "__init__.py"
    asked = ", ".join(f'_provider("{name}")' for name in names)
    entry.write_text(entry.read_text("utf-8").replace('_provider("primary"), _provider("secondary")', asked), "utf-8")
    told = ("url", "key", "model", "dialect")
    own = file.start.env.items()
    gone, new = set(file.providers) - set(names), [name for name in names if name not in file.providers]
    kept = {key: value for key, value in own if not any(f"{{{name}." in value for name in gone)}
    env = kept | {f"{name.upper()}_{what.upper()}": f"{{{name}.{what}}}" for name in new for what in told}
    fallback = file.contract.fallback
    assert fallback is not None
    chained = replace(fallback, chain=tuple(names)) if count > 1 else None
    return replace(
        file,
        providers={name: file.providers.get(name, file.providers["secondary"]) for name in names},
        start=replace(file.start, env=env),
        contract=replace(file.contract, fallback=chained),
    )


def chosen(mutant: Mutant, *, every: bool) -> tuple[Scenario, ...]:
    """The rows that are run against a mutant, and with which cases."""
    found, random = [], Random(mutant.name)
    for row in scenario.load().values():
        if every or row.id in mutant.killed_by or row.family == "control":
            found.append(row)
        elif row.level is MUST and row.seconds <= QUICK and random.random() < SHARE:
            cases = random.sample(sorted(row.cases.items()), min(1, len(row.cases)))
            found.append(changed(row, cases=dict(cases)))
    return tuple(found)


def judge(mutant: Mutant, *, every: bool) -> Caught:
    """Run the rows against a mutant, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = plant(mutant, Path(folder))
        plan = Plan(file, mutant.name, chosen(mutant, every=every), report_dir=Path(folder, "report"), clock="auto")
        results = run(Engine(plan, _quiet).run())
    failed = {row.id for row in results.results if row.verdict == "fail"}
    judged = {row.id for row in results.results if row.verdict in ("pass", "fail")}
    return Caught(mutant, frozenset(failed), frozenset(judged))


def all_of(mutants: Sequence[Mutant], *, every: bool) -> Iterator[Caught]:
    """Judge mutants, several at a time."""
    spawn = multiprocessing.get_context("spawn")
    with (
        folder_for_all() as folder,
        ProcessPoolExecutor(SIDE_BY_SIDE, spawn, initializer=die_with, initargs=(os.getpid(), folder)) as pool,
    ):
        for judged in as_completed([pool.submit(judge, mutant, every=every) for mutant in mutants]):
            yield judged.result()


@contextmanager
def folder_for_all() -> Iterator[str]:
    """A folder that is gone afterwards, though targets that are just being killed may still write into it."""
    folder = tempfile.mkdtemp(prefix="mutants-")
    try:
        yield folder
    finally:
        for _ in range(100):
            shutil.rmtree(folder, ignore_errors=True)
            if not Path(folder).exists():
                break
            time.sleep(0.1)


def die_with(parent: int, folder: str) -> None:
    """Be killed when the parent ends, however that comes about; Ctrl-C and what is in its folder are its affair."""
    tempfile.tempdir = folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keeper.control(keeper.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def interrupted(number: int, frame: FrameType | None) -> None:
    """Nobody waits for what is being judged: the verdicts that are there have been printed."""
    for child in multiprocessing.active_children():
        child.kill()
    sys.exit(128 + number)


def main() -> int:
    """Judge every mutant, or those whose names contain the words given, and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--all", action="store_true", help="run every row against every mutant")
    arguments.add_argument("words", nargs="*", help="only mutants whose names contain one of these")
    given = arguments.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    wrong = 0
    mutants = [m for m in MUTANTS if not given.words or any(word in m.name for word in given.words)]
    for caught in all_of(mutants, every=given.all):
        mutant = caught.mutant
        wrong += bool(caught.survived or caught.accused)
        verdict = "survived" if caught.survived else "accused others" if caught.accused else "killed"
        print(f"{verdict:15} {mutant.name}", flush=True)  # noqa: T201  # the table is what this is for
        for word, found in (("by", mutant.killed_by), ("not by", caught.survived), ("also by", caught.accused)):
            if found:
                print(f"{'':15} {word:8} {', '.join(found)}", flush=True)  # noqa: T201  # the table
    uncovered = sorted(
        row.id for row in scenario.load().values() if not any(row.id in mutant.killed_by for mutant in MUTANTS)
    )
    print(f"{len(mutants) - wrong} of {len(mutants)} mutants killed by their rows and by no other")  # noqa: T201
    print(f"rows without a mutant: {', '.join(uncovered) or 'none'}")  # noqa: T201  # the table
    return 1 if wrong else 0


def _quiet(finished: Finished) -> None:
    """The table is all there is to see."""


if __name__ == "__main__":
    sys.exit(main())
