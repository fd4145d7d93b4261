from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from clients import Careful, Failed
from staging import play, verdict

from brownout.harness import scenario
from brownout.harness.contract import Breaker, Contract, Stream

pytestmark = pytest.mark.slow
CONTRACT = Contract(stream=Stream(), breaker=Breaker(failures=5, window=8.0, cooldown=3.0))
ROWS = sorted(
    (row.id, case)
    for row in scenario.load().values()
    if row.family == "breaker" and row.id not in {"breaker.isolated", "breaker.opens-on-rate"}
    for case in row.case_names
)


class Guarded(Careful):
    """Has a breaker that counts failed attempts in a row."""

    attempts = 4
    failures = 5
    cooldown = 3.0
    probes = 1

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.in_a_row = 0
        self.opened: float | None = None
        self.probing = 0

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[str]:
        """One attempt, if it may be made."""
        now = asyncio.get_running_loop().time()
        probe = self.opened is not None
        if self.opened is not None:
            if now < self.opened + self.cooldown or self.probing >= self.probes:
                raise Failed("provider")
            self.probing += 1
        try:
            async for piece in super().once(prompt, stream, attempt):
                yield piece
        except Exception as error:
            self.count(error, probe)
            raise
        except asyncio.CancelledError:
            self.count(TimeoutError(), probe)
            raise
        else:
            self.succeeded()
        finally:
            self.probing -= probe

    def counts(self, error: Exception) -> bool:
        """Whether it says that the provider is unwell."""
        status = getattr(getattr(error, "response", None), "status_code", 500)
        return bool(status >= 500)

    def count(self, error: Exception, probe: bool) -> None:
        """Open after so many in a row, and after a probe that failed."""
        if not self.counts(error):
            return
        self.in_a_row += 1
        if probe or (self.opened is None and self.in_a_row >= self.failures):
            self.opened = asyncio.get_running_loop().time()

    def succeeded(self) -> None:
        """Close."""
        self.in_a_row, self.opened = 0, None


@pytest.mark.parametrize(("row", "case"), ROWS)
def test_a_client_with_a_breaker_passes(row: str, case: str) -> None:
    """
    A breaker that keeps what it promises passes every row.
    """
    judgement, _ = play(row, Guarded, case, contract=CONTRACT)

    assert ("pass", "") == (judgement.verdict.value, judgement.reason)


class Unguarded(Guarded):
    """Never opens."""

    failures = 10**9


class Impatient(Guarded):
    """Takes milliseconds for seconds."""

    cooldown = 0.003


class Crowded(Guarded):
    """Lets ten probes through."""

    probes = 10


class Final(Guarded):
    """Never tries again."""

    cooldown = 1e9


class Forgiving(Guarded):
    """Is closed by a probe, whatever comes of it."""

    def count(self, error: Exception, probe: bool) -> None:
        """Begin again after a probe."""
        if probe:
            self.succeeded()
        super().count(error, False)


class Touchy(Guarded):
    """Counts what the provider calls wrong."""

    def counts(self, error: Exception) -> bool:
        """Everything."""
        return True


class Resentful(Guarded):
    """Forgets no failure."""

    def succeeded(self) -> None:
        """Close, and go on counting."""
        if self.opened is not None:
            self.in_a_row, self.opened = 0, None


@pytest.mark.parametrize(
    ("client", "row"),
    [
        (Unguarded, "breaker.opens"),
        (Unguarded, "breaker.stays-open"),
        (Unguarded, "breaker.single-probe"),
        (Unguarded, "breaker.opens-on-timeouts"),
        (Impatient, "breaker.stays-open"),
        (Impatient, "breaker.reopens"),
        (Crowded, "breaker.single-probe"),
        (Final, "breaker.closes"),
        (Forgiving, "breaker.reopens"),
        (Touchy, "breaker.ignores-client-errors"),
        (Touchy, "breaker.ignores-rate-limits"),
        (Resentful, "breaker.counts-consecutive"),
        (Resentful, "breaker.no-flap"),
    ],
)
def test_a_breaker_that_forgets_one_thing_fails(client: type[Guarded], row: str) -> None:
    """
    Whatever the breaker forgets, the row that is about it says so.
    """
    assert "fail" == verdict(row, client, contract=CONTRACT)


@pytest.mark.parametrize(
    "row", ["retry.bounded", "retry.no-amplification", "retry.rate-limit-recovers", "retry.jitter"]
)
def test_rows_about_retries_give_a_breaker_no_reason_to_open(row: str) -> None:
    """
    What a breaker would hide is seen all the same.
    """
    judgement, _ = play(row, Guarded, contract=CONTRACT)

    assert ("pass", "") == (judgement.verdict.value, judgement.reason)


class Layered(Guarded):
    """Has a layer of retries around the one of its own."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Twice."""
        try:
            async for piece in super().__call__(prompt, stream=stream):
                yield piece
        except Failed:
            async for piece in super().__call__(prompt, stream=stream):
                yield piece


@pytest.mark.parametrize("row", ["retry.bounded", "retry.no-amplification"])
def test_layers_do_not_hide_behind_a_breaker(row: str) -> None:
    """
    Two layers of four attempts make eight, however soon the breaker would open.
    """
    assert "fail" == verdict(row, Layered, contract=CONTRACT)


def test_a_target_with_one_provider_has_nothing_to_isolate() -> None:
    """
    There is no other provider that could be affected.
    """
    assert "not_applicable" == verdict("breaker.isolated", Guarded, contract=CONTRACT)
