"""A client that knows nothing but bytes: it sends a request on a raw socket and writes down what comes and how it ends.

Faults are certified with it, because every HTTP library hides some of what they do.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvloop
from languages import LANGUAGES, Language

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.ask import Request
from brownout.fakes.clock import RealClock
from brownout.fakes.fake import Fake
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always, first

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from brownout.fakes.clock import Clock
    from brownout.fakes.faults import AnyFault
    from brownout.fakes.journal import Exchange

# Offset of tcpi_data_segs_in in the kernel's struct tcp_info.
DATA_SEGMENTS_IN = 152
PATIENCE_SECONDS = 20.0
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
}
QUICK = Answer(words=6, pace=Pace(0.0, 0.0))
CANARY = "abc123"


class SteadyDate(RealClock):
    """Real time on a day that does not move: what is written with the date is the same in every run."""

    def epoch(self) -> float:
        """2026-11-21 10:00:00 UTC."""
        return 1795255200.0


@dataclass(slots=True)
class Heard:
    """What came on a connection, until its message was whole or something else happened."""

    how: str = ""
    """open (the message is whole and the connection stays), fin, reset, or silence."""
    data: bytes = b""
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    """What each read gave, and when."""
    began: float = 0.0
    ended: float = 0.0
    segments: int = 0
    """How many TCP segments with data came."""
    language: Language = LANGUAGES["openai"]
    """In which it was asked for."""

    @property
    def status(self) -> int | None:
        """The status, if a head came."""
        return int(self.data.split(b" ", 2)[1]) if b"\r\n\r\n" in self.data else None

    @property
    def headers(self) -> dict[str, str]:
        """The headers, names in lower case."""
        lines = self.data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def raw_body(self) -> bytes:
        """What followed the head."""
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def chunked(self) -> bool:
        """Whether the body came in chunks."""
        return self.headers.get("transfer-encoding") == "chunked"

    @property
    def chunks(self) -> list[bytes]:
        """The whole chunks of the body; the last one is empty, if it came."""
        return list(_chunks(self.raw_body))

    @property
    def last_chunk(self) -> bool:
        """Whether the last chunk came, which alone ends a chunked body."""
        return self.chunks[-1:] == [b""]

    @property
    def body(self) -> bytes:
        """The body without its framing."""
        return b"".join(self.chunks) if self.chunked else self.raw_body

    @property
    def owed(self) -> int:
        """How many bytes of a body with `content-length` never came; -1 where nothing says how many there are."""
        length = self.headers.get("content-length", "")
        return int(length) - len(self.raw_body) if length.isdecimal() else -1

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def events(self) -> list[str]:
        """The body's events, as blocks of lines."""
        return [block for block in self.body.decode().split("\n\n") if block]

    @property
    def words(self) -> str:
        """The text of an answer, whole or streamed."""
        return self.language.words(self.body, streamed=self.chunked)

    @property
    def finishes(self) -> list[str]:
        """The finish reasons that an answer gives, whole or streamed."""
        return self.language.finishes(self.body, streamed=self.chunked)

    @property
    def whole(self) -> bool:
        """Whether the message is whole, as HTTP counts."""
        if b"\r\n\r\n" not in self.data or not (self.chunked or "content-length" in self.headers):
            return False
        return self.last_chunk if self.chunked else self.owed == 0

    @property
    def seconds(self) -> float:
        """From the request to the last thing that happened."""
        return self.ended - self.began


def _chunks(body: bytes) -> Iterator[bytes]:
    while b"\r\n" in body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if len(rest) < length + 2:
            return
        assert rest[length : length + 2] == b"\r\n"
        yield rest[:length]
        body = rest[length + 2 :]


class RawSocket:
    """One connection."""

    def __init__(self, port: int, clock: Clock | None = None, receive_buffer: int | None = None) -> None:
        self._port = port
        # Not the loop's own time: uvloop counts in milliseconds and looks at the clock once a turn.
        self._clock = clock or SteadyDate()
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()

    async def connect(self) -> None:
        """Connect."""
        await self._loop.sock_connect(self._socket, ("127.0.0.1", self._port))

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        await self._loop.sock_sendall(self._socket, data)

    async def hear(self, silence: float = PATIENCE_SECONDS) -> Heard:
        """Listen until the message is whole, the connection ends, or nothing has come for so many seconds."""
        heard = Heard(began=self._now())
        before = self._segments()
        while not heard.how:
            data = await self.read(silence)
            if isinstance(data, str):
                heard.how = data
            else:
                heard.data += data
                heard.pieces.append((self._now() - heard.began, data))
                if heard.whole:
                    heard.how = "open"
        heard.ended = self._now()
        heard.segments = self._segments() - before
        return heard

    async def drain(self) -> Heard:
        """Read until the connection ends, without a look at what comes: for more than one wants to parse."""
        heard, read = Heard(began=self._now()), []
        while not heard.how:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    read.append(await self._loop.sock_recv(self._socket, 65536))
                heard.how = "" if read[-1] else "fin"
            except ConnectionResetError:
                heard.how = "reset"
        heard.data, heard.ended = b"".join(read), self._now()
        return heard

    async def read(self, silence: float = PATIENCE_SECONDS) -> bytes | str:
        """What comes next, or how it ends: fin, reset, silence."""
        try:
            data = await asyncio.wait_for(self._loop.sock_recv(self._socket, 65536), silence)
        except TimeoutError:
            return "silence"
        except ConnectionResetError:
            return "reset"
        return data or "fin"

    def finish(self) -> None:
        """Send a FIN and go on listening."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave with a RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _now(self) -> float:
        return self._clock.nanoseconds() / 1e9

    def _segments(self) -> int:
        state = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, DATA_SEGMENTS_IN + 4)
        return int(struct.unpack_from("I", state, DATA_SEGMENTS_IN)[0])


def written(request: Request, headers: str = "") -> bytes:
    """A request as it goes over the wire."""
    target = request.path + (f"?{request.query}" if request.query else "")
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
    head = (
        f"{request.method} {target} HTTP/1.1\r\nhost: provider\r\n{lines}"
        f"content-length: {len(request.body)}\r\n{headers}\r\n"
    )
    return head.encode() + request.body


def chat(
    fake: Fake,
    *,
    stream: bool = False,
    text: str = f"say it [bo:{CANARY}]",
    headers: str = "",
    language: Language | None = None,
    **body: object,
) -> bytes:
    """A request for a text, in the first language of the fake's dialect or in another."""
    request = (language or LANGUAGES[fake.dialect]).request(fake, text, stream=stream, **body)
    return written(request, headers)


@asynccontextmanager
async def serving(
    *faults: AnyFault,
    answer: Answer = QUICK,
    clock: Clock | None = None,
    attempts: int | None = 1,
    seed: int = 0,
    language: Language = LANGUAGES["openai"],
) -> AsyncIterator[FakeServer]:
    """A fake whose first so many attempts of each call meet the faults; None is all of them."""
    rule = always(*faults) if attempts is None else first(attempts, *faults)
    server = FakeServer(language.fake(), clock=clock, weather=Weather((rule,) if faults else (), seed=seed))
    server.answer = answer
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@dataclass(frozen=True, slots=True)
class Played:
    """A faulty exchange as the wire and the journal have it, the fair answer to the same request, and what came after.

    `after` is the fair answer to a second request on the same connection, where that was left open.
    """

    heard: Heard
    exchange: Exchange
    fair: Heard
    after: Heard | None

    @property
    def again(self) -> Heard:
        """What came on the same connection afterwards."""
        assert self.after is not None, f"the connection was not left open: {self.heard.how}"
        return self.after


async def play(
    *faults: AnyFault,
    answer: Answer = QUICK,
    silence: float = PATIENCE_SECONDS,
    clock: Clock | None = None,
    seed: int = 0,
    language: Language = LANGUAGES["openai"],
    **request: Any,
) -> Played:
    """Ask once in fair weather and once while the faults are in force; if that connection stays open, ask again."""
    clock = clock or SteadyDate()
    request["language"] = language
    async with serving(answer=answer, clock=clock, seed=seed, language=language) as server:
        fair, *_ = await _ask(server, 1, silence, request)
    async with serving(*faults, answer=answer, clock=clock, seed=seed, language=language) as server:
        heard, *after = await _ask(server, 2, silence, request)
        return Played(heard, server.journal[0], fair, after[0] if after else None)


async def _ask(server: FakeServer, times: int, silence: float, request: dict[str, Any]) -> list[Heard]:
    """Ask so many times on one connection, or until it is not open any more."""
    raw, heard = RawSocket(server.port, server.clock), list[Heard]()
    await raw.connect()
    try:
        while len(heard) < times and (not heard or heard[-1].how == "open"):
            await raw.send(chat(server.fake, **request))
            heard.append(await raw.hear(silence))
            heard[-1].language = request["language"]
    finally:
        raw.close()
    return heard


Play = Callable[..., Played]
"""`play` on one of the event loops."""
