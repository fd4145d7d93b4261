"""Fakes in a thread of their own, for tests and programs that are not asynchronous or have a loop of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from .answer import Answer
from .fake import Fake, secret
from .journal import Exchange
from .server import FakeServer
from .weather import Rule, Weather

Returned = TypeVar("Returned")


class ThreadedFakes:
    """A thread in which fakes stand; leaving the context stops them all."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="brownout-fakes", daemon=True)
        self._standing: list[StandingFake] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for standing in self._standing:
            self.wait(standing.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def stand(self, fake: Fake | None = None) -> StandingFake:
        """Stand up a fake on a free port of the loopback."""
        key = secret(len(self._standing) + 1)
        standing = StandingFake(self, FakeServer(fake or Fake(keys=(key,))))
        self.wait(standing.server.start())
        self._standing.append(standing)
        return standing

    def drop(self, standing: StandingFake) -> None:
        """Stop one fake before the others."""
        self._standing.remove(standing)
        self.wait(standing.server.stop())

    def wait(self, work: Coroutine[Any, Any, Returned]) -> Returned:
        """Do something in the fakes' thread, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class StandingFake:
    """One fake: where it is, what it has seen, and what weather it has."""

    def __init__(self, fakes: ThreadedFakes, server: FakeServer) -> None:
        self._fakes = fakes
        self.server = server

    @property
    def url(self) -> str:
        """The base URL that a client is given."""
        return self.server.url

    @property
    def key(self) -> str:
        """The key that it takes."""
        return self.server.fake.keys[0]

    @property
    def model(self) -> str:
        """The model that it serves."""
        return self.server.fake.model

    @property
    def exchanges(self) -> list[Exchange]:
        """Every request it has seen, and what it did about it."""
        return list(self.server.journal)

    def weather(self, *rules: Rule, seed: int = 0) -> None:
        """Put rules in force; none is fair weather."""

        async def change() -> None:
            await self.server.change(Weather(rules, seed, self.server.clock.nanoseconds() / 1e9))

        self._fakes.wait(change())

    def answer(self, **fields: Any) -> None:
        """Answer differently from here on: the keywords are the fields of `Answer`."""

        async def change() -> None:
            self.server.answer = replace(Answer(), **fields)

        self._fakes.wait(change())
