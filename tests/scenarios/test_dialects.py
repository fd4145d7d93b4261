"""The families that are about one provider, in every dialect, against a careful client that speaks it.

What a crowd does takes long to play and hangs on the client's waits alone: it is played in one dialect, and in the
others by `nox -s targets`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from clients import Careful
from speeches import SILENT, SPEECHES, Heard, Speaking, speaking
from staging import ROWS, play, verdict

from brownout.fakes.dialects import NAMES
from brownout.harness.contract import Contract, Stream

FAMILIES = ("retry", "timeout", "stream", "content")
CONTRACT = Contract(stream=Stream(idle_timeout=20.0))
UNMEASURED = {"stream.backpressure"}
"""What is judged by the memory of a process, and there is none here."""
CROWDS = {"retry.budget", "retry.exponential", "retry.herd-on-recovery", "retry.jitter", "timeout.tail"}
CROWDED = "gemini"
UNREADABLE = (httpx.ReadError, ValueError, LookupError, TypeError)
WITHOUT_SENTINEL = {"openai-responses", "openai_compatible", SILENT}
"""Whose streams have none that means nothing, though others of their dialect have one."""


VARIATION = "openai_compatible-"
VARIED = ("stream", "content", "retry.not-on")
"""How rows begin in which the variations of one dialect differ; in the others a client meets the same bytes."""


def differs(name: str, row: str) -> bool:
    """Whether a row is about anything that is a provider's own."""
    return not name.startswith(VARIATION) or row.startswith(VARIED)


def cases() -> list[Any]:
    """Every case of the families that can be met in each of the dialects."""
    found = []
    for name, speech in SPEECHES.items():
        for row in ROWS.values():
            if row.family not in FAMILIES or row.id in UNMEASURED or row.needs not in (None, "stream"):
                continue
            for case in row.case_names if differs(name, row.id) else ():
                dialects = row.case(case).dialects
                if not dialects or speech.language.dialect in dialects:
                    marks = [pytest.mark.whole] if row.id in CROWDS and name != CROWDED else []
                    found.append(pytest.param(name, row.id, case, id=f"{name}-{row.id}[{case}]", marks=marks))
    return found


def test_every_dialect_is_spoken() -> None:
    """
    No dialect is without the tests of this file, but one whose frames and signatures have a file of their own.
    """
    assert set(NAMES) - {"bedrock"} == {speech.language.dialect for speech in SPEECHES.values()}


@pytest.mark.parametrize(("name", "row", "case"), cases())
def test_a_careful_client_passes(name: str, row: str, case: str) -> None:
    """
    A client that does everything right passes every case that is about its provider.
    """
    judgement, _ = play(row, speaking(name), case, contract=CONTRACT, speaks=SPEECHES[name].provider)

    if row == "stream.no-sentinel" and name in WITHOUT_SENTINEL:
        assert "not_applicable" == judgement.verdict.value
    else:
        assert ("pass", "") == (judgement.verdict.value, judgement.reason)


class NeverAgain(Careful):
    """Tries once."""

    attempts = 1


class Endless(Careful):
    """Knows no end."""

    attempts = 7


class Deaf(Careful):
    """Reads no hint."""

    def hint(self, response: httpx.Response) -> float | None:
        """None."""
        return None


class Stubborn(Careful):
    """Tries again whatever it is told."""

    def again(self, response: httpx.Response) -> bool:
        """Always."""
        return True


class Patient(Careful):
    """Waits for ever."""

    deadline = None
    idle = None


class Impatient(Careful):
    """Takes a slow answer for a dead one."""

    deadline = 20.0


class Trusting(Speaking):
    """Takes the end of what comes for the end of the answer."""

    def ended(self, finish: str | None) -> str:
        """Whatever was said of it."""
        return finish or "stop"


class Swallowing(Trusting):
    """Takes a broken connection for an end, too."""

    async def pieces(self, response: httpx.Response, stream: bool) -> AsyncIterator[str]:
        """As far as they go."""
        with contextlib.suppress(httpx.TransportError):
            async for data in super().pieces(response, stream):
                yield data


class Skipping(Trusting):
    """Hears what is text and nothing else."""

    def heard(self, data: str, stream: bool) -> Heard:
        """What cannot be read is nothing."""
        try:
            return super().heard(data, stream)
        except UNREADABLE:
            return "", None


class Quoting(Speaking):
    """Passes on what it cannot read."""

    def heard(self, data: str, stream: bool) -> Heard:
        """As it stands."""
        try:
            return super().heard(data, stream)
        except UNREADABLE:
            return data, "stop"


class Normal(Speaking):
    """Tells every end as a normal one."""

    def ended(self, finish: str | None) -> str:
        """It has ended."""
        super().ended(finish)
        return "stop"


class Repeating(Speaking):
    """Begins again in the middle of an answer."""

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[Any]:
        """What was said is said again."""
        try:
            async for piece in super().once(prompt, stream, attempt):
                yield piece
        except httpx.TransportError:
            async for piece in super().once(prompt, stream, attempt):
                yield piece


class Buffering(Speaking):
    """Says nothing before it knows everything."""

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[Any]:
        """All at once."""
        for piece in [piece async for piece in super().once(prompt, stream, attempt)]:
            yield piece


class Lines(Speaking):
    """Knows events of one shape."""

    async def pieces(self, response: httpx.Response, stream: bool) -> AsyncIterator[str]:
        """A line, and a space after the colon."""
        if not stream:
            yield (await response.aread()).decode()
            return
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                yield line.removeprefix("data: ")


class Segments(Speaking):
    """Takes what comes together for an event."""

    async def pieces(self, response: httpx.Response, stream: bool) -> AsyncIterator[str]:
        """What stands behind the first `data: ` of a segment."""
        if not stream:
            yield (await response.aread()).decode()
            return
        async for piece in response.aiter_raw():
            data = piece.decode(errors="replace").partition("data: ")[2].partition("\n")[0].strip()
            if data:
                yield data


WRONG = [
    (NeverAgain, "retry.recovers", "503"),
    (NeverAgain, "retry.recovers", "reset"),
    (Deaf, "retry.after-seconds", ""),
    (Endless, "retry.bounded", ""),
    (Stubborn, "retry.not-on-client-error", "400"),
    (Stubborn, "retry.not-on-client-error", "401"),
    (Patient, "timeout.hang-before-headers", ""),
    (Patient, "timeout.stream-stall", ""),
    (Impatient, "timeout.legit-slow", "plain"),
    (Impatient, "timeout.legit-slow", "streamed"),
    (Trusting, "stream.cut-clean", "after-7"),
    (Swallowing, "stream.cut-fin", "after-7"),
    (Swallowing, "stream.cut-rst", "after-7"),
    (Swallowing, "stream.cut-in-event", "event-clean"),
    (Skipping, "stream.garbage", ""),
    (Skipping, "stream.error-event", "overloaded"),
    (Repeating, "stream.no-duplicate", "fin"),
    (Buffering, "stream.prompt-first-token", ""),
    (Lines, "stream.framing", "no_space"),
    (Segments, "stream.joined-frames", ""),
    (Normal, "stream.stop-reason", "length"),
    (Normal, "content.truncated-by-length", ""),
    (Quoting, "content.malformed-json", "plain"),
    (Quoting, "content.html-200", "plain"),
    (Quoting, "content.error-in-200", "plain"),
]


@pytest.mark.parametrize(
    ("name", "client", "row", "case"),
    [(name, *wrong) for name in SPEECHES for wrong in WRONG if differs(name, wrong[1])],
)
def test_a_client_that_forgets_one_thing_fails(name: str, client: type[Careful], row: str, case: str) -> None:
    """
    Whatever the client forgets, the row that is about it says so in every dialect.
    """
    client = speaking(name, client)

    assert "fail" == verdict(row, client, case, contract=CONTRACT, speaks=SPEECHES[name].provider)


def test_a_month_that_is_over_and_asked_for_again_is_found() -> None:
    """
    A client that takes every 429 for a limit of the minute is seen to try in vain.
    """
    client, speaks = speaking("cohere", Stubborn), SPEECHES["cohere"].provider

    assert "fail" == verdict("retry.not-on-quota-exhausted", client, "trial-month", contract=CONTRACT, speaks=speaks)


@pytest.mark.parametrize("name", ["gemini", "vertex"])
def test_a_delay_among_the_details_that_is_not_read_is_found(name: str) -> None:
    """
    A client that comes back when it likes is seen to be too soon.
    """
    assert "fail" == verdict(
        "retry.after-retryinfo", speaking(name, Deaf), contract=CONTRACT, speaks=SPEECHES[name].provider
    )
