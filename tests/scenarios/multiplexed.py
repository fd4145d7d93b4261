"""A transport for httpx that keeps the promises of HTTP/2 which its own does not: it reads what GOAWAY leaves alone."""

from __future__ import annotations

import asyncio
import contextlib

import httpx
from languages import LANGUAGES
from rawhttp2 import RawHttp2

from brownout.fakes.ask import Request


class Told(RawHttp2):
    """A connection on which several callers wait for what one reader hears."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.stands = asyncio.Event()
        self.news = asyncio.Event()
        self.reader = asyncio.create_task(self._listen())

    async def settled(self, number: int) -> None:
        """Wait until a stream has ended, or never will."""
        while not (self.streams[number].how or self.how or self.turned_away(number)):
            self.news.clear()
            await self.news.wait()

    def turned_away(self, number: int) -> bool:
        """Whether the provider has said that it does not process a stream."""
        return any(number > last for _, last in self.goaways) or self.streams[number].how == "REFUSED_STREAM"

    async def _listen(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self.connect()
            self.stands.set()
            while not self.how:
                await self.hear(lambda: False, 3600.0)
                self.news.set()

    def _note(self, event: object) -> None:
        super()._note(event)  # type: ignore[arg-type]  # events of h2
        self.news.set()


class Multiplexed(httpx.AsyncBaseTransport):
    """All requests over one connection of HTTP/2, and over another one when that takes no more."""

    def __init__(self) -> None:
        self._connections: list[Told] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request until it is processed; it is httpx's error when its stream breaks."""
        body, target = await request.aread(), request.url.raw_path.decode().partition("?")
        headers = tuple((name, value) for name, value in request.headers.items() if name == "authorization")
        for _ in range(4):
            raw = self._usable(request.url.port or 80)
            await raw.stands.wait()
            number = raw.put(Request(request.method, target[0], target[2], headers, body), LANGUAGES["openai"])
            await raw.flush()
            await raw.settled(number)
            stream = raw.streams[number]
            if stream.how == "end" and stream.status is not None:
                return httpx.Response(stream.status, headers=stream.headers, content=stream.body)
            if not raw.turned_away(number):
                raise httpx.RemoteProtocolError(stream.how or raw.how)
        raise httpx.RemoteProtocolError("never processed")

    async def aclose(self) -> None:
        """Close every connection."""
        for raw in self._connections:
            raw.reader.cancel()
            await raw.reader
            raw.close()

    def _usable(self, port: int) -> Told:
        if not self._connections or self._connections[-1].goaways or self._connections[-1].how:
            self._connections.append(Told(port))
        return self._connections[-1]
