"""The targets that ship: here by the families whose verdicts need no quiet machine, by `nox -s targets` by them all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

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
# A busy machine may be too slow to tell what a crowd does; it accuses nobody.
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


# What the source of the official client of Anthropic, 2.11.0, earns.
ANTHROPIC_FAILS = {
    # `_base_client.py`: ten minutes for each read, and no time limit over a whole call
    "timeout.hang-before-headers",
    "timeout.slow-drip",
    "timeout.stream-stall",
    "timeout.tail",
    # `_calculate_retry_timeout`: waits as long as it is told to, by its own clock; else half a second less a quarter
    "retry.after-long",
    "retry.after-date",
    "retry.rate-limit-recovers",
    # `_should_retry`: goes by the status, which a spend limit shares with a rate limit
    "retry.not-on-quota-exhausted",
    # `_streaming.py`: the end of the body is the end of the stream, whether `message_stop` came or not
    "stream.cut-clean",
    "stream.cut-in-event",
    "stream.no-duplicate",
    # `_streaming.py`: a byte order mark hides the first event's name, and what has no name is left out
    "stream.framing",
    # `_models.py`: answers are constructed and never validated
    "content.wrong-type",
}
SPOKEN = frozenset({"control", "retry", "timeout", "stream", "content"})
"""The families that have been traced in every dialect."""
CALM = frozenset({"control", "stream", "content", "context"})
"""The families whose verdicts do not hang on how busy the machine is; all other tests run beside."""
OTHER_DIALECTS = {"anthropic": ("claude-haiku-4-5", "claude-sonnet-4-5")}
"""Dialects that the reference speaks beside its own, each with a model for each provider."""
WHOLE = pytest.mark.whole
pytestmark = [pytest.mark.slow, pytest.mark.alone]
COVERED = [pytest.param(CALM, id="calm"), pytest.param(None, id="whole", marks=WHOLE)]
SPOKEN_COVERED = [pytest.param(CALM & SPOKEN, id="calm"), pytest.param(SPOKEN, id="whole", marks=WHOLE)]


def judged(target: str, folder: Path, families: frozenset[str] | None, dialect: str | None = None) -> Results:
    """The results of the whole catalogue, or of some families; with a dialect, of the same target speaking that."""
    rows = tuple(row for row in scenario.load().values() if families is None or row.family in families)
    file = read(finding.READY_MADE / f"{target}.toml")
    if dialect is not None:
        spoken = zip(file.providers.items(), OTHER_DIALECTS[dialect], strict=True)
        providers = {name: replace(provider, dialect=dialect, model=model) for (name, provider), model in spoken}
        # Its own cap is for the prices of its own models.
        start = replace(file.start, env=file.start.env | {"SPEND_CAP": "1000", "SPEND_PER_USER": "1000"})
        file = replace(file, providers=providers, start=start)
    return asyncio.run(Engine(Plan(file, target, rows, report_dir=folder, clock="auto")).run())


def of(rows: set[str], families: frozenset[str] | None) -> list[str]:
    """Those of the rows that are of the families."""
    return sorted(row for row in rows if families is None or row.partition(".")[0] in families)


def broken(results: Results) -> list[tuple[str, str]]:
    """Rows that fail, and rows, crowds apart, that cannot be judged."""
    return [
        (row.id, row.reason)
        for row in results.results
        if row.verdict == "fail" or (row.verdict == "inconclusive" and row.id not in CROWDS)
    ]


@pytest.mark.parametrize("families", COVERED)
def test_naive_fails_exactly_what_its_code_earns(families: frozenset[str] | None, tmp_path: Path) -> None:
    """
    Every row that `naive` fails is one whose reason stands in its code, and none of those passes.
    """
    results = judged("naive", tmp_path, families)

    assert of(NAIVE_FAILS, families) == sorted(row.id for row in results.results if row.verdict == "fail")


@pytest.mark.parametrize("families", COVERED)
def test_the_reference_passes_all_that_it_claims(families: frozenset[str] | None, tmp_path: Path) -> None:
    """
    The positive control has no row that fails, and none, crowds apart, that cannot be judged.
    """
    assert [] == broken(judged("reference", tmp_path, families))


@pytest.mark.parametrize("families", SPOKEN_COVERED)
@pytest.mark.parametrize("dialect", OTHER_DIALECTS)
def test_the_reference_passes_in_every_dialect(dialect: str, families: frozenset[str], tmp_path: Path) -> None:
    """
    Speaking another dialect, the same integration keeps the same promises.
    """
    assert [] == broken(judged("reference", tmp_path, families, dialect))


@pytest.mark.parametrize("families", SPOKEN_COVERED)
def test_the_official_client_of_anthropic_fails_what_its_source_earns(families: frozenset[str], tmp_path: Path) -> None:
    """
    Every row that `anthropic-sdk` fails, crowds apart, is one whose reason stands in its source; none of those passes.
    """
    results = judged("anthropic-sdk", tmp_path, families)

    assert of(ANTHROPIC_FAILS, families) == sorted(
        row.id for row in results.results if row.verdict == "fail" and row.id not in CROWDS
    )
