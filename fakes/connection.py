"""One client's connection to a fake: requests in, one script played at a time.

Requests that are pipelined wait their turn. What cannot be read is answered when its turn comes, and ends this
connection only. A connection is always in one of these states:

    idle      between two exchanges; a stale door may close it, or leave it looking alive until the next request
    busy      a script is being played
    leaving   a FIN was sent, half closed: what still comes is thrown away until the client leaves too

The client's FIN means that it has left, whatever the state: nobody reads the answer that is under way.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import TYPE_CHECKING, cast

from .ask import Trouble
from .journal import Arrival, Exchange
from .player import Player, reset
from .reader import Incoming, Refusal, RequestReader
from .responder import Reply
from .script import whole
from .tls import Tls
from .websocket import SessionPlayer, WebSocket

if TYPE_CHECKING:
    from .ask import Request
    from .clock import Handle
    from .server import FakeServer

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""How a client begins that speaks HTTP/2."""
MAX_PIPELINED = 100
"""Requests that may wait for their turn; whoever sends more is refused, so that none can fill the memory."""
LINGER_SECONDS = 10.0
"""How long a connection that was closed on this side waits for the client to leave."""


class Connection(asyncio.Protocol):
    """Reads requests and plays one answer after the other."""

    transport: asyncio.Transport

    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self._reader = RequestReader(self)
        self._greeting: bytes | None = b"" if server.fake.http2 else None
        """The first bytes, until they tell which HTTP is spoken."""
        self._opened: Exchange | None = None
        self._waiting: deque[tuple[Exchange, Incoming]] = deque()
        self._player: Player | None = None
        self._reply = Reply(())
        self._request: Request | None = None
        self._timer: Handle | None = None
        self._head_timer: Handle | None = None
        self._timed: Exchange | None = None
        self._continued: Exchange | None = None
        self._malformed: Exchange | None = None
        self._paused = False
        self._leaving = False
        self._retired = False
        self._stale = False
        self._served = False
        self._gone = False
        self.arrival = Arrival(server.fake.name, 0, 0)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way on it."""
        return not (self._player or self._waiting or self._reader.reading or self._leaving)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self.transport = cast(asyncio.Transport, transport)
        # Every write goes to the kernel at once, and what it does not take pauses the player.
        self.transport.set_write_buffer_limits(high=0)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._server.tls is not None:
            self.transport = Tls(self.transport, self, self._server.tls)
        self._server.connected(self)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._leaving or self._gone:
            return
        if self._greeting is not None:
            data, self._greeting = self._greeting + data, None
            if data.startswith(PREFACE):
                self._server.multiplex(self, data)
                return
            if PREFACE.startswith(data):
                self._greeting = data
                return
        self._cancel_timer()
        self._reader.feed(data)
        if self._stale and (self._opened or self._waiting):
            self._break_off()
            return
        self._time_head()
        self._go_on()

    def eof_received(self) -> bool:
        """The client has left."""
        self._left("client_left")
        self.transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._left("client_left")
        self._gone = True
        self._server.disconnected(self)

    def pause_writing(self) -> None:
        """The kernel has no room."""
        self._paused = True
        if self._player is not None:
            self._player.pause()

    def resume_writing(self) -> None:
        """The kernel has taken everything."""
        self._paused = False
        if self._player is not None:
            self._player.resume()

    # Called by the reader.

    def begun(self) -> None:
        """A request begins."""
        self._opened = self._server.open(self.arrival.connection, self.arrival.accepted)

    def headed(self) -> None:
        """Its head is whole."""
        if self._opened is not None:
            self._opened.request_head = self._server.elapsed()

    def came(self, incoming: Incoming) -> None:
        """It is whole, or as whole as it will get."""
        exchange, self._opened = self._opened, None
        assert exchange is not None
        if incoming.refusal is None:
            exchange.request_complete = self._server.elapsed()
        exchange.http, exchange.bytes_in = incoming.http, incoming.bytes_in
        self._waiting.append((exchange, incoming))
        if len(self._waiting) > MAX_PIPELINED:
            self._reader.deaf = True

    # Called by the server.

    def retire(self) -> None:
        """Close it as soon as nothing is under way on it."""
        self._retired = True
        if self.idle:
            self._leave()

    def watch(self) -> None:
        """Give it up when it has been idle for as long as a stale door says."""
        if not (self.idle and self._served):
            return
        self._cancel_timer()
        self._stale = False
        stale = self._server.stale()
        if stale is not None:
            number, door = stale
            self._timer = self._server.clock.call_later(door.idle, self._grow_stale, number, door.how)

    def stop(self) -> None:
        """The fake stops."""
        self._left("stopped")
        self.transport.abort()

    def _go_on(self) -> None:
        """Play the answer to the next request, if there is one and its turn has come."""
        if self._player is not None or self._leaving or self._gone:
            return
        if not self._waiting:
            if self._reader.awaits_continue and self._continued is not self._opened:
                self._continued = self._opened
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        exchange, incoming = self._waiting.popleft()
        self._reply, self._request = self._answer(exchange, incoming), incoming.request
        plays = SessionPlayer if incoming.request.websocket else Player
        self._player = plays(
            self._reply.script,
            exchange,
            self.transport,
            self._server.clock,
            self._server.origin,
            self._played,
            tally=self._reply.tally,
            keep_alive=incoming.keep_alive and not self._retired,
            bodiless=incoming.request.method == "HEAD",
            http10=incoming.http == "1.0",
            paused=self._paused,
        )
        self._player.play()

    def _answer(self, exchange: Exchange, incoming: Incoming) -> Reply:
        refusal, request = incoming.refusal, incoming.request
        if refusal is None:
            return self._server.reply(exchange, request)
        exchange.error = refusal.why
        if refusal.status in {400, 413, 415} and exchange.request_head is not None and request.method:
            kind = "too_large" if refusal.status == 413 else "bad_request"
            return self._server.refusal(exchange, request, Trouble(kind, refusal.why, status=refusal.status))
        self._malformed = exchange
        self._server.note(exchange, request)
        return Reply(whole(refusal.status, refusal.why.encode(), "text/plain; charset=utf-8"))

    def _played(self, player: Player) -> None:
        self._player = None
        self._served = True
        self._finish(player.exchange)
        if self.transport.is_closing():
            return
        if isinstance(player, SessionPlayer) and self._switched(player):
            return
        if not player.keep or ((self._retired or self._reader.deaf) and not self._waiting):
            self._leave()
        elif self._waiting:
            # Not at once: a thousand pipelined requests must not nest a thousand calls.
            asyncio.get_running_loop().call_soon(self._go_on)
        else:
            self._go_on()
            self.watch()

    def _switched(self, player: SessionPlayer) -> bool:
        """Whether the connection is a WebSocket from here on; where the offer was declined, go on in HTTP."""
        ask, request = self._reply.ask, self._request
        if not (player.opened and player.keep and ask is not None and request is not None):
            self._reader.decline()
            return False
        self._gone = True
        websocket = WebSocket(self._server, self, player.exchange, request, ask.dialect.session(ask))
        self._server.switched(self, websocket)
        self.transport.set_protocol(websocket)
        if self._retired:
            websocket.retire()
        websocket.data_received(self._reader.accept())
        return True

    def _finish(self, exchange: Exchange) -> None:
        if exchange is self._malformed and exchange.ended in {"complete", "closed"}:
            exchange.ended = "malformed"
        self._server.settle(exchange, self._reply)

    def _leave(self) -> None:
        """Send a FIN, and go once the client has gone too."""
        self._leaving = True
        self._cancel_timer()
        self._left("closed")
        self.transport.write_eof()
        self._timer = self._server.clock.call_later(LINGER_SECONDS, self.transport.abort)

    def _left(self, how: str) -> None:
        """Nothing more will be answered here."""
        self._cancel_timer()
        if self._head_timer is not None:
            self._head_timer.cancel()
        under_way = [exchange for exchange, _ in self._waiting]
        self._waiting.clear()
        if self._opened is not None:
            self._server.note(self._opened, self._reader.partial)
            under_way.append(self._opened)
            self._opened = None
        player, self._player = self._player, None
        if player is not None:
            player.abandon(how)
            under_way.append(player.exchange)
        for exchange in under_way:
            if how == "client_left":
                exchange.client_closed = self._server.elapsed()
            exchange.ended = exchange.ended or how
            exchange.finished = exchange.finished or self._server.elapsed()
        if player is not None:
            self._finish(player.exchange)

    def _too_slow(self) -> None:
        self._head_timer = None
        if self._reader.in_head:
            self._reader.refuse(Refusal(408, f"the head did not come within {self._server.head_timeout:g} s"))
            self._go_on()

    def _time_head(self) -> None:
        """Give each head its time, from its first byte on."""
        if self._timed is self._opened and self._reader.in_head:
            return
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if self._reader.in_head:
            self._timed = self._opened
            self._head_timer = self._server.clock.call_later(self._server.head_timeout, self._too_slow)

    def _grow_stale(self, number: int, how: str) -> None:
        self._timer = None
        if not self._server.strikes(number):
            return
        self.arrival.door = "stale"
        if how == "fin":
            self._leave()
        else:
            self._stale = True

    def _break_off(self) -> None:
        """Meet the request that rides a stale connection."""
        for exchange, incoming in self._waiting:
            self._server.read(exchange, incoming.request)
            exchange.faults = ("stale_connections",)
        if self._opened is not None:
            self._opened.faults = ("stale_connections",)
        self._left("reset")
        reset(self.transport)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
