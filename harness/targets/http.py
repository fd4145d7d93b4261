"""A target that is a service, called over HTTP as its callers call it.

Every call has a connection of its own. A caller that keeps connections would now and then write into one that the
service is just closing, and that would be held against the service. Leaving closes the connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from ...fakes.clock import Clock
from ..placeholders import fill
from ..protocol import CallEvent, CallRequest, Done, Error, sound
from ..target_file import HttpCall, Start
from . import TargetFailed, Witness
from .asking import Asking
from .process import Command, Pipes, launch
from .ready import Ear, answers, listens, told, until_ready
from .replies import Reading
from .started import Started

WINDOW_BYTES = 64 * 1024
"""What a connection takes in before a slow caller is felt at the other end."""
LAST_WORDS = 0.25
"""Wall seconds in which a broken connection may turn out to be the service's end."""


class HttpTarget(Started):
    """Starts the service, unless it is running already, and calls it."""

    def __init__(self, call: HttpCall, start: Start, clock: Clock, witness: Witness) -> None:
        self._ear = Ear(witness)
        super().__init__(start, clock, self._ear)
        self._http = call
        self._calls: dict[str, asyncio.Task[None]] = {}
        self._client: httpx.AsyncClient | None = None
        self._url = ""

    async def start(self, places: Mapping[str, str]) -> None:
        """Start the service where it has a command, and wait until it is ready."""
        home = self._home
        home.furnish(places)
        self._url = fill(self._http.url, home.places)
        if self._client is None:
            self._client = httpx.AsyncClient(transport=transport(), timeout=None, trust_env=False)  # noqa: S113  # the stage has the patience
        heard = self._ear.wait_for(self._start.ready.line)
        if not self._start.command:
            await self._reach()
            return
        pipes = Pipes()
        for name in ("stdout", "stderr"):
            await pipes.keep(name, home.source(name))
        argv = [fill(word, home.places) for word in self._start.command]
        try:
            self._process = await launch(
                Command(argv, home.env, home.cwd, home.workdir), pipes, self._clock, self._witness
            )
        except TargetFailed as failed:
            raise TargetFailed(f"{failed}{told(home)}") from failed
        ready = heard if self._start.ready.line is not None else self._answering()
        await until_ready(self._process, home, self._clock, self._start.ready.within, ready)

    @property
    def asking(self) -> Asking:
        """How it is asked, where it is running now."""
        return Asking(self._http, self._url, self._home.places)

    @property
    def ports(self) -> set[int]:
        """At the port that it is called at, too."""
        url = urlsplit(self._url)
        return super().ports | {url.port or (443 if url.scheme == "https" else 80)}

    async def call(self, request: CallRequest, *, unauthorized: bool = False) -> AsyncIterator[CallEvent]:
        """Make the call and yield what comes back."""
        events: asyncio.Queue[CallEvent] = asyncio.Queue(1)  # a caller that reads slowly is to be felt
        task = self._calls[request.id] = asyncio.ensure_future(self._ask(request, unauthorized, events.put))
        try:
            while True:
                event = await events.get()
                yield event
                if isinstance(event, Done | Error):
                    return
        finally:
            task.cancel()

    async def cancel(self, call: str) -> None:
        """Leave: the connection is closed."""
        task = self._calls.pop(call, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop(self) -> None:
        """End the calls that are open, and the service."""
        for call in list(self._calls):
            await self.cancel(call)
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        await super().stop()

    async def _ask(self, request: CallRequest, unauthorized: bool, tell: Callable[[CallEvent], Any]) -> None:
        assert self._client is not None
        asking = self.asking
        reading: Reading | None = None
        begun = False
        try:
            method, url, headers, body = asking.request(request, unauthorized=unauthorized)
            heard = {"trace": self._heard}
            async with self._client.stream(method, url, headers=headers, content=body, extensions=heard) as response:
                reading = asking.reading(request, response.status_code, response.headers.get("content-type", ""))
                async for data in response.aiter_bytes():
                    for event in reading.feed(data):
                        sound(event)
                        await tell(event)
                        begun = True
                        if isinstance(event, Done | Error):
                            return
                last = reading.end()
                sound(last)
                await tell(last)
        except httpx.ConnectError:
            await tell(await self._broken(request.id, "refused", "the target takes no connection", partial=False))
        except httpx.DecodingError:
            await tell(Error(request.id, "garbled", "the body is not compressed as it says", partial=begun))
        except httpx.HTTPError:
            where = "before the answer began" if reading is None else "before the answer's end"
            await tell(await self._broken(request.id, "cut", f"the connection broke {where}", partial=begun))

    async def _heard(self, what: str, details: object) -> None:
        """Time does not leap while a name is looked up, which a thread does."""
        clock = self._home.warp
        if clock is not None and what.startswith("connection.connect_tcp."):
            clock.busy += 1 if what.endswith(".started") else -1

    async def _broken(self, call: str, kind: str, message: str, *, partial: bool) -> Error:
        """A connection that broke, which may be because the service has ended."""
        process = self._process
        if process is not None:
            with self._hears():
                await process.within(LAST_WORDS, process.dead)
            if process.dead.done():
                kind, message = "died", f"the target has ended: {process.end}"
        return Error(call, kind, message, partial)

    async def _answering(self) -> None:
        """Return once the service takes calls, as far as one can see."""
        ready = self._start.ready
        if ready.url is not None:
            await answers(fill(ready.url, self._home.places), self._clock)
        elif ready.port:
            await listens("127.0.0.1", int(self._home.places["port"]), self._clock)
        else:
            url = urlsplit(self._url)
            await listens(url.hostname or "", url.port or (443 if url.scheme == "https" else 80), self._clock)

    async def _reach(self) -> None:
        """A service that is running already has to be there."""
        within = self._start.ready.within
        answering = asyncio.ensure_future(self._answering())
        timer = asyncio.ensure_future(self._clock.sleep(within * self._clock.rate))
        await asyncio.wait({answering, timer}, return_when=asyncio.FIRST_COMPLETED)
        reached = answering.done()
        for future in (answering, timer):
            future.cancel()
        await asyncio.gather(answering, timer, return_exceptions=True)
        if not reached:
            raise TargetFailed(f"nothing answers at {self._url}, and the target file has no command to start it with")


def transport() -> httpx.AsyncHTTPTransport:
    """One connection a call, as many as there are calls; a target's certificate is not what is judged."""
    return httpx.AsyncHTTPTransport(
        verify=False,
        trust_env=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        socket_options=[
            (socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES),
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        ],
    )
