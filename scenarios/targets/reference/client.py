"""One provider: bounded attempts until a given moment, a breaker, streams whose end is checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio._backends._asyncio  # noqa: F401  # httpx imports both at the first call, which would wait for them
import httpcore  # noqa: F401
import httpx

from . import answers
from .anthropic import Anthropic
from .breaker import Breaker
from .errors import AttemptFailed, CallFailed, stood
from .events import Events
from .keys import Ring
from .ledger import Bill, Ledger
from .limiter import Limiter
from .retry import MAX_ATTEMPTS, Budget, pause, refused
from .speech import OpenAI, Speech

SPEECHES: dict[str, Speech] = {"openai": OpenAI(), "anthropic": Anthropic()}

TIMEOUT = httpx.Timeout(connect=5.0, read=50.0, write=10.0, pool=5.0)
IDLE = 15.0
"""Seconds without a byte after which a stream counts as stalled."""
LINGER = 1.0
"""Seconds to wait for the end of a stream whose answer is finished."""
LIMITS = httpx.Limits(max_connections=500, max_keepalive_connections=50, keepalive_expiry=30.0)
TRUST = httpx.create_ssl_context()
"""Read once: the certificates of all authorities take longer to load than a fair call takes."""

Piece = str | dict[str, Any]
"""Text of an answer, or what is to be known of it when it has ended."""


@dataclass(frozen=True)
class Provider:
    """Where a model is."""

    name: str
    url: str
    keys: tuple[str, ...] = field(repr=False)
    model: str
    dialect: str = "openai"
    rpm: int = 3_000
    tpm: int = 12_000_000


class Client:
    """Talks to one provider."""

    def __init__(self, provider: Provider, ledger: Ledger) -> None:
        self._provider = provider
        self._speech = SPEECHES[provider.dialect]
        self._ledger = ledger
        self._limiter = Limiter(provider.rpm, provider.tpm)
        self._budget = Budget()
        self.keys = Ring(provider.keys)
        self._breaker = Breaker()
        self._http = httpx.AsyncClient(base_url=provider.url, timeout=TIMEOUT, limits=LIMITS, verify=TRUST)

    async def ask(self, request: dict[str, Any], until: float, end: float, *, stream: bool) -> AsyncGenerator[Piece]:
        """The answer's text as it comes, then what is to be known of it.

        It begins by one moment of the loop's clock and ends by another; where it is not streamed, it comes whole by the
        first. Once a caller has text there is no second attempt: what it would say does not continue what was said.
        """
        given = False
        for attempt in range(1, MAX_ATTEMPTS + 1):
            pieces = self._streamed(request) if stream else self._whole(request)
            try:
                with self._breaker.attempt():
                    while True:
                        async with asyncio.timeout_at(end if given else until):
                            piece = await anext(pieces)
                        if isinstance(piece, dict):
                            break
                        given = True
                        yield piece
            except TimeoutError:
                raise CallFailed("timeout", partial=given) from None
            except AttemptFailed as failure:
                wait = None if given else self._next_wait(attempt, failure, until)
                if wait is None:
                    raise CallFailed(failure.kind, partial=given) from None
                await asyncio.sleep(wait)
            else:
                self._budget.put_back()
                yield piece
                return
            finally:
                await pieces.aclose()

    def _next_wait(self, attempt: int, failure: AttemptFailed, until: float) -> float | None:
        """Seconds before the next attempt; None when there is to be none.

        A wait that would end after the deadline, or before a breaker that is open, is no use to the caller, who is told
        at once.
        """
        if not failure.retry or attempt == MAX_ATTEMPTS or not self._breaker.closed:
            return None
        wait = pause(attempt, failure)
        left = until - asyncio.get_running_loop().time()
        return wait if wait < left and self._budget.take() else None

    async def _whole(self, request: dict[str, Any]) -> AsyncGenerator[Piece]:
        """One attempt at an answer in one piece."""
        async with self._post(request) as (response, bill):
            answer = answers.whole(self._speech.reply(answers.parse(await response.aread())))
            answer["cost"] = bill.settle(answer["usage"])
        yield answer

    async def _streamed(self, request: dict[str, Any]) -> AsyncGenerator[Piece]:
        """One attempt at a streamed answer."""
        request = {**request, "stream": True}
        streamed = answers.Streamed()
        async with self._post(request) as (response, bill):
            if "text/event-stream" not in response.headers.get("content-type", ""):
                answers.whole(self._speech.reply(answers.parse(await response.aread())))
                raise AttemptFailed("provider", retry=True)
            async for data in self._events(response, streamed):
                if text := streamed.take(self._speech.event(answers.parse(data))):
                    yield text
            answer = streamed.done()
            answer["cost"] = bill.settle(answer["usage"])
        yield answer

    async def _events(self, response: httpx.Response, streamed: answers.Streamed) -> AsyncIterator[str]:
        events, chunks, over = Events(), response.aiter_bytes(), False
        while True:
            try:
                async with asyncio.timeout(LINGER if over or streamed.finish is not None else IDLE):
                    found = list(events.feed(await anext(chunks)))
            except StopAsyncIteration:
                if events.unfinished and streamed.finish is None:
                    raise AttemptFailed("provider", retry=True) from None
                return
            except UnicodeDecodeError:
                raise AttemptFailed("provider", retry=True) from None
            except (TimeoutError, httpx.HTTPError):
                if over or streamed.finish is not None:
                    return
                raise
            for data in found:
                # Read on to the body's own end: a connection that is left before it cannot be used again.
                over = over or data == "[DONE]"
                if not over:
                    yield data

    @asynccontextmanager
    async def _post(self, request: dict[str, Any]) -> AsyncIterator[tuple[httpx.Response, Bill]]:
        await self._limiter.turn(request)
        bill = self._ledger.reserve(self._provider.model, request)
        path, body = self._speech.request({"model": self._provider.model, **request})
        key = self.keys.next()
        headers = self._speech.headers(key)
        try:
            async with self._http.stream("POST", path, json=body, headers=headers) as response:
                self._limiter.learn(response.headers)
                if response.status_code != 200:
                    bill.release()
                    error = self._speech.error(answers.error_of(await response.aread()))
                    failure = refused(response.status_code, response.headers, error)
                    if response.status_code == 401 and self.keys.bury(key):
                        failure.retry, failure.wait = True, 0.0
                    raise failure
                yield response, bill
        except httpx.ConnectError as error:
            # Where nobody listens, trying again within the call does not change that, and the caller waits.
            bill.release()
            raise AttemptFailed("provider", retry=stood(error), sent=False) from None
        except httpx.ConnectTimeout:
            bill.release()
            raise AttemptFailed("timeout", retry=True, sent=False) from None
        except (TimeoutError, httpx.TimeoutException):
            raise AttemptFailed("timeout", retry=True) from None
        except (httpx.TransportError, httpx.DecodingError, httpx.StreamError):
            raise AttemptFailed("provider", retry=True) from None
