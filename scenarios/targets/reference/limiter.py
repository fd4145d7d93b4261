"""Keeps under a provider's limits, so that callers wait in a line here instead of bouncing off there.

There is a bucket for requests and one for tokens. Each fills at the limit's rate and holds a second's worth, because
providers enforce a minute's limit in shorter pieces. A request leaves when both hold what it takes; whoever came first
leaves first. What the provider tells of its limits and of what is left corrects both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from .context import size

AT_ONCE = 1.0
"""Seconds' worth of the limit that may leave at the same moment."""
SAFE = 0.95
"""The part of a limit that is used: requests do not arrive exactly as they left."""


class Bucket:
    """Fills evenly with what a limit of so much a minute gives."""

    def __init__(self, configured: int) -> None:
        self._configured = configured
        self._limit(configured)
        self._level, self._seen = self._holds, 0.0

    def wait(self, amount: float, now: float) -> float:
        """Seconds until it holds so much; for more than it ever holds, until it is full."""
        self._level = min(self._holds, self._level + (now - self._seen) * self._rate)
        self._seen = now
        return max(0.0, (min(amount, self._holds) - self._level) / self._rate)

    def take(self, amount: float) -> None:
        """Take out; what is more than it held is owed."""
        self._level -= amount

    def correct(self, limit: int | None, remaining: int | None) -> None:
        """Believe the provider, where it allows less than was thought."""
        if limit:
            self._limit(min(limit, self._configured))
        if remaining is not None:
            # One may always leave: what is told is older than what has left since.
            self._level = min(self._level, max(1.0, remaining))

    def _limit(self, a_minute: int) -> None:
        self._rate = SAFE * a_minute / 60
        self._holds = SAFE * self._rate * AT_ONCE


class Limiter:
    """The line before one provider."""

    def __init__(self, rpm: int, tpm: int) -> None:
        self._requests, self._tokens = Bucket(rpm), Bucket(tpm)
        self._line = asyncio.Lock()

    async def turn(self, request: dict[str, Any]) -> None:
        """Return when the request may leave."""
        clock = asyncio.get_running_loop()
        tokens = size(request)
        async with self._line:
            while wait := self._wait(tokens, clock.time()):  # noqa: ASYNC110  # what is waited for is time
                await asyncio.sleep(wait)
            self._requests.take(1)
            self._tokens.take(tokens)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Read what an answer tells of the limits."""
        for name, bucket in (("requests", self._requests), ("tokens", self._tokens)):
            told = (_count(headers.get(f"x-ratelimit-{what}-{name}")) for what in ("limit", "remaining"))
            bucket.correct(*told)

    def _wait(self, tokens: int, now: float) -> float:
        return max(self._requests.wait(1, now), self._tokens.wait(tokens, now))


def _count(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() else None
