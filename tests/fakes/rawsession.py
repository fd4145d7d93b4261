"""A client of WebSocket sessions that knows nothing but bytes: it writes and reads frames by itself (RFC 6455, 5.2)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rawsocket import CANARY, PATIENCE_SECONDS, QUICK, Heard, RawSocket
from virtual import FAR_SECONDS, VirtualClock

from brownout.fakes.answer import Answer
from brownout.fakes.clock import Clock
from brownout.fakes.fake import Fake
from brownout.fakes.faults import AnyFault
from brownout.fakes.journal import Exchange
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Rule, Weather, When

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MODEL = "gpt-realtime"
NONCE = base64.b64encode(b"0123456789abcdef").decode()
ACCEPTED = base64.b64encode(hashlib.sha1(f"{NONCE}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()  # noqa: S324  # RFC 6455
MASK = b"\x0f\xa0\x5c\x99"
REALTIME, RESPONSES = f"/v1/realtime?model={MODEL}", "/v1/responses"


@dataclass(frozen=True)
class Frame:
    """One frame as it came."""

    opcode: int
    data: bytes
    last: bool = True
    size: int = field(default=0, compare=False)
    """Of all of it, as it came."""


def frame(opcode: int, data: bytes, *, last: bool = True) -> bytes:
    """A client's frame, masked."""
    size = len(data)
    if size < 126:
        length = bytes([0x80 | size])
    else:
        length = bytes([0xFE]) + size.to_bytes(2, "big") if size <= 0xFFFF else bytes([0xFF]) + size.to_bytes(8, "big")
    mask = (MASK * (size // 4 + 1))[:size]
    masked = (int.from_bytes(data, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
    return bytes([(0x80 if last else 0) | opcode]) + length + MASK + masked


def frames(data: bytes) -> Iterator[Frame]:
    """A server's frames, which are never masked; one that breaks off is none."""
    while len(data) >= 2:
        assert data[0] & 0x70 == 0, "reserved bits are set"
        assert data[1] < 0x80, "a server's frame is masked"
        size, at = data[1] & 0x7F, 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
        if len(data) < at + size:
            return
        yield Frame(data[0] & 0x0F, data[at : at + size], bool(data[0] & 0x80), at + size)
        data = data[at + size :]


def messages(came: Iterable[Frame]) -> Iterator[bytes]:
    """The whole text messages among frames."""
    parts: list[bytes] | None = None
    for each in came:
        if each.opcode >= CLOSE:
            continue
        assert (each.opcode == CONT) == (parts is not None), "a message begins within another"
        parts = [*(parts or ()), each.data]
        if each.last:
            yield b"".join(parts)
            parts = None


@dataclass
class Told:
    """What came in a session."""

    heard: Heard
    frames: list[Frame] = field(default_factory=list)

    @property
    def texts(self) -> list[bytes]:
        """The whole messages."""
        return list(messages(self.frames))

    @property
    def events(self) -> list[dict[str, Any]]:
        """Those of them that are JSON."""
        return [event for event in map(_json, self.texts) if event is not None]

    @property
    def kinds(self) -> list[str]:
        """Their types."""
        return [event["type"] for event in self.events]

    @property
    def words(self) -> str:
        """The text of all deltas."""
        return "".join(e["delta"] for e in self.events if e["type"] == "response.output_text.delta")

    @property
    def close(self) -> tuple[int, str] | None:
        """Code and reason of the close frame, if one came."""
        data = next((each.data for each in self.frames if each.opcode == CLOSE), None)
        return None if data is None else (int.from_bytes(data[:2], "big"), data[2:].decode())

    @property
    def open_message(self) -> bytes:
        """What came of a message whose last frame never did."""
        parts = b""
        for each in self.frames:
            if each.opcode < CLOSE:
                parts = b"" if each.last else parts + each.data
        return parts


def _json(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


class RawSession:
    """One connection that becomes a session."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.raw = RawSocket(server.port, server.clock)
        # In virtual time so far that the loop looks twice before it jumps there.
        self.patience = 2 * FAR_SECONDS if isinstance(server.clock, VirtualClock) else PATIENCE_SECONDS
        self._data = b""

    async def offer(self, path: str = REALTIME, headers: str | None = None, nonce: str = NONCE) -> Heard:
        """Offer a WebSocket; what comes first, as HTTP."""
        await self.raw.connect()
        own = f"authorization: Bearer {self.server.fake.keys[0]}\r\n" if headers is None else headers
        head = (
            f"GET {path} HTTP/1.1\r\nhost: provider\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n"
            f"sec-websocket-version: 13\r\nsec-websocket-key: {nonce}\r\n{own}\r\n"
        )
        await self.raw.send(head.encode())
        heard = Heard()
        while b"\r\n\r\n" not in heard.data and heard.how == "":
            heard = await self._more(heard)
        if heard.status == 101:
            assert heard.headers["sec-websocket-accept"] == ACCEPTED or nonce != NONCE
            self._data = heard.raw_body
        return heard

    async def send(self, event: object, pieces: int = 1) -> None:
        """Send an event as a text message, in so many frames."""
        data = event if isinstance(event, bytes) else json.dumps(event).encode()
        size = -(-len(data) // pieces) or 1
        cut = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        sent = b"".join(
            frame(CONT if number else TEXT, part, last=number == len(cut) - 1) for number, part in enumerate(cut)
        )
        await self.raw.send(sent)

    async def hear(self, *until: str, silence: float | None = None) -> Told:
        """Listen until an event of one of these types has come, the connection ends, or nothing comes for so long."""
        told, at, looked = Told(Heard(data=self._data)), 0, 0
        while True:
            for each in frames(told.heard.data[at:]):
                told.frames.append(each)
                at += each.size
                if until and each.last and each.opcode < CLOSE and set(until) & set(told.kinds[looked:]):
                    # What has come behind the event belongs to what is heard next.
                    self._data = told.heard.data[at:]
                    return told
            looked = len(told.kinds)
            if told.heard.how:
                return told
            await self._more(told.heard, silence)

    async def ask(self, text: str = f"say it [bo:{CANARY}]", **response: Any) -> None:
        """Ask a Realtime session for a response to a text."""
        part = {"type": "input_text", "text": text}
        await self.send(
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [part]},
            }
        )
        await self.send({"type": "response.create", **({"response": response} if response else {})})

    async def create(self, **more: Any) -> None:
        """Ask a Responses session for a response."""
        text = f"say it [bo:{CANARY}]"
        await self.send({"type": "response.create", "model": self.server.fake.model, "input": text, **more})

    def close(self) -> None:
        """Leave without a word."""
        self.raw.close()

    async def _more(self, heard: Heard, silence: float | None = None) -> Heard:
        piece = await self.raw.read(self.patience if silence is None else silence)
        heard.how = piece if isinstance(piece, str) else ""
        self._data = b""
        heard.data += piece if isinstance(piece, bytes) else b""
        return heard


def where(url: str) -> dict[str, Any]:
    """What tells an official client, of any generation, where the provider is and to try only once."""
    return {"base_url": url, "websocket_base_url": url.replace("http://", "ws://"), "max_retries": 0}


def realtime_fake(**more: Any) -> Fake:
    """A fake that serves Realtime."""
    return Fake(model=MODEL, **more)


ANSWERS = When(stream=True)
"""Answers in a session, and no handshakes."""


@asynccontextmanager
async def session(
    *faults: AnyFault,
    path: str = REALTIME,
    answer: Answer = QUICK,
    clock: Clock | None = None,
    when: When = ANSWERS,
    fake: Fake | None = None,
) -> AsyncIterator[RawSession]:
    """A session whose handshake is over and whose greeting was heard, with a fake whose answers meet the faults."""
    rules = (Rule(faults, when),) if faults else ()
    server = FakeServer(fake or realtime_fake(), clock=clock, weather=Weather(rules))
    server.answer = answer
    await server.start()
    raw = RawSession(server)
    try:
        heard = await raw.offer(path)
        assert heard.status == 101, heard.data
        if path == REALTIME:
            assert ["session.created"] == (await raw.hear("session.created")).kinds
        yield raw
    finally:
        raw.close()
        await server.stop()


def answers(server: FakeServer) -> list[Exchange]:
    """The exchanges that are answers, without those of handshakes."""
    return [exchange for exchange in server.journal if exchange.stream]
