"""Listens for one fake, and meets its connections as the weather says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from math import inf

from .authority import authority
from .clock import Clock, Handle
from .connection import Connection
from .fake import Fake
from .faults import Door
from .faults.connection import StaleConnections
from .gate import Gate
from .http2 import Http2Connection
from .journal import Arrival
from .player import reset
from .responder import Responder
from .weather import STANDING, Weather
from .websocket import WebSocket

HEAD_SECONDS = 60.0
"""How long a client may take from the first byte of a request to the end of its head."""


class FakeServer(Responder):
    """One fake provider at an address on the loopback."""

    def __init__(
        self,
        fake: Fake,
        *,
        clock: Clock | None = None,
        origin: int | None = None,
        weather: Weather | None = None,
        named: Mapping[str, Weather] | None = None,
        number: Callable[[], int] | None = None,
        secrets: Iterable[str] = (),
        head_timeout: float = HEAD_SECONDS,
        port: int = 0,
    ) -> None:
        super().__init__(fake, clock=clock, origin=origin, weather=weather, named=named, number=number, secrets=secrets)
        self.head_timeout = head_timeout
        self.port = port
        self.tls: ssl.SSLContext | None = None
        """How hands are shaken, where they are."""
        self.connections: set[Connection | WebSocket] = set()
        self.arrivals: list[Arrival] = []
        self._gate: Gate | None = None
        self._meeting = asyncio.Lock()
        self._meetings: set[asyncio.Task[None]] = set()
        self._timer: Handle | None = None
        self._empty = asyncio.Event()

    @property
    def url(self) -> str:
        """The base URL that a client is given."""
        return f"http{'s' if self.fake.tls else ''}://127.0.0.1:{self.port}{self.dialect.base}"

    async def start(self) -> None:
        """Listen on the loopback, on the port asked for or on a free one; an OSError where somebody has it."""
        if self.fake.tls:
            self.tls = authority().context(http2=self.fake.http2)
        self._gate = Gate(lambda: Connection(self), self.port)
        self.port = self._gate.port
        await self.meet()

    async def stop(self) -> None:
        """Stop listening and drop every connection; nothing of it is left when this returns."""
        gate, self._gate = self._gate, None
        if self._timer is not None:
            self._timer.cancel()
        async with self._meeting:
            if gate is not None:
                await gate.close()
        await asyncio.gather(*self._meetings)
        await asyncio.sleep(0)  # whoever was accepted in the last moment is told to us in this turn of the loop
        for connection in list(self.connections):
            connection.stop()
        while self.connections:
            self._empty.clear()
            await self._empty.wait()

    async def change(self, weather: Weather) -> None:
        """Put another weather in force, for connections and requests that come from here on."""
        self.weather = weather
        await self.meet()

    async def meet(self) -> None:
        """Meet connections as the weather says, from here on and whenever that changes."""
        async with self._meeting:
            if self._gate is None:
                return
            standing = self._doors(*STANDING)
            await self._gate.enter(standing[0][1].door if standing else "open")
            for connection in list(self.connections):
                if standing:
                    connection.retire()
                else:
                    connection.watch()
            if self._timer is not None:
                self._timer.cancel()
            wait = self.weather.next_change(self.seconds())
            self._timer = self.clock.call_later(wait, self._meet_again) if wait < inf else None

    # Called by the connections.

    def connected(self, connection: Connection) -> None:
        """A connection was accepted."""
        connection.arrival.connection = len(self.arrivals) + 1
        connection.arrival.accepted = self.elapsed()
        self.arrivals.append(connection.arrival)
        self.connections.add(connection)
        for number, _ in self._doors("reset"):
            if self.weather.strikes(number, self.fake.name):
                connection.arrival.door = "reset"
                reset(connection.transport)
                return

    def multiplex(self, connection: Connection, data: bytes) -> None:
        """A client speaks HTTP/2 on a connection, whose first bytes these are."""
        spoken = Http2Connection(self, connection)
        self.connections.add(spoken)
        self.connections.discard(connection)
        connection.transport.set_protocol(spoken)
        spoken.data_received(data)

    def switched(self, connection: Connection, websocket: WebSocket) -> None:
        """A connection goes on as a WebSocket."""
        self.connections.discard(connection)
        self.connections.add(websocket)

    def disconnected(self, connection: Connection | WebSocket) -> None:
        """A connection is gone."""
        connection.arrival.closed = self.elapsed()
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    def stale(self) -> tuple[int, StaleConnections] | None:
        """What is done to idle connections, and the number of the rule that says so."""
        for number, door in self._doors("stale"):
            if isinstance(door, StaleConnections):
                return number, door
        return None

    def withholds(self) -> Door | None:
        """The fault for which the window of the next stream is not opened again, if it meets one."""
        for number, door in self._doors("withhold"):
            if self.strikes(number):
                return door
        return None

    def strikes(self, rule: int) -> bool:
        """Whether a rule about connections or streams is for the one at hand."""
        return rule < len(self.weather.rules) and self.weather.strikes(rule, self.fake.name)

    def _doors(self, *kinds: str) -> list[tuple[int, Door]]:
        return list(self.weather.doors(self.fake.name, self.fake.region, self.seconds(), kinds))

    def _meet_again(self) -> None:
        meeting = asyncio.get_running_loop().create_task(self.meet())
        self._meetings.add(meeting)
        meeting.add_done_callback(self._meetings.discard)
