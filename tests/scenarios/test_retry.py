from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import httpx
import pytest
from clients import Careful, Failed
from staging import play, verdict

from brownout.harness import scenario
from brownout.harness.contract import Contract, Retry

FAMILIES = ("retry", "timeout")
LONG = {"retry.budget", "retry.herd-on-recovery", "retry.exponential", "timeout.tail"}


def cases() -> list[Any]:
    """Every case of the families that is about the dialect the client speaks."""
    found = []
    for row in scenario.load().values():
        for name in row.case_names:
            dialects = row.case(name).dialects
            if row.family in FAMILIES and (not dialects or "openai" in dialects):
                marks = [pytest.mark.slow] if row.id in LONG else []
                found.append(pytest.param(row.id, name, marks=marks, id=f"{row.id}[{name}]"))
    return found


@pytest.mark.parametrize(("row", "case"), cases())
def test_a_careful_client_passes(row: str, case: str) -> None:
    """
    A client that does everything right passes every case.
    """
    judgement, _ = play(row, Careful, case)

    assert ("pass", "") == (judgement.verdict.value, judgement.reason)


class Prompt(Careful):
    """Has callers with little patience."""

    deadline = 7.0


@pytest.mark.parametrize(
    ("row", "case"),
    [
        ("retry.after-seconds", ""),
        ("retry.after-escalating", ""),
        ("retry.after-on-503", ""),
        ("retry.after-date", "date"),
    ],
)
def test_what_a_provider_asks_for_fits_a_short_deadline(row: str, case: str) -> None:
    """
    Callers who have eight seconds are not sent to wait for ten.
    """
    judgement, history = play(row, Prompt, case, contract=Contract(deadline=8.0))

    assert ("pass", "") == (judgement.verdict.value, judgement.reason)
    assert any("rate_limited" in exchange.faults or "unavailable" in exchange.faults for exchange in history.exchanges)


class NeverAgain(Careful):
    """Tries once."""

    attempts = 1


class Hasty(Careful):
    """Does not wait."""

    def backoff(self, attempt: int) -> float:
        """Nothing."""
        return 0.05


class Official(Careful):
    """Waits as the official client does, which tries three times."""

    attempts = 3

    def backoff(self, attempt: int) -> float:
        """Half a second, doubled, and up to a quarter less."""
        return 0.5 * 2.0 ** (attempt - 1) * (1 - 0.25 * self.random.random())


class Deaf(Careful):
    """Reads no hint."""

    def hint(self, response: httpx.Response) -> float | None:
        """None."""
        return None


class FirstHint(Careful):
    """Keeps to the first hint it got."""

    first: float | None = None

    def hint(self, response: httpx.Response) -> float | None:
        """The first."""
        self.first = self.first or super().hint(response)
        return self.first


class OwnClock(Careful):
    """Reads dates by its own clock."""

    def hint(self, response: httpx.Response) -> float | None:
        """A date five minutes behind is long past."""
        wait = super().hint(response)
        return None if "GMT" in response.headers.get("retry-after", "") else wait


class Slow(Careful):
    """Adds its own waits to those it is asked for."""

    def hint(self, response: httpx.Response) -> float | None:
        """Three seconds more."""
        wait = super().hint(response)
        return None if wait is None else wait + 3


class Capped(Careful):
    """Waits no longer than twenty seconds."""

    def hint(self, response: httpx.Response) -> float | None:
        """At most twenty."""
        wait = super().hint(response)
        return None if wait is None else min(wait, 20.0)


class Obedient(Careful):
    """Waits as long as it is asked to, whatever the deadline."""

    deadline = None


class Literal(Careful):
    """Takes every number for a wait."""

    def hint(self, response: httpx.Response) -> float | None:
        """Nothing, or less."""
        return float(response.headers["retry-after"]) if "retry-after" in response.headers else None


class Constant(Careful):
    """Waits for a second or two, each time."""

    def backoff(self, attempt: int) -> float:
        """The same."""
        return 1.0 + self.random.random()


class Linear(Careful):
    """Waits for one, two, three seconds."""

    def backoff(self, attempt: int) -> float:
        """A second more each time."""
        return attempt + self.random.random() / 2


class Uniform(Careful):
    """Waits as long as everybody."""

    def backoff(self, attempt: int) -> float:
        """To the millisecond."""
        return 2.0 ** (attempt - 1)


class Endless(Careful):
    """Knows no end."""

    attempts = 7


class Stubborn(Careful):
    """Tries again whatever it is told."""

    def again(self, response: httpx.Response) -> bool:
        """Always."""
        return True


class StatusOnly(Careful):
    """Looks at the status alone."""

    def again(self, response: httpx.Response) -> bool:
        """By the book."""
        return response.status_code in {408, 429, 500, 502, 503, 504}


class Numbering(Careful):
    """Marks each attempt with a number."""

    def body(self, prompt: str, stream: bool, attempt: int) -> dict[str, Any]:
        """Another one each time."""
        return {**super().body(prompt, stream, attempt), "seed": attempt}


class Unlimited(Careful):
    """Has no budget."""

    def spend(self) -> bool:
        """Always."""
        return True


class Layered(Unlimited):
    """Has a layer of retries around the one of its own."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Twice."""
        try:
            async for piece in super().__call__(prompt, stream=stream):
                yield piece
        except Failed:
            async for piece in super().__call__(prompt, stream=stream):
                yield piece


class Behind(Unlimited):
    """Goes on trying when the caller has its error."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Tell the caller, and go on."""
        try:
            async for piece in super().__call__(prompt, stream=stream):
                yield piece
        except Failed:
            self.tasks.add(asyncio.create_task(self.go_on(prompt, stream)))
            raise

    async def go_on(self, prompt: str, stream: bool) -> None:
        """Two more attempts."""
        for _ in range(2):
            try:
                async for _ in self.once(prompt, stream, 1):
                    pass
            except httpx.HTTPError:
                await asyncio.sleep(0.5)

    async def aclose(self) -> None:
        """Go on no longer."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await super().aclose()


class Gathering(Unlimited):
    """Comes back at the full ten seconds."""

    def backoff(self, attempt: int) -> float:
        """With everybody else."""
        return 10.0 - asyncio.get_running_loop().time() % 10.0


class Patient(Careful):
    """Waits for ever."""

    deadline = None
    idle = None


class Impatient(Careful):
    """Takes a slow answer for a dead one."""

    deadline = 20.0


class Absent(Careful):
    """Goes on for callers who have left."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Shield every piece."""
        pieces = super().__call__(prompt, stream=stream)
        self.kept = pieces
        while (piece := await asyncio.shield(asyncio.ensure_future(anext(pieces, None)))) is not None:
            yield piece


class Narrow(Careful):
    """Has a pool of five connections."""

    connections = 5


class Returning(Careful):
    """Tries a refused connection again."""

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[str]:
        """As if it had been reset."""
        try:
            async for piece in super().once(prompt, stream, attempt):
                yield piece
        except httpx.ConnectError as error:
            raise httpx.ReadError(str(error)) from None


WRONG = [
    (NeverAgain, "retry.recovers", "500"),
    (NeverAgain, "retry.recovers", "reset"),
    (NeverAgain, "retry.rate-limit-recovers", ""),
    (NeverAgain, "retry.after-seconds", ""),
    (NeverAgain, "retry.stale-connection", "reset"),
    (Hasty, "retry.rate-limit-recovers", ""),
    (Official, "retry.rate-limit-recovers", ""),
    (Deaf, "retry.after-seconds", ""),
    (Deaf, "retry.after-escalating", ""),
    (Deaf, "retry.after-on-503", ""),
    (Deaf, "retry.after-date", "date"),
    (Deaf, "retry.after-long", ""),
    (FirstHint, "retry.after-escalating", ""),
    (OwnClock, "retry.after-date", "clock-behind"),
    (Slow, "retry.after-ms", ""),
    (Slow, "retry.no-overwait", ""),
    (Capped, "retry.after-long", ""),
    (Obedient, "retry.after-long", ""),
    (Obedient, "retry.deadline", "429"),
    (Literal, "retry.after-bogus", "zero"),
    (Literal, "retry.after-bogus", "negative"),
    (Literal, "retry.after-bogus", "word"),
    (Literal, "retry.after-bogus", "empty"),
    (Literal, "retry.after-bogus", "past"),
    (Uniform, "retry.jitter", ""),
    (Official, "retry.jitter", ""),
    (Gathering, "retry.jitter", ""),
    (Endless, "retry.bounded", ""),
    (Layered, "retry.bounded", ""),
    (Layered, "retry.no-amplification", ""),
    (Behind, "retry.bounded", ""),
    (Behind, "retry.not-on-client-error", "400"),
    (Stubborn, "retry.not-on-client-error", "401"),
    (Stubborn, "retry.not-on-quota-exhausted", "insufficient_quota"),
    (Stubborn, "retry.not-on-content-policy", "policy"),
    (StatusOnly, "retry.not-on-quota-exhausted", "insufficient_quota"),
    (StatusOnly, "retry.obeys-x-should-retry", "true-on-409"),
    (StatusOnly, "retry.obeys-x-should-retry", "false-on-500"),
    (Numbering, "retry.same-request", ""),
    (Patient, "timeout.hang-before-headers", ""),
    (Patient, "timeout.slow-drip", ""),
    (Patient, "timeout.stream-stall", ""),
    (Returning, "timeout.connect-blackhole", "refused"),
    (Impatient, "timeout.legit-slow", "plain"),
    (Impatient, "timeout.legit-slow", "streamed"),
    (Narrow, "timeout.no-starvation", ""),
    (Absent, "timeout.cancel-propagates", "plain"),
    (Absent, "timeout.cancel-propagates", "before-the-first-token"),
    (Obedient, "timeout.retries-within", ""),
]
WRONG_FOR_LONG = [
    (Constant, "retry.exponential", ""),
    (Linear, "retry.exponential", ""),
    (Unlimited, "retry.budget", ""),
    (Unlimited, "retry.herd-on-recovery", ""),
    (Patient, "timeout.tail", ""),
]


@pytest.mark.parametrize(("client", "row", "case"), WRONG)
def test_a_client_that_forgets_one_thing_fails(client: type[Careful], row: str, case: str) -> None:
    """
    Whatever the client forgets, the row that is about it says so.
    """
    assert "fail" == verdict(row, client, case)


@pytest.mark.slow
@pytest.mark.parametrize(("client", "row", "case"), WRONG_FOR_LONG)
def test_a_client_that_forgets_one_thing_fails_in_a_crowd(client: type[Careful], row: str, case: str) -> None:
    """
    What shows only when many call is seen when many call.
    """
    assert "fail" == verdict(row, client, case)


class Waiting(Careful):
    """Waits for somebody to listen where it is refused."""

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[str]:
        """Twenty seconds."""
        try:
            async for piece in super().once(prompt, stream, attempt):
                yield piece
        except httpx.ConnectError:
            await asyncio.sleep(20.0)
            raise


@pytest.mark.parametrize(("client", "said"), [(Careful, "pass"), (Returning, "pass"), (Waiting, "fail")])
def test_retries_that_are_promised_may_be_for_a_refused_connection(client: type[Careful], said: str) -> None:
    """
    Who says that failed connections are tried again may take the time of a backoff for it, and no longer.
    """
    assert said == verdict("timeout.connect-blackhole", client, "refused", contract=Contract(retry=Retry()))


class Starting(Careful):
    """Takes four seconds to get ready, when the first reply comes."""

    ready = False

    async def get_ready(self) -> None:
        """Once."""
        if not self.ready:
            self.ready = True
            await asyncio.sleep(4.0)

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Whatever the reply is."""
        try:
            async for piece in super().__call__(prompt, stream=stream):
                await self.get_ready()
                yield piece
        except Failed:
            await self.get_ready()
            raise


@pytest.mark.parametrize(("row", "case"), [("timeout.connect-blackhole", "refused"), ("stream.prompt-first-token", "")])
def test_getting_ready_is_not_held_against_a_target(row: str, case: str) -> None:
    """
    What a target does once is no part of how soon its callers are told.
    """
    assert "pass" == verdict(row, Starting, case)


class FullJitter(Careful):
    """Waits for anything up to 1, 2, 4 seconds."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.random = Random(7)

    def backoff(self, attempt: int) -> float:
        """At least what politeness asks for."""
        return 0.5 + 2.0 ** (attempt - 1) * self.random.random()


@pytest.mark.parametrize(
    ("client", "row", "case"),
    [
        (Official, "retry.exponential", ""),
        (NeverAgain, "retry.exponential", ""),
        (NeverAgain, "retry.jitter", ""),
        (NeverAgain, "retry.same-request", ""),
        (NeverAgain, "retry.no-overwait", ""),
        (NeverAgain, "retry.after-escalating", ""),
    ],
)
def test_too_little_to_see_is_inconclusive(client: type[Careful], row: str, case: str) -> None:
    """
    A client that does not try again has kept no promise about how it does.
    """
    assert "inconclusive" == verdict(row, client, case)


@pytest.mark.parametrize("row", ["retry.jitter", "retry.rate-limit-recovers"])
def test_full_jitter_is_as_good(row: str) -> None:
    """
    There is more than one way to wait well.
    """
    assert "pass" == verdict(row, FullJitter)
