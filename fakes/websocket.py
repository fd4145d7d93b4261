"""A connection that has become a WebSocket: a session of a client with the provider.

The handshake is a request like any other, with an exchange of its own, and once its 101 has left the connection is a
`WebSocket`. From then on the journal has

- one exchange for the session, that of the handshake: it ends with the connection, its body is then whatever the client
  has said but asked no answer for, one message a line, and its pieces are what the session has said to that;
- one exchange for each answer that the client has asked for (`response.create`): ask, canary, attempt, faults, tokens,
  micro-dollars, the times of every piece. Its body is the event. Its status is what HTTP would have had for it, from
  the moment on in which the first byte of it has left; it has the headers that an error event carries, and no others.

Answers are played one after the other. What weather and faults do to one is what they do to a stream over HTTP, in
other bytes:

    Head                 nothing; see above
    Send                 the frames of a piece: one text message for each event, see `messages`
    Wait                 nothing, while pings and what is no ask are answered
    End                  the last frame of a message that is under way, if there is one; the session goes on
    Close()              a FIN without a close frame, whatever message is under way
    Close(1011, "why")   a close frame and a FIN
    Reset                a RST
    Hang                 silence: of whatever the client says, only pings are answered, as a gateway does
    Raw                  the bytes as they are, no frame

A base URL that names a weather names it for the whole session; the header `x-brownout-fault` picks a fault for the
handshake alone.

A session that is to end (the weather closes the door, its hour is over) gets a close frame, as soon as no answer is
under way. A client's close frame is echoed and ends the session, and whatever answer is under way, at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from .dialects.session import SECONDS, SPOKEN, Session, turn
from .journal import Piece, failure
from .messages import BROKEN, FULL, GOING_AWAY, MAX_MESSAGE_BYTES, NORMAL, Incoming, Outgoing, close_frame
from .messages import message as message_of
from .player import Player
from .responder import Reply
from .script import Close, End, Hang, Head, Op, Send, describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ask import Request, Trouble
    from .connection import Connection
    from .journal import Exchange
    from .server import FakeServer

MAX_WAITING = 100
"""Answers that may be asked for while one is under way."""
MAX_UNREAD_BYTES = 4 * 1024 * 1024
"""What a client may leave unread of what its session says besides answers."""
LINGER_SECONDS = 10.0
"""How long a connection that was closed on this side waits for the client to leave."""


class SessionPlayer(Player):
    """Plays a script in messages: from its 101 on, or from its beginning where the session is `opened`.

    `between()` is called whenever no message is under way, so that another may be put in.
    """

    def __init__(
        self,
        *args: Any,
        opened: bool = False,
        messages: Outgoing | None = None,
        between: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.opened = opened
        self.hangs = False
        self.said: list[bytes] = []
        self._messages = messages or Outgoing()
        self._between = between
        self._spoken: Head | None = None

    def _step(self, op: Op) -> None:
        if not self.opened:
            super()._step(op)
            self.opened = isinstance(op, Head) and op.status == 101
            return
        match op:
            case Head():
                self.exchange.script.append(describe(op))
                self._spoken = op
            case Send(data, part):
                self.exchange.script.append(describe(op))
                if self._tally is not None:
                    self._tally.begun(data, part)
                self.said.append(data)
                self._say(self._messages.feed(data), part)
            case End():
                self.exchange.script.append(describe(op))
                self._say(self._messages.finish(), "end")
                self._last = op
            case Close(code, reason) if code is not None:
                self._say(close_frame(code, reason), "close")
                super()._step(op)
            case _:
                self.hangs = isinstance(op, Hang)
                super()._step(op)

    def _say(self, frames: bytes, part: str) -> None:
        self._write(frames, part)
        if frames and self._spoken is not None:
            self.exchange.status = self._spoken.status
            self.exchange.headers = tuple(pair for pair in self._spoken.headers if pair not in SPOKEN)
            self._spoken = None
        if self._messages.between:
            self._between()


class WebSocket(asyncio.Protocol):
    """Hears a client's messages and plays one answer after the other."""

    def __init__(
        self, server: FakeServer, connection: Connection, exchange: Exchange, request: Request, session: Session
    ) -> None:
        self.transport = connection.transport
        self.arrival = connection.arrival
        self._server = server
        self._exchange, self._request, self._session = exchange, request, session
        self._reader = Incoming()
        self._messages = Outgoing()
        self._waiting: deque[tuple[Exchange, Request]] = deque()
        self._unanswered: list[Exchange] = []
        self._unsaid: deque[tuple[Exchange, Send]] = deque()
        self._overheard: list[str] = []
        self._unread = 0
        self._player: SessionPlayer | None = None
        self._reply = Reply(())
        self._paused = self._retired = self._leaving = self._gone = False
        self._timer = server.clock.call_later(SECONDS, self._expire)
        exchange.ended, exchange.finished = "", None

    # Called by the transport.

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._leaving or self._gone:
            return
        for message in self._reader.feed(data):
            self._hear(message)
            if self._leaving or self._gone:
                return
        answers, last = self._reader.taken()
        if answers:
            self._write(self._exchange, answers, "control")
        if last:
            self._exchange.error = self._reader.failure
            self._leave("malformed" if self._reader.failure else "complete")

    def eof_received(self) -> bool:
        """The client has left, without a close frame."""
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
        self._paused, self._unread = False, 0
        if self._player is not None:
            self._player.resume()

    # Called by the server.

    def retire(self) -> None:
        """End the session as soon as no answer is under way."""
        self._retired = True
        if self._player is None and not self._leaving:
            self._close(Close(GOING_AWAY))

    def watch(self) -> None:
        """Sessions do not grow stale: they are under way as long as they are open."""

    def stop(self) -> None:
        """The fake stops."""
        self._left("stopped")
        self.transport.abort()

    # What the client says.

    def _hear(self, message: str | bytes) -> None:
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        player, now = self._player, self._server.clock.epoch()
        try:
            heard = self._session.hear(message, busy=player is not None, now=now)
        except Exception as error:  # a broken dialect breaks its session, never the server
            self._exchange.error = failure(error)
            self._close(Close(BROKEN))
            return
        if heard.asks:
            self._asked(text, heard.refusal)
        else:
            self._overhear(text)
        if player is not None and player.hangs:
            return
        for event in heard.said:
            self._say(self._exchange, event)
        if heard.cancels and player is not None:
            self._cancel(player)
        if heard.close is not None:
            self._close(heard.close)

    def _overhear(self, text: str) -> None:
        """Keep what is no ask for the body of the session's exchange."""
        self._exchange.bytes_in += len(text.encode("utf-8", "replace"))
        if self._exchange.bytes_in <= MAX_MESSAGE_BYTES:
            self._overheard.append(self._server.masked(text))

    def _asked(self, text: str, refusal: Trouble | None) -> None:
        exchange = self._server.open(self.arrival.connection, self.arrival.accepted)
        exchange.request_head = exchange.request_complete = self._server.elapsed()
        exchange.bytes_in = len(text.encode("utf-8", "replace"))
        request = turn(self._request, text)
        if self._player is not None and self._player.hangs:
            self._server.read(exchange, request, self._session)
            self._unanswered.append(exchange)
        elif refusal is not None:
            self._refuse(exchange, request, refusal)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append((exchange, request))
            self._go_on()
        else:
            self._server.read(exchange, request, self._session)
            self._unanswered.append(exchange)
            self._close(Close(FULL, "too many answers are asked for at once"))

    def _refuse(self, exchange: Exchange, request: Request, refusal: Trouble) -> None:
        """Refuse at once, perhaps in the middle of another answer."""
        script = list(self._server.reply(exchange, request, self._session, refusal).script)
        exchange.script += map(describe, script)
        for op in script:
            if isinstance(op, Head):
                exchange.status = op.status
            elif isinstance(op, Send):
                self._say(exchange, op)
        exchange.ended, exchange.finished = "complete", self._server.elapsed()

    def _cancel(self, player: SessionPlayer) -> None:
        self._player = None
        player.abandon("complete")
        self._write(player.exchange, self._messages.finish(), "end")
        self._flush()
        if self._reply.ask is not None:
            for event in self._session.cancelled(self._reply.ask, b"".join(player.said)):
                self._say(player.exchange, event)
        player.exchange.finished = self._server.elapsed()
        self._server.settle(player.exchange, self._reply)
        self._go_on()

    # What the provider says.

    def _go_on(self) -> None:
        if self._player is not None or self._leaving or self._gone or not self._waiting:
            return
        exchange, request = self._waiting.popleft()
        self._reply = self._server.reply(exchange, request, self._session)
        self._player = SessionPlayer(
            self._reply.script,
            exchange,
            self.transport,
            self._server.clock,
            self._server.origin,
            self._played,
            tally=self._reply.tally,
            paused=self._paused,
            opened=True,
            messages=self._messages,
            between=self._flush,
        )
        self._player.play()

    def _played(self, player: Player) -> None:
        self._player = None
        self._server.settle(player.exchange, self._reply)
        if self.transport.is_closing():
            self._left(player.exchange.ended)
        elif not player.keep:
            self._leave(player.exchange.ended)
        elif self._retired and not self._waiting:
            self._close(Close(GOING_AWAY))
        else:
            # Not at once: a hundred answers that wait must not nest a hundred calls.
            asyncio.get_running_loop().call_soon(self._go_on)

    def _say(self, exchange: Exchange, event: Send) -> None:
        """Say an event as soon as no message is under way."""
        self._unsaid.append((exchange, event))
        if self._messages.between:
            self._flush()

    def _flush(self) -> None:
        while self._unsaid:
            exchange, event = self._unsaid.popleft()
            self._write(exchange, message_of(event), "session" if exchange is self._exchange else event.part)

    def _write(self, exchange: Exchange, data: bytes, part: str) -> None:
        if not data or self.transport.is_closing():
            return
        at = self._server.elapsed()
        exchange.pieces.append(Piece(at, at, len(data), part))
        exchange.bytes_out += len(data)
        exchange.first_byte = at if exchange.first_byte is None else exchange.first_byte
        exchange.last_byte = at
        self.transport.write(data)
        self._unread += len(data) if self._paused else 0
        if self._unread > MAX_UNREAD_BYTES:
            self._exchange.error = "the client does not read what it has asked for"
            self._left("closed")
            self.transport.abort()

    def _expire(self) -> None:
        event, close = self._session.expired(self._server.clock.epoch())
        self._write(self._exchange, self._messages.finish() + message_of(event), "session")
        self._close(close)

    def _close(self, close: Close) -> None:
        """End the session with a close frame; an answer under way ends here."""
        if self._leaving or self._gone:
            return
        self._write(self._exchange, close_frame(close.code or NORMAL, close.reason), "close")
        self._exchange.script.append(describe(close))
        self._leave("closed")

    def _leave(self, how: str) -> None:
        """Send a FIN, and go once the client has gone too."""
        self._left(how)
        self._leaving = True
        if not self.transport.is_closing():
            self.transport.write_eof()
            self._timer = self._server.clock.call_later(LINGER_SECONDS, self.transport.abort)

    def _left(self, how: str) -> None:
        """Nothing more will be said here."""
        self._timer.cancel()
        for exchange, request in self._waiting:
            self._server.read(exchange, request, self._session)
            self._unanswered.append(exchange)
        player, self._player = self._player, None
        # A client that closes its session in the middle of an answer has left that answer.
        of_answers = "client_left" if how == "complete" else how
        if player is not None:
            player.abandon(of_answers)
            self._unanswered.append(player.exchange)
        for exchange in self._unanswered:
            self._end(exchange, of_answers)
        if not self._exchange.ended:
            self._exchange.request_body = "\n".join(self._overheard)
            self._end(self._exchange, how)
        self._waiting.clear()
        self._unanswered.clear()
        if player is not None:
            self._server.settle(player.exchange, self._reply)

    def _end(self, exchange: Exchange, how: str) -> None:
        if how == "client_left":
            exchange.client_closed = self._server.elapsed()
        exchange.ended = exchange.ended or how
        exchange.finished = exchange.finished or self._server.elapsed()
