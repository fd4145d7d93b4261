"""How often the official clients try again, and after how long: what was measured of them holds in the lab.

Client and fake share a loop whose time jumps, so every gap is exact; the tolerance of each is the client's own jitter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import virtual
from languages import LANGUAGES
from speaking import KEY, MESSAGES, PROMPT, QUICK

from brownout.fakes.faults import AnyFault
from brownout.fakes.faults.connection import CloseBeforeHeaders, ResetBeforeHeaders
from brownout.fakes.faults.replies import QuotaExhausted, RateLimited, Status, Unavailable
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, first

pytestmark = pytest.mark.slow
Call = Callable[[bool], Awaitable[object]]
Gaps = tuple[tuple[float, float], ...]
"""The shortest and the longest wait before each further attempt."""
SLACK = 0.05
"""What connecting and answering take."""


@asynccontextmanager
async def openai(server: FakeServer) -> AsyncIterator[Call]:
    """OpenAI's client as it ships."""
    from openai import AsyncOpenAI  # noqa: PLC0415  # loaded where it is used: these take a second each

    async with AsyncOpenAI(base_url=server.url, api_key=KEY) as client:

        async def call(stream: bool) -> object:
            made: Any = await client.chat.completions.create(model=server.fake.model, messages=MESSAGES, stream=stream)  # type: ignore[call-overload]
            return [chunk async for chunk in made] if stream else made

        yield call


@asynccontextmanager
async def azure(server: FakeServer) -> AsyncIterator[Call]:
    """The same, for Azure."""
    from openai import AsyncAzureOpenAI  # noqa: PLC0415

    async with AsyncAzureOpenAI(azure_endpoint=server.url, api_key=KEY, api_version="2024-10-21") as client:

        async def call(stream: bool) -> object:
            made: Any = await client.chat.completions.create(model=server.fake.model, messages=MESSAGES, stream=stream)  # type: ignore[call-overload]
            return [chunk async for chunk in made] if stream else made

        yield call


@asynccontextmanager
async def anthropic(server: FakeServer) -> AsyncIterator[Call]:
    """Anthropic's client as it ships."""
    from anthropic import AsyncAnthropic  # noqa: PLC0415

    async with AsyncAnthropic(base_url=server.url, api_key=KEY) as client:

        async def call(stream: bool) -> object:
            made: Any = await client.messages.create(  # type: ignore[call-overload]
                model=server.fake.model, max_tokens=1024, messages=MESSAGES, stream=stream
            )
            return [event async for event in made] if stream else made

        yield call


@asynccontextmanager
async def cohere(server: FakeServer) -> AsyncIterator[Call]:
    """Cohere's client as it ships."""
    from cohere import AsyncClientV2  # noqa: PLC0415

    async with AsyncClientV2(base_url=server.url, api_key=KEY) as client:

        async def call(stream: bool) -> object:
            asked: Any = {"model": server.fake.model, "messages": MESSAGES}
            if stream:
                return [event async for event in client.chat_stream(**asked)]
            return await client.chat(**asked)

        yield call


def mistral(config: Callable[[], Any] = lambda: None) -> Callable[[FakeServer], AbstractAsyncContextManager[Call]]:
    """Mistral's client, as it ships or with retries."""

    @asynccontextmanager
    async def calling(server: FakeServer) -> AsyncIterator[Call]:
        from mistralai.client import Mistral  # noqa: PLC0415

        given = config()
        more = {} if given is None else {"retry_config": given}
        async with Mistral(api_key=KEY, server_url=server.url, **more) as client:

            async def call(stream: bool) -> object:
                asked: Any = {"model": server.fake.model, "messages": MESSAGES}
                if stream:
                    return [event async for event in await client.chat.stream_async(**asked)]
                return await client.chat.complete_async(**asked)

            yield call

    return calling


def retrying() -> Any:
    """Mistral's own retries: half a second at first, half as much again each time."""
    from mistralai.client.utils import BackoffStrategy, RetryConfig  # noqa: PLC0415

    return RetryConfig("backoff", BackoffStrategy(500, 60_000, 1.5, 3_600_000), retry_connection_errors=True)


def google(attempts: int | None = None) -> Callable[[FakeServer], AbstractAsyncContextManager[Call]]:
    """Google's client, as it ships or with retries."""

    @asynccontextmanager
    async def calling(server: FakeServer) -> AsyncIterator[Call]:
        from google import genai  # noqa: PLC0415
        from google.genai.types import HttpOptions, HttpRetryOptions  # noqa: PLC0415

        retry = None if attempts is None else HttpRetryOptions(attempts=attempts)
        client = genai.Client(api_key=KEY, http_options=HttpOptions(base_url=server.url, retry_options=retry)).aio

        async def call(stream: bool) -> object:
            asked: Any = {"model": server.fake.model, "contents": PROMPT}
            if stream:
                return [chunk async for chunk in await client.models.generate_content_stream(**asked)]
            return await client.models.generate_content(**asked)

        yield call
        await client.aclose()

    return calling


@dataclass(frozen=True)
class Official:
    """A client, the language of its fake, and what it does when nobody says how long to wait."""

    speaks: str
    calling: Callable[[FakeServer], AbstractAsyncContextManager[Call]]
    usual: Gaps
    """Its waits, one for each attempt after the first."""
    retries: tuple[int, ...]
    """Statuses after which it tries again."""


FINAL = (400, 401, 403, 404, 413, 422)
OFTEN = (408, 409, 429, 500, 502, 503, 504, 529)
STAINLESS: Gaps = ((0.375, 0.5), (0.75, 1.0))
GOOGLE: Gaps = ((1, 2), (2, 3), (4, 5), (8, 9))
MISTRAL: Gaps = ((0.5, 1.5), (0.75, 1.75))
CLIENTS = {
    "openai": Official("openai", openai, STAINLESS, OFTEN),
    "azure": Official("azure_openai", azure, STAINLESS, OFTEN),
    "anthropic": Official("anthropic", anthropic, STAINLESS, OFTEN),
    "cohere": Official("cohere", cohere, ((0.9, 1.1), (1.8, 2.2)), OFTEN),
    "mistral": Official("mistral", mistral(), (), ()),
    "mistral-retrying": Official("mistral", mistral(retrying), MISTRAL, (429, 500, 502, 503, 504)),
    "google": Official("gemini", google(), (), ()),
    "google-retrying": Official("gemini", google(5), GOOGLE, (408, 429, 500, 502, 503, 504)),
}
HINTED = {
    "openai": {
        "2": ((2, 2),),
        "0.5": ((0.5, 0.5),),
        "ms": ((1.5, 1.5),),
        "61": ((61, 61),),
        "120": ((120, 120),),
        "121": None,  # too long: it gives up
        "0": ((0.375, 0.5),),
        "-1": ((0.375, 0.5),),
    },
    "anthropic": {"2": ((2, 2),), "0.5": ((0.5, 0.5),), "ms": ((1.5, 1.5),), "61": ((61, 61),), "600": ((600, 600),)},
    "cohere": {"2": ((2, 2),), "61": ((60, 60),), "0.5": ((0.9, 1.1),), "ms": ((1.5, 1.5),)},
    "mistral-retrying": {"2": ((2, 2),), "61": ((61, 61),), "ms": ((1.5, 1.5),)},
    "google-retrying": {"10": ((1, 2),), "own": ((1, 2),)},
}
"""The wait after a `Retry-After`, after `retry-after-ms: 1500`, or after the provider's own hint of 10 seconds."""
HINTED["azure"] = HINTED["openai"]
GOES_ON = {"openai", "azure", "anthropic"}
"""Who tries again when the connection is gone before the headers."""


async def _met(client: Official, fault: AnyFault, times: int, *, stream: bool) -> tuple[list[float], bool]:
    """When each attempt of a call came, in seconds since the first, and whether there was an answer."""
    server = FakeServer(client_fake(client), clock=virtual.VirtualClock(), weather=Weather((first(times, fault),)))
    server.answer = QUICK
    await server.start()
    answered = True
    try:
        async with client.calling(server) as call:
            try:
                await call(stream)
            except Exception:
                answered = False
        return [(each.started - server.journal[0].started) / 1e9 for each in server.journal], answered
    finally:
        await server.stop()


def client_fake(client: Official) -> Any:
    """The fake that it calls."""
    return LANGUAGES[client.speaks].fake()


def attempts(name: str, fault: AnyFault, times: int = 99, *, stream: bool = False) -> tuple[list[float], bool]:
    """The gaps between the attempts of a call whose first attempts all meet a fault, and whether it was answered."""
    met, answered = virtual.run(_met(CLIENTS[name], fault, times, stream=stream))
    return [later - earlier for earlier, later in pairwise(met)], answered


def assert_between(gaps: list[float], expected: Gaps) -> None:
    """Each gap is as long as it should be."""
    assert len(expected) == len(gaps), gaps
    for gap, (least, most) in zip(gaps, expected, strict=True):
        assert least - 0.001 <= gap <= most + SLACK, gaps


@pytest.mark.parametrize("name", CLIENTS)
class TestAttempts:
    @pytest.mark.parametrize("status", sorted({*OFTEN, *FINAL}))
    def test_a_status_is_tried_again_or_not(self, name: str, status: int) -> None:
        """
        What a client takes for temporary it tries again with its own waits, and an error of the caller's once.
        """
        client = CLIENTS[name]
        again = status in client.retries
        times = len(client.usual)  # so often it is refused, and then answered

        gaps, answered = attempts(name, Status(status), times or 99)

        assert_between(gaps, client.usual if again else ())
        assert again is answered

    def test_attempts_end(self, name: str) -> None:
        """
        A fault that stays is met as often as was measured; one client's retries end with time alone.
        """
        if name == "mistral-retrying":
            pytest.skip("its retries are limited by an hour of wall time")

        gaps, answered = attempts(name, Unavailable())

        assert_between(gaps, CLIENTS[name].usual)
        assert not answered

    def test_a_stream_is_tried_again_like_any_call(self, name: str) -> None:
        """
        Before the first event a stream is a call like any other; Cohere's client never tries one again.
        """
        client = CLIENTS[name]
        usual = () if name == "cohere" else client.usual

        gaps, _ = attempts(name, Unavailable(), len(usual) or 99, stream=True)

        assert_between(gaps, usual)


@pytest.mark.parametrize(("name", "hint"), [(name, hint) for name, hints in HINTED.items() for hint in hints])
def test_a_hint_is_obeyed_as_far_as_was_measured(name: str, hint: str) -> None:
    """
    Who is asked to wait waits so long, or as long as its own limits let it.
    """
    fault = {"ms": RateLimited(retry_after=1.5, form="ms"), "own": RateLimited(retry_after=10, form="own")}.get(
        hint, RateLimited(literal=hint)
    )
    expected = HINTED[name][hint]

    gaps, answered = attempts(name, fault, 1)

    assert_between(gaps, expected or ())
    assert (expected is not None) is answered


@pytest.mark.parametrize("fault", [ResetBeforeHeaders(), CloseBeforeHeaders()], ids=["reset", "closed"])
@pytest.mark.parametrize("name", CLIENTS)
def test_a_connection_that_is_gone_before_the_headers(name: str, fault: AnyFault) -> None:
    """
    Some try again, and some do not; Mistral's retries take a reset for a fault of the network, and an end for none.
    """
    again = name in GOES_ON or (name == "mistral-retrying" and isinstance(fault, ResetBeforeHeaders))
    usual = CLIENTS[name].usual if again else ()

    gaps, answered = attempts(name, fault, len(usual) or 99)

    assert_between(gaps, usual)
    assert again is answered


@pytest.mark.parametrize("name", sorted(GOES_ON))
def test_what_should_not_be_retried_is_not(name: str) -> None:
    """
    `x-should-retry` outweighs the status.
    """
    assert ([], False) == attempts(name, RateLimited(should_retry=False))


@pytest.mark.parametrize("name", ["openai", "azure"])
def test_a_quota_that_is_exhausted_is_asked_for_again(name: str) -> None:
    """
    OpenAI's client goes by the status alone.
    """
    gaps, answered = attempts(name, QuotaExhausted())

    assert_between(gaps, STAINLESS)
    assert not answered
