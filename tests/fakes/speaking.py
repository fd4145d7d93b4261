"""Speaking to a dialect without a socket, and to a whole fake from a client that blocks."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from languages import LANGUAGES, Language

from brownout.fakes.answer import Answer, Pace, find_canary
from brownout.fakes.ask import Ask, Request
from brownout.fakes.dialects import Dialect, dialect
from brownout.fakes.fake import Fake
from brownout.fakes.journal import Exchange
from brownout.fakes.script import End, Head, Op, Send, header
from brownout.fakes.server import FakeServer
from brownout.harness.targets.sse import EventReader, ServerSentEvent

NOW = 1_795_255_200.25
KEY = Fake().keys[0]
PROMPT = "Say it. [bo:k7q2x9]"
MESSAGES = [{"role": "user", "content": PROMPT}]
QUICK = Answer(words=6, pace=Pace(0.0, 0.0))


@dataclass(frozen=True)
class Spoken:
    """What a dialect said."""

    ask: Ask
    ops: tuple[Op, ...]

    @property
    def head(self) -> Head:
        """Its head."""
        return next(op for op in self.ops if isinstance(op, Head))

    @property
    def status(self) -> int:
        """Its status."""
        return self.head.status

    @property
    def body(self) -> bytes:
        """Its whole body."""
        return b"".join(op.data for op in self.ops if isinstance(op, Send))

    @property
    def json(self) -> Any:
        """The value in its body."""
        return json.loads(self.body)

    @property
    def events(self) -> list[ServerSentEvent]:
        """The events of a stream."""
        return EventReader().feed(self.body)

    @property
    def chunks(self) -> list[Any]:
        """The values in them, without the sentinel."""
        return [json.loads(event.data) for event in self.events if event.data != "[DONE]"]

    @property
    def parts(self) -> list[str]:
        """What each piece of the body is."""
        return [op.part for op in self.ops if isinstance(op, Send)]

    def header(self, name: str) -> str | None:
        """One of its headers."""
        return header(self.head.headers, name)


@dataclass
class Provider:
    """One provider in memory, asked as a server asks it."""

    fake: Fake = field(default_factory=Fake)
    answer: Answer = QUICK
    now: float = NOW
    language: Language = LANGUAGES["openai"]
    asked: int = 0

    def __post_init__(self) -> None:
        """Speak the language's dialect."""
        self.speaks: Dialect = dialect(self.language.dialect)

    def post(self, path: str, body: object = None, **more: Any) -> Spoken:
        """Post a value."""
        return self.ask("POST", path, json.dumps(body).encode(), **more)

    def get(self, path: str, **more: Any) -> Spoken:
        """Get what is there."""
        return self.ask("GET", path, **more)

    def delete(self, path: str, **more: Any) -> Spoken:
        """Delete it."""
        return self.ask("DELETE", path, **more)

    def chat(self, **body: Any) -> Spoken:
        """Ask for a chat completion."""
        return self.post("/v1/chat/completions", {"model": "gpt-4o-mini", "messages": MESSAGES, **body})

    def message(self, **body: Any) -> Spoken:
        """Ask for a message."""
        return self.post("/v1/messages", {"model": self.fake.model, "max_tokens": 1024, "messages": MESSAGES, **body})

    def respond(self, **body: Any) -> Spoken:
        """Ask for a response."""
        return self.post("/v1/responses", {"model": "gpt-4o-mini", "input": PROMPT, **body})

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        key: str | None = KEY,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Spoken:
        """Ask for anything."""
        path, _, query = path.partition("?")
        own = {name for name, _ in headers}
        credentials = (pair for pair in self.language.credentials(key) if pair[0] not in own)
        ask = self.speaks.read(Request(method, path, query, (*credentials, *headers), body), self.fake)
        self.asked += 1
        ask.canary, ask.attempt = find_canary(ask.texts), self.asked
        ask.now, ask.answer = self.now, self.answer
        ops = self.speaks.answer(ask) if ask.trouble is None else self.speaks.trouble(ask, ask.trouble)
        assert isinstance(ops[0], Head)
        assert isinstance(ops[-1], End)
        return Spoken(ask, tuple(ops))


LOOPS: WeakKeyDictionary[FakeServer, asyncio.AbstractEventLoop] = WeakKeyDictionary()
"""Where each fake serves."""


@contextmanager
def serving(fake: Fake | None = None, answer: Answer = QUICK) -> Iterator[FakeServer]:
    """A fake that serves from a thread of its own, for clients that block."""
    server = FakeServer(fake or Fake())
    server.answer = answer
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    LOOPS[server] = loop
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(5)
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def billed(server: FakeServer, number: int = -1) -> Exchange:
    """An exchange when it is over: a client may have its answer before the server has closed the books on it."""
    exchange = server.journal[number]
    for _ in range(5000):
        if exchange.ended:
            # The books are closed in the step that ends it; the next one of that loop comes after.
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), LOOPS[server]).result(5)
            return exchange
        time.sleep(0.001)
    raise AssertionError(f"{exchange.id} never ended")


def claude(answer: Answer = QUICK, *, newest: bool = False, **fake: Any) -> Provider:
    """A provider that speaks Anthropic's dialect, asked in the first version of its API or in the newest."""
    language = LANGUAGES["anthropic-2026-10-21" if newest else "anthropic"]
    return Provider(language.fake(**fake), answer, language=language)


def cohere(answer: Answer = QUICK, **fake: Any) -> Provider:
    """A provider that speaks Cohere's dialect."""
    language = LANGUAGES["cohere"]
    return Provider(language.fake(**fake), answer, language=language)


def google(answer: Answer = QUICK, *, dialect: str = "gemini", **fake: Any) -> Provider:
    """A provider that speaks one of Google's dialects."""
    language = LANGUAGES[dialect]
    return Provider(language.fake(**fake), answer, language=language)
