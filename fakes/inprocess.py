"""The fakes inside httpx, without a socket: for the tests of code that uses httpx.

    fake = InProcessFake(Fake(), weather=Weather((first(1, ServerError()),)), clock=JumpingClock())
    with InProcess(fake):
        httpx.post(f"{fake.url}/chat/completions", ...)

The same dialects, faults, weather, quotas and journal as of the server, and the same scripts, played in real time or in
virtual time, for synchronous and asynchronous clients. What the wire would do to a client httpx tells in its own words:

    Reset                       ReadError
    Close before the head       RemoteProtocolError: server disconnected
    Close within the body       RemoteProtocolError: incomplete body
    silence past a timeout      ReadTimeout, after as long as the client has set
    refuse, blackhole           ConnectError; ConnectTimeout
    reset on accept             ReadError

There are no segments here, no connections that could grow stale, and no bytes past all framing: `Raw` is a protocol
error. The SDKs that do not use httpx are out of reach; use the server for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import respx

from .ask import Request, Trouble
from .clock import PausingClock
from .journal import Exchange, Piece, failure
from .player import encode_head
from .reader import unpacked
from .responder import Reply, Responder
from .script import Close, End, Hang, Head, Op, Raw, Reset, Send, Wait, describe, ended, header

FOR_EVER = 3600.0


class InProcessFake(Responder):
    """One fake provider at an address that only httpx knows."""

    requests = 0

    @property
    def host(self) -> str:
        """The host of its address."""
        return f"{self.fake.name}.brownout.test"

    @property
    def url(self) -> str:
        """The base URL that a client is given."""
        return f"http://{self.host}{self.dialect.base}"


class InProcess(respx.MockRouter):
    """A respx router on which fakes answer; other routes may be added, the fakes' hosts come first."""

    def __init__(self, *fakes: InProcessFake, **options: Any) -> None:
        super().__init__(**{"assert_all_called": False, **options})
        self._fakes = {fake.host: fake for fake in fakes}

    def handler(self, request: httpx.Request) -> httpx.Response:
        """Answer a synchronous client."""
        fake = self._fakes.get(request.url.host)
        if fake is None:
            return super().handler(request)
        clock = fake.clock
        if not isinstance(clock, PausingClock):
            raise TypeError(f"{type(clock).__name__} cannot wait without an event loop: use RealClock or JumpingClock")
        play = _Play(fake, request)
        try:
            for seconds in play.head():
                clock.pause(seconds)
        except BaseException:
            play.leave()
            raise
        return self._response(request, play, _SyncBody(play, clock))

    async def async_handler(self, request: httpx.Request) -> httpx.Response:
        """Answer an asynchronous client."""
        fake = self._fakes.get(request.url.host)
        if fake is None:
            return await super().async_handler(request)
        play = _Play(fake, request)
        try:
            for seconds in play.head():
                await fake.clock.sleep(seconds)
        except BaseException:
            play.leave()
            raise
        return self._response(request, play, _AsyncBody(play))

    def _response(
        self, request: httpx.Request, play: _Play, body: httpx.SyncByteStream | httpx.AsyncByteStream
    ) -> httpx.Response:
        head = play.sent
        response = httpx.Response(head.status, headers=list(head.headers), stream=body, request=request)
        self.record(request, response=response)
        return response


class _Play:
    """One script, as waits to be waited and pieces to be handed over."""

    def __init__(self, fake: InProcessFake, request: httpx.Request) -> None:
        self.fake = fake
        self.exchange: Exchange | None = None
        self.sent = Head(0)
        self._request = request
        self._timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        self._bodiless = request.method == "HEAD"
        self._reply = Reply(())
        self._ops: Iterator[Op] = iter(())
        self._due = 0
        self._owed: int | None = None
        self._chunked = False

    def head(self) -> Iterator[float]:
        """Waits, until the head has come."""
        yield from self._doors()
        self.fake.requests += 1
        self.exchange = self.fake.open(self.fake.requests, self.fake.elapsed())
        self._reply = self._read(self.exchange)
        self._ops = ended(self._reply.script)
        self._due = self.fake.clock.nanoseconds()
        for piece in self._until(Head, self.exchange):
            if isinstance(piece, float):
                yield piece

    def body(self) -> Iterator[float | bytes]:
        """Waits and pieces, until the message is over."""
        if self.exchange is not None:
            yield from self._until(End, self.exchange)

    def leave(self) -> None:
        """The client has left."""
        exchange = self.exchange
        if exchange is not None and exchange.finished is None:
            exchange.client_closed = self.fake.elapsed()
            self._end(exchange, "hung" if exchange.script[-1:] == ["hang"] else "client_left")

    def _read(self, exchange: Exchange) -> Reply:
        request = self._request
        headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.raw
        )
        raw = Request(request.method, request.url.path, request.url.query.decode("latin-1"), headers, request.content)
        exchange.request_head = exchange.request_complete = self.fake.elapsed()
        exchange.bytes_in = len(request.content)
        whole, refusal = unpacked(raw)
        if refusal is None:
            return self.fake.reply(exchange, whole)
        exchange.error = refusal.why
        kind = "too_large" if refusal.status == 413 else "bad_request"
        return self.fake.refusal(exchange, whole, Trouble(kind, refusal.why, status=refusal.status))

    def _doors(self) -> Iterator[float]:
        """Meet the connection as the weather says."""
        fake = self.fake
        for number, door in fake.weather.doors(
            fake.fake.name, fake.fake.region, fake.seconds(), {"refuse", "blackhole", "reset"}
        ):
            if door.door == "reset" and not fake.weather.strikes(number, fake.fake.name):
                continue
            if door.door == "blackhole":
                yield from self._patience("connect", fake.clock.nanoseconds())
                raise httpx.ConnectTimeout("nobody has accepted the connection")
            raise (
                httpx.ConnectError("connection refused")
                if door.door == "refuse"
                else httpx.ReadError("connection reset")
            )

    def _until(self, last: type[Op], exchange: Exchange) -> Iterator[float | bytes]:
        """Play on until an operation of a kind has been played."""
        began = self.fake.clock.nanoseconds()
        while exchange.finished is None:
            try:
                op = next(self._ops)
            except Exception as error:  # as in the player: a broken fault breaks its exchange only
                exchange.error = failure(error)
                self._end(exchange, "stopped")
                raise httpx.ReadError("connection reset") from error
            exchange.script.append(describe(op))
            match op:
                case Wait(seconds):
                    self._due += round(seconds * 1e9)
                    yield from self._wait(began)
                case Head():
                    self._open(op, exchange)
                case Send(data, part) if data and not self._bodiless:
                    self._note(data, part, exchange)
                    yield data
                    began = self.fake.clock.nanoseconds()
                case Raw(data):
                    self._note(data, "raw", exchange)
                    self._end(exchange, "closed")
                    raise httpx.RemoteProtocolError("bytes past all framing")
                case End() | Close() | Reset():
                    self._finish(op, exchange)
                case Hang():
                    yield from self._patience("read", began)
                    self._time_out()
            if isinstance(op, last):
                return

    def _open(self, head: Head, exchange: Exchange) -> None:
        self.sent = head
        self._bodiless = self._bodiless or head.status in {204, 304}
        length = header(head.headers, "content-length") or ""
        self._owed = int(length) if length.isdecimal() and not self._bodiless else None
        self._chunked = header(head.headers, "transfer-encoding") is not None
        exchange.status, exchange.headers = head.status, head.headers
        self._note(encode_head(head), "head", exchange)

    def _note(self, data: bytes, part: str, exchange: Exchange) -> None:
        at = self.fake.elapsed()
        exchange.pieces.append(Piece(self._due - self.fake.origin, at, len(data), part))
        exchange.bytes_out += len(data)
        exchange.first_byte = at if exchange.first_byte is None else exchange.first_byte
        exchange.last_byte = at
        if part in {"head", "raw"}:
            return
        if self._owed is not None:
            self._owed -= len(data)
        if self._reply.tally is not None:
            self._reply.tally.begun(data, part)
            self._reply.tally.left()

    def _wait(self, began: int) -> Iterator[float]:
        """Wait until the next operation is due, but no longer than the client does."""
        patience = self._timeouts.get("read")
        if patience is not None and self._due > began + patience * 1e9:
            yield from self._patience("read", began)
            self._time_out()
        pause = (self._due - self.fake.clock.nanoseconds()) / 1e9
        if pause > 0:
            yield pause

    def _patience(self, timeout: str, began: int) -> Iterator[float]:
        """As long as the client waits, which began to some time ago; where it waits for ever, so does this."""
        patience = self._timeouts.get(timeout)
        while patience is None:
            yield FOR_EVER
        yield max(0.0, patience - (self.fake.clock.nanoseconds() - began) / 1e9)

    def _time_out(self) -> None:
        self.leave()
        raise httpx.ReadTimeout("nothing has come for as long as the client waits")

    def _finish(self, op: Op, exchange: Exchange) -> None:
        if isinstance(op, Reset):
            self._end(exchange, exchange.ended or "reset")
            raise httpx.ReadError("connection reset")
        owed = self._owed is not None and self._owed > 0
        broken = owed or (isinstance(op, Close) and self._chunked and not self._bodiless)
        self._end(exchange, "closed" if broken or isinstance(op, Close) else "complete")
        if self.sent.status == 0:
            raise httpx.RemoteProtocolError("server disconnected without sending a response")
        if broken:
            raise httpx.RemoteProtocolError("peer closed connection without sending the complete message body")

    def _end(self, exchange: Exchange, how: str) -> None:
        exchange.ended = how
        exchange.finished = self.fake.elapsed()
        self.fake.settle(exchange, self._reply)


class _SyncBody(httpx.SyncByteStream):
    """The body for a synchronous client."""

    def __init__(self, play: _Play, clock: PausingClock) -> None:
        self._play = play
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._play.body():
            if isinstance(piece, float):
                self._clock.pause(piece)
            else:
                yield piece

    def close(self) -> None:
        self._play.leave()


class _AsyncBody(httpx.AsyncByteStream):
    """The body for an asynchronous client."""

    def __init__(self, play: _Play) -> None:
        self._play = play

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._play.body():
            if isinstance(piece, float):
                await self._play.fake.clock.sleep(piece)
            else:
                yield piece

    async def aclose(self) -> None:
        self._play.leave()
