from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from clients import Careful, Failed
from multiplexed import Multiplexed
from staging import play, verdict

from brownout.harness.contract import Cache, Contract
from brownout.harness.target_file import Provider

BOTH = Provider("openai", "gpt-4o-mini", http2=True)
"""A provider that speaks HTTP/2 too."""
CACHED = Contract(cache=Cache(ttl=30.0))


@pytest.mark.parametrize(
    ("row", "case"),
    [
        ("connect.reuses", "plain"),
        ("connect.no-leak", "refused"),
        ("connect.reset-on-accept", ""),
        ("connect.dns-like-refused", ""),
        ("connect.half-response", "fin"),
        ("connect.half-response", "reset"),
        ("keys.not-returned", "wrong-key"),
        ("keys.not-in-url", "fair"),
    ],
)
def test_a_careful_client_passes(row: str, case: str) -> None:
    """
    A client that does everything right passes every case.
    """
    judgement, _ = play(row, Careful, case)

    assert ("pass", "") == (judgement.verdict.value, judgement.reason)


class Fresh(Careful):
    """Opens a connection for each request."""

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[str]:
        """With a client of its own."""
        shared = self.http
        async with httpx.AsyncClient(base_url=shared.base_url, headers=shared.headers, timeout=50.0) as self.http:
            async for piece in super().once(prompt, stream, attempt):
                yield piece
        self.http = shared


class Hoarder(Careful):
    """Opens a connection for each request, and closes none."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.old: list[httpx.AsyncClient] = []

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[str]:
        """With a client of its own."""
        self.old.append(self.http)
        self.http = httpx.AsyncClient(base_url=self.http.base_url, headers=self.http.headers, timeout=50.0)
        async for piece in super().once(prompt, stream, attempt):
            yield piece

    async def aclose(self) -> None:
        """At last."""
        for http in self.old:
            await http.aclose()
        await super().aclose()


class NeverAgain(Careful):
    """Tries once."""

    attempts = 1


class Outspoken(Careful):
    """Tells its callers everything."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """The address, and the request's headers."""
        try:
            async for piece in super().__call__(prompt, stream=stream):
                yield piece
        except Failed:
            raise RuntimeError(f"{self.http.base_url} {self.http.headers['authorization']}") from None


class InTheQuery(Careful):
    """Sends its key in the query too."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.http.params = httpx.QueryParams({"session": key[-14:]})


class Trusting(Careful):
    """Takes what has come for what was sent."""

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[str]:
        """The text as far as it goes."""
        body, data = self.body(prompt, stream, attempt), b""
        async with self.http.stream("POST", "/chat/completions", json=body) as response:
            try:
                async for piece in response.aiter_bytes():
                    data += piece
            except httpx.TransportError:
                pass
        yield data.decode().partition('"content":')[2].strip(' "')


@pytest.mark.parametrize(
    ("client", "row", "case"),
    [
        (Fresh, "connect.reuses", "plain"),
        (Hoarder, "connect.no-leak", "refused"),
        (NeverAgain, "connect.reset-on-accept", ""),
        (Outspoken, "connect.dns-like-refused", ""),
        (Trusting, "connect.half-response", "fin"),
        (InTheQuery, "keys.not-in-url", "fair"),
    ],
)
def test_a_client_that_forgets_one_thing_fails(client: type[Careful], row: str, case: str) -> None:
    """
    Whatever the client forgets, the row that is about it says so.
    """
    assert "fail" == verdict(row, client, case)


class Withdrawn(Careful):
    """Has a breaker that it does not speak of."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.failed = 0

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """After five failures the provider is left alone."""
        if self.failed >= 5:
            raise Failed("provider")
        try:
            async for piece in super().__call__(prompt, stream=stream):
                yield piece
        except Failed:
            self.failed += 1
            raise


def test_a_client_that_asks_nobody_is_not_accused_of_a_leak() -> None:
    """
    A call that a breaker answers holds no connection, and nothing can be said of those that are not made.
    """
    judgement, _ = play("connect.no-leak", Withdrawn, "refused")

    assert "inconclusive" == judgement.verdict.value
    assert "only 10 calls" in judgement.reason


class OverHttp2(Careful):
    """Does the same over HTTP/2 as httpx speaks it, which gives up whatever is in flight when GOAWAY comes."""

    def transport(self) -> httpx.AsyncBaseTransport:
        """The one of httpx."""
        return httpx.AsyncHTTPTransport(http1=False, http2=True)

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        former, headers = self.http, {"authorization": self.http.headers["authorization"]}
        self.http = httpx.AsyncClient(
            base_url=former.base_url, headers=headers, timeout=former.timeout, transport=self.transport()
        )


class Patient(OverHttp2):
    """Reads what is in flight to its end."""

    def transport(self) -> httpx.AsyncBaseTransport:
        """One that hears what follows GOAWAY."""
        return Multiplexed()


class Despairing(OverHttp2):
    """Tries once."""

    attempts = 1


@pytest.mark.parametrize(
    ("client", "case", "said"),
    [
        (Patient, "refused-stream", ("pass", "")),
        (Patient, "goaway", ("pass", "")),
        (Patient, "in-flight", ("pass", "")),
        (OverHttp2, "refused-stream", ("pass", "")),
        (OverHttp2, "goaway", ("pass", "")),
        (Careful, "goaway", ("not_applicable", "the target speaks HTTP/1.1 with a provider that speaks HTTP/2 too")),
    ],
)
def test_what_was_not_processed_is_sent_again(client: type[Careful], case: str, said: tuple[str, str]) -> None:
    """
    A client that tries again passes, and what is in flight takes one that reads on; without HTTP/2 nothing is asked.
    """
    judgement, history = play("connect.goaway", client, case, speaks=BOTH)

    assert said == (judgement.verdict.value, judgement.reason)
    assert any(exchange.faults for exchange in history.exchanges) == (said[0] == "pass")


@pytest.mark.parametrize(
    ("client", "case"),
    [(Despairing, "refused-stream"), (Despairing, "goaway"), (Despairing, "in-flight"), (OverHttp2, "in-flight")],
)
def test_what_is_given_up_fails(client: type[Careful], case: str) -> None:
    """
    A client that does not try again gives its callers errors; one that leaves what is in flight pays for it twice.
    """
    assert "fail" == verdict("connect.goaway", client, case, speaks=BOTH)


def test_a_provider_without_http2_has_no_goaway() -> None:
    """
    The row is not for target files whose first provider speaks HTTP/1.1 alone.
    """
    judgement, _ = play("connect.goaway", Careful, "goaway")

    assert ("not_applicable", "the first provider of the target file does not speak HTTP/2") == (
        judgement.verdict.value,
        judgement.reason,
    )


class Remembering(Careful):
    """Keeps whole answers for half a minute."""

    ttl = 30.0

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.kept: dict[str, tuple[float, list[str]]] = {}

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """From what is kept, or from the provider."""
        now = asyncio.get_running_loop().time()
        known = self.kept.get(prompt)
        if known is not None and now < known[0] + self.ttl:
            for piece in known[1]:
                yield piece
            return
        pieces: list[str] = []
        try:
            async for piece in super().__call__(prompt, stream=stream):
                pieces.append(piece)
                yield piece
        except Failed:
            self.failed(prompt, now)
            raise
        self.kept[prompt] = now, pieces

    def failed(self, prompt: str, now: float) -> None:
        """Errors are not kept."""


class Sulking(Remembering):
    """Keeps errors."""

    def failed(self, prompt: str, now: float) -> None:
        """As an apology."""
        self.kept[prompt] = now, ["Sorry."]


class Hoary(Remembering):
    """Keeps answers for ever."""

    ttl = 1e9


@pytest.mark.parametrize(("row", "case"), [("cache.hit", ""), ("cache.no-errors-cached", "500"), ("cache.expires", "")])
def test_a_good_cache_passes(row: str, case: str) -> None:
    """
    What was answered is given again as long as it is good, and what failed is not.
    """
    judgement, _ = play(row, Remembering, case, contract=CACHED)

    assert ("pass", "") == (judgement.verdict.value, judgement.reason)


@pytest.mark.parametrize(
    ("client", "row", "case"),
    [
        (Careful, "cache.hit", ""),
        (Sulking, "cache.no-errors-cached", "500"),
        (Hoary, "cache.expires", ""),
    ],
)
def test_a_bad_cache_fails(client: type[Careful], row: str, case: str) -> None:
    """
    No cache where one is promised, an error that is kept, an answer that is too old.
    """
    assert "fail" == verdict(row, client, case, contract=CACHED)


def test_what_the_provider_is_not_told_makes_no_other_question() -> None:
    """
    A target that sends nothing but the prompt cannot mistake one system prompt for another.
    """
    judgement, history = play("cache.keyed-right", Remembering, "system prompt", contract=CACHED)

    assert "not_applicable" == judgement.verdict.value
    bodies: list[dict[str, Any]] = [json.loads(exchange.request_body) for exchange in history.exchanges]
    assert [1, 1] == [len(body["messages"]) for body in bodies]
