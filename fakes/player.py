"""Plays a script on a connection.

The player keeps to the script's own schedule: each `Wait` moves the time at which the next operation is due, so a slow
loop does not add up, and after a reader that paused the overdue pieces follow at once. It never interprets bytes;
framing follows from the head alone.

Between two operations everything written has left this machine's hands: the transport has no bytes left and neither has
the kernel. So one `Send` is one segment, never glued to the next, a client that stops reading stops the script, and a
reset finds nothing to throw away.

A player is in one of these states, and every way out of `playing` names how the exchange ended:

    playing --End-----------> leaving --all has left--> over      complete; closed where the framing is still owed bytes
            --Close, Reset--> leaving --all has left--> over      closed, reset
            --script raises-> leaving --all has left--> over      stopped, with the error, by a reset
            --Hang----------> hanging --client leaves-> over      hung
            --client leaves-------------------------> over        client_left
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from .journal import Piece, failure
from .script import Close, End, Hang, Head, Op, Raw, Reset, Send, Wait, describe, ended, header, with_headers

if TYPE_CHECKING:
    from .clock import Clock, Handle
    from .journal import Exchange
    from .meter import Tally
    from .script import Script

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
SIOCOUTQNSD = 0x894B  # Linux: bytes of the send queue that were never sent
# Operations played before the event loop gets its turn: a script without waits must not starve the other connections.
BURST = 32
# Wall seconds between two looks at a send queue that does not empty; doubled from the first to the last.
FIRST_LOOK, LAST_LOOK = 0.0005, 0.02


class Player:
    """Plays one script; `done(player)` is called once it is over, unless the client left first.

    `keep` then says whether the connection can serve another request.
    """

    def __init__(
        self,
        script: Script,
        exchange: Exchange,
        transport: asyncio.Transport,
        clock: Clock,
        origin: int,
        done: Callable[[Player], None],
        *,
        tally: Tally | None = None,
        keep_alive: bool = True,
        bodiless: bool = False,
        http10: bool = False,
        paused: bool = False,
    ) -> None:
        self.exchange = exchange
        self.keep = keep_alive
        self._ops: Iterator[Op] = ended(script)
        self._transport = transport
        self._clock = clock
        self._origin = origin
        self._done = done
        self._tally = tally
        self._http10 = http10
        self._bodiless = bodiless
        self._paused = paused
        self._due = clock.nanoseconds()
        self._timer: Handle | None = None
        self._head: Head | None = None
        self._framed = False
        self._chunked = False
        self._owed: int | None = None
        self._leaving = False
        self._look = FIRST_LOOK
        self._last: Op | None = None
        self._over = False

    def play(self) -> None:
        """Play on until there is something to wait for."""
        for _ in range(BURST):
            # A connection that has broken tells the player at the loop's next turn; until then nobody is written to.
            if self._over or self._timer is not None or self._transport.is_closing() or not self._has_left():
                return
            if self._last is not None:
                self._conclude(self._last)
                return
            try:
                self._step(next(self._ops))
            except Exception as error:  # faults are anybody's code; a broken one breaks its exchange only
                self._fail(error)
        if self._timer is None and not self._over:
            self._timer = asyncio.get_running_loop().call_soon(self._wake)

    def pause(self) -> None:
        """Hold on: the transport keeps bytes that the kernel did not take."""
        self._paused = True

    def resume(self) -> None:
        """Go on: the kernel has taken everything."""
        self._paused = False
        self.play()

    def abandon(self, how: str) -> None:
        """Stop playing: nobody is there any more."""
        if not self._over:
            self.exchange.ended = "hung" if isinstance(self._last, Hang) else how
            self._stop()

    def _step(self, op: Op) -> None:
        self.exchange.script.append(describe(op))
        match op:
            case Wait(seconds):
                self._flush()
                self._due += round(seconds * 1e9)
                pause = (self._due - self._clock.nanoseconds()) / 1e9
                if pause > 0:
                    self._timer = self._clock.call_later(pause, self._wake)
            case Head():
                self._flush()
                self._open(op)
            case Send(data, part):
                if data and not self._bodiless:
                    self._send(data, part)
            case Raw(data):
                self.keep = False
                self._write(data, "raw")
            case End():
                self._write(b"0\r\n\r\n" if self._chunked and not self._bodiless else b"", "end")
                self._last = op if self._framed and not (self._owed and not self._bodiless) else Close()
            case Close() | Reset() | Hang():
                self._flush()
                self._last = op
            case _:
                raise TypeError(f"{op!r} is no wire operation")

    def _send(self, data: bytes, part: str) -> None:
        if self._owed is not None:
            self._owed -= len(data)
            if self._owed < 0:
                self.keep = False
        if self._tally is not None:
            self._tally.begun(data, part)
        self._write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data, part)

    def _open(self, head: Head) -> None:
        self._bodiless = self._bodiless or head.status in {101, 204, 304}
        length = header(head.headers, "content-length") or ""
        self._chunked = not length and (header(head.headers, "transfer-encoding") or "").lower() == "chunked"
        self._owed = int(length) if length.isascii() and length.isdecimal() else None
        if self._chunked and self._http10:
            self._chunked = False
            head = with_headers(head, ("transfer-encoding", None))
        if (header(head.headers, "connection") or "").lower() == "close":
            self.keep = False
        if not (self._chunked or self._bodiless or self._owed is not None):
            self.keep = False
        if not self.keep:
            head = with_headers(head, ("connection", "close"))
        elif self._http10:
            head = with_headers(head, ("connection", "keep-alive"))
        self._framed = True
        self._head = head

    def _flush(self) -> None:
        if self._head is not None:
            self._write(b"", "head")

    def _write(self, data: bytes, part: str) -> None:
        """Write a piece, and the head with it when it has not gone yet."""
        exchange = self.exchange
        head, self._head = self._head, None
        if head is not None:
            exchange.status, exchange.headers = head.status, head.headers
        at = self._clock.nanoseconds() - self._origin
        size = self._put(head, data, part)
        if not size:
            return
        exchange.pieces.append(Piece(self._due - self._origin, at, size, part))
        exchange.bytes_out += size
        if exchange.first_byte is None:
            exchange.first_byte = at
        exchange.last_byte = at
        self._leaving = True

    def _put(self, head: Head | None, data: bytes, part: str) -> int:
        """Hand bytes over, behind the head where there is one; how many go out."""
        if head is not None:
            data = encode_head(head) + data
        if data:
            self._transport.write(data)
        return len(data)

    def _has_left(self) -> bool:
        """Whether all that was written has left; when it has not, play goes on as soon as it has."""
        if self._paused:
            return False
        if not self._leaving:
            return True
        if unsent_bytes(self._transport):
            self._timer = self._clock.call_later(self._look * self._clock.rate, self._wake)
            self._look = min(2 * self._look, LAST_LOOK)
            return False
        if self._tally is not None:
            self._tally.left()
        self._leaving, self._look = False, FIRST_LOOK
        return True

    def _wake(self) -> None:
        self._timer = None
        self.play()

    def _fail(self, error: Exception) -> None:
        self._head = None
        self.exchange.error = failure(error)
        self.exchange.ended = "stopped"
        self._last = Reset()

    def _conclude(self, last: Op) -> None:
        match last:
            case Hang():
                return
            case End():
                self.exchange.ended = "complete"
            case Close():
                self.exchange.ended = "closed"
                self.keep = False
            case _:
                self.exchange.ended = self.exchange.ended or "reset"
                self.keep = False
                self._break_off()
        self._stop()
        self._done(self)

    def _break_off(self) -> None:
        reset(self._transport)

    def _stop(self) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.exchange.finished = self._clock.nanoseconds() - self._origin


def reset(transport: asyncio.WriteTransport) -> None:
    """Close a connection with a RST."""
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()


def unsent_bytes(transport: asyncio.BaseTransport) -> int:
    """How many bytes the kernel has taken and not sent yet, for want of room at the other side."""
    if sys.platform != "linux" or transport.is_closing():
        return 0
    queued = fcntl.ioctl(transport.get_extra_info("socket").fileno(), SIOCOUTQNSD, b"\0\0\0\0")
    return int.from_bytes(queued, sys.byteorder)


def encode_head(head: Head) -> bytes:
    """The status line and the headers as they go out."""
    try:
        reason = HTTPStatus(head.status).phrase
    except ValueError:
        reason = ""
    lines = [f"HTTP/1.1 {head.status} {reason}", *(f"{name}: {value}" for name, value in head.headers), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")
