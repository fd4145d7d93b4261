"""A client that knows nothing but the frames of HTTP/2: it writes down what comes on each stream and how that ends.

Frames are h2's, on a plain socket. They are read one by one, because h2 hears nothing of what follows GOAWAY.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
import rawsocket
from languages import LANGUAGES, Language

from brownout.fakes.answer import Answer
from brownout.fakes.ask import Request
from brownout.fakes.clock import Clock
from brownout.fakes.faults import AnyFault
from brownout.fakes.journal import Exchange
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always, first

WINDOW = 65535
HEAD_OF_A_FRAME = 9


@dataclass(slots=True)
class Stream:
    """What came on a stream."""

    language: Language
    streamed: bool
    how: str = ""
    """How it ended: "end", or the error code of its RST_STREAM; empty while nothing has ended it."""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    frames: list[bytes] = field(default_factory=list)
    """The content of its DATA frames."""
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    """What of the request waits for a window."""

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.frames)

    @property
    def words(self) -> str:
        """The text of an answer, whole or streamed."""
        return self.language.words(self.body, streamed=self.streamed)


class RawHttp2:
    """One connection.

    `window` is how much a stream may bring before the client gives it more, which it does at once where `gives`.
    """

    def __init__(self, port: int, clock: Clock | None = None, *, window: int = WINDOW, gives: bool = True) -> None:
        self.wire = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="latin-1"))
        self.streams: dict[int, Stream] = {}
        self.how = ""
        """fin or reset, once the connection has ended."""
        self.goaways: list[tuple[str, int]] = []
        """The error and the last stream of each GOAWAY."""
        self.pieces: list[tuple[float, int]] = []
        """When each DATA frame came, and on which stream."""
        self._window = window
        self._gives = gives
        self._port = port
        self._clock = clock or rawsocket.SteadyDate()
        self._socket = socket.socket()
        # Or a frame waits in the kernel for the other side's receipt of the one before it, up to 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._read = b""

    async def connect(self) -> None:
        """Connect, and say that it is HTTP/2."""
        await self._loop.sock_connect(self._socket, ("127.0.0.1", self._port))
        self.wire.initiate_connection()
        self.wire.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: self._window})
        await self.flush()

    async def flush(self) -> None:
        """Send what there is to send."""
        await self._loop.sock_sendall(self._socket, self.wire.data_to_send())

    async def send(self, data: bytes) -> None:
        """Send bytes past all framing."""
        await self._loop.sock_sendall(self._socket, data)

    def put(self, request: Request, language: Language, *, streamed: bool = False) -> int:
        """Begin a request, without sending it; the number of its stream."""
        number = self.wire.get_next_available_stream_id()
        stream = self.streams[number] = Stream(language, streamed)
        self.wire.send_headers(number, head_of(request))
        stream.unsent = memoryview(request.body)
        self._upload(number)
        return number

    async def ask(
        self, server: FakeServer, language: Language = LANGUAGES["openai"], *, stream: bool = False, **more: Any
    ) -> int:
        """Send a request for a text; the number of its stream."""
        text = more.pop("text", f"say it [bo:{rawsocket.CANARY}]")
        number = self.put(language.request(server.fake, text, stream=stream, **more), language, streamed=stream)
        await self.flush()
        return number

    async def hear(self, until: Callable[[], object], silence: float = rawsocket.PATIENCE_SECONDS) -> bool:
        """Listen until something holds; False where nothing has come for so many seconds."""
        while not until():
            if self.how:
                return False
            try:
                data = await asyncio.wait_for(self._loop.sock_recv(self._socket, 65536), silence)
            except TimeoutError:
                return False
            except ConnectionResetError:
                self.how = "reset"
                continue
            self.how = "" if data else "fin"
            for frame in self._frames(data):
                for event in self.wire.receive_data(frame):
                    self._note(event)
            if not self.how:
                await self.flush()
        return True

    async def over(self, *numbers: int, silence: float = rawsocket.PATIENCE_SECONDS) -> bool:
        """Listen until streams, or all, have ended; False where nothing has come for so many seconds."""
        return await self.hear(lambda: all(self.streams[n].how for n in numbers or self.streams), silence)

    async def ended(self) -> str:
        """Listen until the connection ends: fin or reset."""
        await self.hear(lambda: self.how)
        return self.how

    def reset(self) -> None:
        """Leave with a RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _frames(self, data: bytes) -> Iterator[bytes]:
        self._read += data
        while len(self._read) >= HEAD_OF_A_FRAME:
            size = HEAD_OF_A_FRAME + int.from_bytes(self._read[:3], "big")
            if len(self._read) < size:
                return
            yield self._read[:size]
            self._read = self._read[size:]

    def _note(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived(headers=headers):
                stream = self.streams[event.stream_id]
                stream.headers = {str(name): str(value) for name, value in headers}
                stream.status = int(stream.headers.pop(":status"))
            case h2.events.DataReceived(data=data):
                self.streams[event.stream_id].frames += [data] if data else []
                if data:
                    self.pieces.append((self._clock.nanoseconds() / 1e9, event.stream_id))
                if self._gives:
                    self.wire.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.streams[event.stream_id].how = "end"
            case h2.events.StreamReset():
                stream = self.streams[event.stream_id]
                stream.how = stream.how or h2.errors.ErrorCodes(event.error_code).name
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                for number in self.streams:
                    self._upload(number)
            case h2.events.ConnectionTerminated():
                self.goaways.append((h2.errors.ErrorCodes(event.error_code).name, event.last_stream_id))
                self.wire.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
            case _:
                pass

    def _upload(self, number: int) -> None:
        stream = self.streams[number]
        while stream.unsent:
            room = min(self.wire.local_flow_control_window(number), self.wire.max_outbound_frame_size)
            piece, rest = stream.unsent[:room], stream.unsent[room:]
            if not piece:
                return
            self.wire.send_data(number, bytes(piece), end_stream=not rest)
            stream.unsent = rest


def head_of(request: Request) -> list[tuple[str, str]]:
    """A request's headers as HTTP/2 has them."""
    target = request.path + (f"?{request.query}" if request.query else "")
    pseudo = [(":method", request.method), (":scheme", "http"), (":authority", "provider"), (":path", target)]
    return [*pseudo, *request.headers, ("content-length", str(len(request.body)))]


@asynccontextmanager
async def serving(
    *faults: AnyFault,
    answer: Answer = rawsocket.QUICK,
    clock: Clock | None = None,
    attempts: int | None = 1,
    seed: int = 0,
    language: Language = LANGUAGES["openai"],
) -> AsyncIterator[FakeServer]:
    """A fake that speaks HTTP/2 too, and whose first so many attempts of each call meet the faults; None is all."""
    rule = always(*faults) if attempts is None else first(attempts, *faults)
    weather = Weather((rule,) if faults else (), seed=seed)
    server = FakeServer(language.fake(http2=True), clock=clock, weather=weather)
    server.answer = answer
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def connected(server: FakeServer, **options: Any) -> AsyncIterator[RawHttp2]:
    """A connection to it."""
    raw = RawHttp2(server.port, **options)
    await raw.connect()
    try:
        yield raw
    finally:
        raw.close()


@dataclass(frozen=True, slots=True)
class Played:
    """A stream that met faults, the journal's view of it, and what came after it on the same connection."""

    stream: Stream
    exchange: Exchange
    goaways: list[tuple[str, int]]
    how: str
    """How the connection was when the stream had ended: "" is open, else fin or reset."""
    after: Stream | None


async def play(
    *faults: AnyFault,
    answer: Answer = rawsocket.QUICK,
    silence: float = rawsocket.PATIENCE_SECONDS,
    clock: Clock | None = None,
    language: Language = LANGUAGES["openai"],
    **request: Any,
) -> Played:
    """Ask once while faults are in force, and once more on the same connection where that takes another stream."""
    clock = clock or rawsocket.SteadyDate()
    async with (
        serving(*faults, answer=answer, clock=clock, language=language) as server,
        connected(server, clock=clock) as raw,
    ):
        number = await raw.ask(server, language, **request)
        await raw.over(number, silence=silence)
        how, after = raw.how, None
        if not how and not raw.goaways:
            again = await raw.ask(server, language, **request)
            await raw.over(again, silence=silence)
            after = raw.streams[again]
        elif not how:
            how = await raw.ended()
        return Played(raw.streams[number], server.journal[0], raw.goaways, how, after)
