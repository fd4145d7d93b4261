"""One stream of HTTP/2: a request as far as it has come, and the player of its answer.

What each wire operation comes to on a stream is at the top of `http2`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes

from .ask import Request
from .faults import Door
from .journal import Exchange
from .player import Player
from .responder import Reply
from .script import Close, End, GoAway, Head, Op, Raw, Reset, ResetStream, TurnAway, describe, header, on_a_stream

if TYPE_CHECKING:
    from .http2 import Http2Connection
    from .server import FakeServer


class Stream:
    """One request as far as it has come, and what of the answer waits for a window."""

    def __init__(self, connection: Http2Connection, exchange: Exchange, request: Request) -> None:
        assert request.stream_id is not None
        self.number = request.stream_id
        self.exchange = exchange
        self.request = request
        self.body = bytearray()
        self.complete = False
        self.told = False
        """Whether the client was told to go on after the head."""
        self.refused = False
        """Whether GOAWAY has said that it is not processed."""
        self.withholding: Door | None = None
        """The fault for which its window is not opened again."""
        self.room = 0
        """What is left of that window."""
        self.reply = Reply(())
        self.player: StreamPlayer | None = None
        self._connection = connection
        self._pending = bytearray()
        self._ending = False

    @property
    def received(self) -> Request:
        """The request, as far as it has come."""
        return replace(self.request, body=bytes(self.body))

    def send(self, head: Head | None, data: bytes, *, end: bool) -> int:
        """Send a head, data and the end of both, as far as the windows let them; how many bytes go out."""
        self._connection.flush()
        if head is not None:
            self._connection.wire.send_headers(self.number, encoded(head))
        self._pending += data
        self._ending = end
        return self._drain() + len(self._pending)

    def go_on(self) -> None:
        """Send what there is room for, and let the player go on when all of it has gone."""
        self._drain()
        if self.player is not None and not (self._pending or self._connection.paused):
            self.player.resume()

    def hold(self) -> None:
        """Let the player wait."""
        if self.player is not None:
            self.player.pause()

    def reset(self, code: ErrorCodes) -> None:
        """Send RST_STREAM."""
        self._connection.wire.reset_stream(self.number, code)
        self._connection.flush()

    def _drain(self) -> int:
        wire = self._connection.wire
        while self._pending and not self._connection.paused:
            room = min(wire.local_flow_control_window(self.number), wire.max_outbound_frame_size)
            if room <= 0:
                break
            wire.send_data(self.number, bytes(self._pending[:room]))
            del self._pending[:room]
        if self._ending and not self._pending:
            self._ending = False
            wire.end_stream(self.number)
        if self._pending:
            self.hold()
        return self._connection.flush()


class StreamPlayer(Player):
    """Plays one script on one stream."""

    def __init__(
        self, connection: Http2Connection, stream: Stream, server: FakeServer, over: Callable[[Stream], None]
    ) -> None:
        super().__init__(
            stream.reply.script,
            stream.exchange,
            connection.transport,
            server.clock,
            server.origin,
            lambda _: over(stream),
            tally=stream.reply.tally,
            bodiless=stream.request.method == "HEAD",
            paused=connection.paused,
        )
        self._connection = connection
        self._stream = stream

    def _step(self, op: Op) -> None:
        match op:
            case GoAway():
                self._note(op)
                self._connection.go_away(self.exchange.faults)
            case TurnAway() | Close() | Reset():
                self._note(op)
                self._last = op
            case ResetStream(code):
                self._note(op)
                if code not in ErrorCodes.__members__:
                    raise ValueError(f"HTTP/2 has no error code {code}")
                self._last = op
            case End() if not self._framed or (self._owed and not self._bodiless):
                self._note(op)
                self._last = Close()
            case Raw():
                self._note(op)
                raise ValueError("a stream of HTTP/2 carries no bytes past its framing")
            case _:
                super()._step(op)

    def _note(self, op: Op) -> None:
        self.exchange.script.append(describe(op))
        self._flush()

    def _open(self, head: Head) -> None:
        self._bodiless = self._bodiless or head.status in {204, 304}
        length = header(head.headers, "content-length") or ""
        self._owed = int(length) if length.isascii() and length.isdecimal() else None
        self._framed, self._head = True, on_a_stream(head)

    def _put(self, head: Head | None, data: bytes, part: str) -> int:
        return self._stream.send(head, data, end=part == "end")

    def _conclude(self, last: Op) -> None:
        match last:
            case End() if self.exchange.request_complete is None:
                # The answer is whole and the request is not, nor need it be (RFC 9113 8.1).
                self._stream.reset(ErrorCodes.NO_ERROR)
            case Close():
                self._stream.reset(ErrorCodes.NO_ERROR)
            case TurnAway():
                self.exchange.ended = "refused"
                self._connection.turn_away(self._stream)
            case ResetStream(code):
                self.exchange.ended = "refused" if code == "REFUSED_STREAM" else "reset"
                self._stream.reset(ErrorCodes[code])
            case Reset():
                self._stream.reset(ErrorCodes.INTERNAL_ERROR)
        super()._conclude(last)

    def _break_off(self) -> None:
        pass


def encoded(head: Head) -> list[tuple[bytes, bytes]]:
    """A head as its pairs go out."""
    pairs = [(":status", str(head.status)), *head.headers]
    return [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in pairs]


def request_of(number: int, pairs: Iterable[tuple[bytes, bytes]]) -> Request:
    """The head of a request as one of HTTP/1.1 would have it."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]
    pseudo = {name: value for name, value in headers if name.startswith(":")}
    plain = [pair for pair in headers if not pair[0].startswith(":")]
    if ":authority" in pseudo and "host" not in dict(plain):
        plain.insert(0, ("host", pseudo[":authority"]))
    path, _, query = pseudo.get(":path", "").partition("?")
    return Request(pseudo.get(":method", ""), path, query, tuple(plain), b"", stream_id=number)
