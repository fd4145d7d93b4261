"""A careful client, small enough to be wrong in one place at a time: each subclass forgets one thing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from random import Random
from typing import Any

import httpx

TRANSIENT = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
TRUST = httpx.create_ssl_context()
"""Made once: it takes longer than most scenarios do."""


class Failed(Exception):
    """What a caller is told."""

    def __init__(self, kind: str, *, partial: bool = False) -> None:
        super().__init__(f"the call has failed: {kind}")
        self.kind = kind
        self.partial = partial


def kind_of(response: httpx.Response) -> str:
    """What a refusal means."""
    known = {401: "unauthorized", 403: "unauthorized", 413: "context", 429: "rate_limited"}
    codes = {"context_length_exceeded": "context", "invalid_prompt": "content_policy", "model_not_found": "provider"}
    usual = known.get(response.status_code, "provider" if response.status_code in TRANSIENT else "invalid")
    return next((kind for code, kind in codes.items() if code in response.text), usual)


class Careful:
    """A client that does everything right."""

    model = "gpt-4o-mini"
    attempts = 4
    deadline: float | None = 55.0
    idle: float | None = 10.0
    connections = 200

    def __init__(self, url: str, key: str) -> None:
        self.random = Random(1)
        self.budget = 40
        limits = httpx.Limits(max_connections=self.connections, max_keepalive_connections=20)
        headers = {"authorization": f"Bearer {key}"}
        timeout = httpx.Timeout(self.idle and 50.0, connect=5.0, pool=None)
        self.http = httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=timeout, verify=TRUST)

    async def aclose(self) -> None:
        """Close every connection."""
        await self.http.aclose()

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Answer, before the deadline."""
        loop = asyncio.get_running_loop()
        due = None if self.deadline is None else loop.time() + self.deadline
        pieces = self.tries(prompt, stream, due)
        while True:
            try:
                async with asyncio.timeout_at(due):
                    piece = await anext(pieces, None)
            except TimeoutError:
                raise Failed("timeout") from None
            if piece is None:
                return
            yield piece

    async def tries(self, prompt: str, stream: bool, due: float | None) -> AsyncIterator[str]:
        """Try until there is an answer."""
        for attempt in range(1, self.attempts + 1):
            kind, wait, given = "provider", self.backoff(attempt), False
            try:
                async for piece in self.once(prompt, stream, attempt):
                    given = True
                    yield piece
            except httpx.HTTPStatusError as error:
                kind = kind_of(error.response)
                if not self.again(error.response):
                    raise Failed(kind) from None
                hint = self.hint(error.response)
                wait = wait if hint is None else hint
            except httpx.ConnectError:
                raise Failed("provider") from None
            except (httpx.TransportError, TimeoutError, ValueError, LookupError, TypeError):
                pass
            else:
                self.budget = min(self.budget + 1, 40)
                return
            left = 1e9 if due is None else due - asyncio.get_running_loop().time()
            if given or attempt == self.attempts or wait > left or not self.spend():
                raise Failed(kind, partial=given)
            await asyncio.sleep(wait)

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[str]:
        """One attempt."""
        body = self.body(prompt, stream, attempt)
        async with self.http.stream("POST", "/chat/completions", json=body) as response:
            if response.status_code != 200:
                await response.aread()
                response.raise_for_status()
            if not stream:
                yield json.loads(await response.aread())["choices"][0]["message"]["content"]
                return
            lines, finish = response.aiter_lines(), None
            while True:
                async with asyncio.timeout(self.idle):
                    line = await anext(lines, None)
                if line is None:
                    if finish is None:
                        raise httpx.ReadError("the stream never came to its end")
                    return
                if line.startswith("data: {"):
                    for choice in json.loads(line[6:])["choices"]:
                        finish = choice["finish_reason"] or finish
                        if choice["delta"].get("content"):
                            yield choice["delta"]["content"]

    def body(self, prompt: str, stream: bool, attempt: int) -> dict[str, Any]:
        """What is sent."""
        messages = [{"role": "user", "content": prompt}]
        return {"model": self.model, "messages": messages, "stream": stream, "max_tokens": 1024}

    def backoff(self, attempt: int) -> float:
        """How long to wait when nobody says how long."""
        return float(2 ** (attempt - 1) + self.random.random())

    def again(self, response: httpx.Response) -> bool:
        """Whether another attempt may help."""
        should = response.headers.get("x-should-retry")
        if should is not None:
            return bool(should == "true")
        return response.status_code in TRANSIENT and "insufficient_quota" not in response.text

    def hint(self, response: httpx.Response) -> float | None:
        """How long the provider asks to wait."""
        for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
            try:
                wait = float(response.headers.get(name, "")) * unit
            except ValueError:
                continue
            return wait if 0 < wait < 1e9 else None
        try:
            until = parsedate_to_datetime(response.headers.get("retry-after", ""))
            wait = (until - parsedate_to_datetime(response.headers["date"])).total_seconds()
        except ValueError:
            return None
        return wait if wait > 0 else None

    def spend(self) -> bool:
        """Whether another retry is in the budget."""
        self.budget -= 1
        return self.budget >= 0
