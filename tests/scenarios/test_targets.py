"""The targets that ship, judged by the whole catalogue in real time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from brownout.harness import finding, scenario
from brownout.harness.engine import Engine, Plan
from brownout.harness.target_file import read
from brownout.reports.results import Results

# What the code of `naive` earns, by the line of it that earns it.
DOES_NOT_TRY_AGAIN = {
    "retry.recovers",
    "retry.rate-limit-recovers",
    "retry.after-seconds",
    "retry.after-on-503",
    "retry.obeys-x-should-retry",
    "degrade.partial-outage",
    "connect.reset-on-accept",
}
OPENS_A_CONNECTION_FOR_EACH_CALL = {"connect.reuses"}
HAS_NO_TIMEOUT = {
    "timeout.hang-before-headers",
    "timeout.connect-blackhole",
    "timeout.slow-drip",
    "timeout.stream-stall",
    "timeout.tail",
}
DOES_NOT_LOOK_AT_THE_FINISH = {
    "content.refusal",
    "content.truncated-by-length",
    "stream.cut-clean",
    "stream.no-duplicate",
    "stream.stop-reason",
}
DOES_NOT_LOOK_AT_THE_STATUS_OF_A_STREAM = {
    "content.html-200",
    "content.empty-body",
    "content.error-in-200",
    "degrade.clean-error",
}
BOUNDS_NO_ANSWER = {"context.max-tokens-set"}
PARSES_LINES_OF_ONE_SHAPE = {"stream.comments", "stream.framing"}
# A busy machine may be too slow to tell what a crowd does, and here all other tests run beside; it accuses nobody.
CROWDS = {"retry.budget", "retry.exponential", "retry.herd-on-recovery", "retry.jitter", "timeout.no-starvation"}
NAIVE_FAILS = (
    DOES_NOT_TRY_AGAIN
    | OPENS_A_CONNECTION_FOR_EACH_CALL
    | HAS_NO_TIMEOUT
    | DOES_NOT_LOOK_AT_THE_FINISH
    | DOES_NOT_LOOK_AT_THE_STATUS_OF_A_STREAM
    | BOUNDS_NO_ANSWER
    | PARSES_LINES_OF_ONE_SHAPE
)


def judged(target: str, folder: Path) -> Results:
    """The results of the whole catalogue."""
    rows = tuple(scenario.load().values())
    path = finding.READY_MADE / f"{target}.toml"
    return asyncio.run(Engine(Plan(read(path), target, rows, report_dir=folder)).run())


@pytest.mark.slow
def test_naive_fails_exactly_what_its_code_earns(tmp_path: Path) -> None:
    """
    Every row that `naive` fails is one whose reason stands in its code, and none of those passes.
    """
    results = judged("naive", tmp_path)

    assert sorted(NAIVE_FAILS) == sorted(row.id for row in results.results if row.verdict == "fail")


@pytest.mark.slow
def test_the_reference_passes_all_that_it_claims(tmp_path: Path) -> None:
    """
    The positive control has no row that fails, and none, crowds apart, that cannot be judged.
    """
    results = judged("reference", tmp_path)

    assert [] == [
        (row.id, row.reason)
        for row in results.results
        if row.verdict == "fail" or (row.verdict == "inconclusive" and row.id not in CROWDS)
    ]
