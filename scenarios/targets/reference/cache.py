"""Answers that are given again: to the same user, for the same question, for half a minute.

Everything that is asked is part of the key, so nothing that changes an answer can be forgotten. Kept is only what came
whole and from the provider that is asked first: no error, no part, nothing that stood in for an answer. Callers with
the same question at the same moment share one request, which ends when the last of them leaves.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from .chain import Chain
from .client import Piece

TTL = 30.0
"""Seconds for which an answer is good."""
MOST = 1000
"""Answers that are kept; the oldest goes first."""


@dataclass
class Flight:
    """A request that is under way, and how many wait for it."""

    task: asyncio.Task[Piece]
    waiting: int = 0


class Cache:
    """Stands before a chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._kept: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()
        self._flights: dict[str, Flight] = {}

    async def ask(self, request: dict[str, Any], *, stream: bool) -> AsyncGenerator[Piece]:
        """What the chain yields, or what it yielded before."""
        key = json.dumps(request, sort_keys=True)
        if (known := self._find(key)) is not None:
            if stream:
                yield known["text"]
            yield known
        elif stream:
            async with aclosing(self._asked(key, request, stream=True)) as pieces:
                async for piece in pieces:
                    yield piece
        else:
            yield await self._shared(key, request)

    def _find(self, key: str) -> dict[str, Any] | None:
        kept = self._kept.get(key)
        if kept is None or time.monotonic() >= kept[0] + TTL:
            return None
        return {**kept[1], "cost": 0.0}

    def _keep(self, key: str, answer: dict[str, Any]) -> None:
        if answer["degraded"] or answer["finish"] != "stop":
            return
        self._kept[key] = time.monotonic(), answer
        self._kept.move_to_end(key)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)

    async def _shared(self, key: str, request: dict[str, Any]) -> Piece:
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = Flight(asyncio.create_task(self._whole(key, request)))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                flight.task.cancel()
                self._flights.pop(key, None)

    async def _whole(self, key: str, request: dict[str, Any]) -> Piece:
        (answer,) = [piece async for piece in self._asked(key, request, stream=False)]
        return answer

    async def _asked(self, key: str, request: dict[str, Any], *, stream: bool) -> AsyncGenerator[Piece]:
        text = ""
        async with aclosing(self._chain.ask(request, stream=stream)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    text += piece
                else:
                    self._keep(key, {"text": text, **piece})
                yield piece
