from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from clients import Careful, Failed
from staging import play, verdict

from brownout.harness.contract import Cache, Contract

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
