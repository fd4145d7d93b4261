"""One client's connection of HTTP/2 to a fake: many requests at a time, a script played on the stream of each.

A client gets it with prior knowledge: it opens with the preface of HTTP/2, in the clear or behind TLS that has agreed
on it (ALPN). The frames are the h2 library's work. The same scripts are played as on a connection of HTTP/1.1. A fault
is for one exchange, so what would end a connection ends the stream alone, and the other streams go on:

    Head         HEADERS, without what is said of a connection (`script.OF_A_CONNECTION`)
    Send         one DATA frame, or several where it is larger than a frame or than the window that is open
    End          END_STREAM, in a frame of its own; a body that is shorter than its length ends as by `Close`
    Close        RST_STREAM NO_ERROR: like a FIN it names no error, and what is missing has to be noticed
    Reset        RST_STREAM INTERNAL_ERROR
    Hang         nothing more on this stream
    ResetStream  RST_STREAM with the code that it names
    GoAway       GOAWAY that names the last stream which has begun; once all of them are over the connection closes
    TurnAway     GOAWAY that names the last of the other streams which are being answered, or were
    Raw          nothing: there is no byte past the framing that would not break every other stream. The exchange is
                 stopped, with that as its error

What meets connections before there is a request (`Refuse`, `ResetOnAccept`, `StaleConnections`, ...) is about the TCP
connection here too.

A script's bytes leave as the client's windows allow: a script waits for the window of its stream as it waits for the
kernel. What a client sends is given back to its windows as soon as it comes, but for streams that a
`WithholdWindow` meets, which keep the window that they began with.

After GOAWAY, streams with higher numbers than it names are not processed: they are read, journalled as refused, and
nothing is said on them. A stream that GOAWAY turns away while a later one is being answered already lies below the
number that has to be named, so it is told of by RST_STREAM REFUSED_STREAM as well.

What breaks HTTP/2 itself ends the connection by GOAWAY with the error's code and a FIN; exchanges that were under way
are journalled as malformed. There is no push, no priority and no upgrade from HTTP/1.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from .connection import Connection
from .faults import name_of
from .http2_stream import Stream, StreamPlayer, request_of
from .player import reset
from .reader import MAX_BODY_BYTES, Incoming, unpacked
from .script import header

if TYPE_CHECKING:
    from .server import FakeServer


class Http2Connection(Connection):
    """Reads requests from streams and plays the answers side by side."""

    def __init__(self, server: FakeServer, former: Connection) -> None:
        super().__init__(server)
        self.transport, self.arrival = former.transport, former.arrival
        self.wire = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
        self.wire.initiate_connection()
        self._streams: dict[int, Stream] = {}
        self._processed: list[int] = []
        """The streams whose requests were answered, in whatever way."""
        self._last: int | None = None
        """The last stream that is answered, once GOAWAY has named one."""
        self._because: tuple[str, ...] = ()
        """The faults of the exchange that sent GOAWAY."""

    @property
    def idle(self) -> bool:
        """Whether nothing is under way on it."""
        return not (self._streams or self._leaving)

    @property
    def paused(self) -> bool:
        """Whether the kernel has no room."""
        return self._paused

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._leaving or self._gone:
            return
        self._cancel_timer()
        try:
            events = self.wire.receive_data(data)
        except ProtocolError as error:
            self._break_down(error)
            return
        # All of them before anything is sent: h2 knows already of streams that a later one of them has closed.
        for event in events:
            self._hear(event)
        self.flush()
        if self._stale:
            if self._streams:
                self._break_off()
            return
        for stream in list(self._streams.values()):
            self._go_on_with(stream)
        self._rest()

    def pause_writing(self) -> None:
        """The kernel has no room."""
        self._paused = True
        for stream in self._streams.values():
            stream.hold()

    def resume_writing(self) -> None:
        """The kernel has taken everything."""
        self._paused = False
        for stream in list(self._streams.values()):
            stream.go_on()

    def retire(self) -> None:
        """Take no more streams, and close once those that are open are over."""
        if not (self._retired or self._leaving):
            self.go_away()
            self._rest()

    # Called by the streams and their players.

    def flush(self) -> int:
        """Write what h2 has to send; how many bytes that is."""
        data = self.wire.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)
        return len(data)

    def go_away(self, faults: tuple[str, ...] = ()) -> None:
        """Say that no more streams are taken; all that have begun are answered."""
        self._send_goaway(self.wire.highest_inbound_stream_id, faults)

    def turn_away(self, stream: Stream) -> None:
        """Say that a stream was not processed, nor any after the last that is being answered."""
        self._processed.remove(stream.number)
        last = self._send_goaway(max(self._processed, default=0), stream.exchange.faults)
        if stream.number <= last:
            stream.reset(ErrorCodes.REFUSED_STREAM)
        for other in list(self._streams.values()):
            if other.number > last and other is not stream:
                self._refuse(other)

    def _send_goaway(self, last: int, faults: tuple[str, ...]) -> int:
        self._retired, self._because = True, faults
        self._last = last if self._last is None else min(self._last, last)
        self.wire.close_connection(last_stream_id=self._last)
        self._reopen()
        self.flush()
        return self._last

    def _reopen(self) -> None:
        # h2 takes a connection for closed once GOAWAY has passed in either direction; streams that are open go on.
        self.wire.state_machine.state = ConnectionState.SERVER_OPEN

    def _hear(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._begin(event)
            case DataReceived():
                self._take(event)
            case StreamEnded() if event.stream_id in self._streams:
                self._complete(self._streams[event.stream_id])
            case StreamReset() if event.stream_id in self._streams:
                self._abandon(self._streams.pop(event.stream_id), "client_left" if event.remote_reset else "malformed")
            case ConnectionTerminated():
                self._reopen()
            case _:
                pass

    def _begin(self, event: RequestReceived) -> None:
        exchange = self._server.open(self.arrival.connection, self.arrival.accepted)
        stream = Stream(self, exchange, request_of(event.stream_id, event.headers))
        exchange.http, exchange.stream_id = "2", stream.number
        exchange.request_head = self._server.elapsed()
        self._streams[stream.number] = stream
        if self._last is not None and stream.number > self._last:
            self._refuse(stream)
            return
        door = self._server.withholds()
        if door is not None:
            stream.withholding, stream.room = door, self.wire.local_settings.initial_window_size

    def _take(self, event: DataReceived) -> None:
        stream, size = self._streams.get(event.stream_id), event.flow_controlled_length
        if stream is None or stream.withholding is None:
            self.wire.acknowledge_received_data(size, event.stream_id)
        elif size:
            self.wire.increment_flow_control_window(size)
            stream.room -= size
            if not stream.room:
                stream.exchange.faults = (name_of(stream.withholding),)
        if stream is not None and not stream.complete:
            stream.body += event.data
            if len(stream.body) > MAX_BODY_BYTES:
                self._complete(stream)

    def _complete(self, stream: Stream) -> None:
        """The request is whole, or as whole as it will get."""
        if stream.complete:
            return
        stream.complete = True
        stream.exchange.bytes_in = len(stream.body)
        if len(stream.body) <= MAX_BODY_BYTES:
            stream.exchange.request_complete = self._server.elapsed()
        if stream.refused:
            self._refuse(stream)

    def _refuse(self, stream: Stream) -> None:
        """Answer nothing on it: GOAWAY says that it is not processed. What it asks is read for the journal."""
        exchange = stream.exchange
        stream.refused = True
        exchange.ended, exchange.faults = "refused", self._because
        exchange.finished = exchange.finished or self._server.elapsed()
        if stream.complete:
            self._server.read(exchange, unpacked(stream.received)[0])
            self._streams.pop(stream.number)

    def _go_on_with(self, stream: Stream) -> None:
        """Answer a stream, or go on with that, as far as what has come allows."""
        if stream.player is not None:
            stream.go_on()
        elif stream.refused:
            return
        elif stream.complete:
            self._processed.append(stream.number)
            request, refusal = unpacked(stream.received)
            stream.reply = self._answer(stream.exchange, Incoming(request, True, "2", len(stream.body), refusal))
            stream.body = bytearray()
            stream.player = StreamPlayer(self, stream, self._server, self._over)
            stream.player.play()
        elif header(stream.request.headers, "expect") == "100-continue" and not (stream.body or stream.told):
            stream.told = True
            self.wire.send_headers(stream.number, [(b":status", b"100")])
            self.flush()

    def _over(self, stream: Stream) -> None:
        """An answer has been played."""
        self._served = True
        self._streams.pop(stream.number, None)
        self._server.settle(stream.exchange, stream.reply)
        self._rest()

    def _rest(self) -> None:
        """Leave, or wait for what comes, where nothing is under way."""
        if self._leaving or self._gone or self.transport.is_closing():
            return
        if self._retired and all(stream.refused for stream in self._streams.values()):
            self._leave()
        else:
            self.watch()

    def _left(self, how: str) -> None:
        self._cancel_timer()
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            self._abandon(stream, how)

    def _abandon(self, stream: Stream, how: str) -> None:
        """Nothing more will be answered on a stream."""
        exchange = stream.exchange
        if stream.player is None:
            self._server.note(exchange, stream.received)
        else:
            stream.player.abandon(how)
        if how == "client_left":
            exchange.client_closed = self._server.elapsed()
        exchange.ended = exchange.ended or how
        exchange.finished = exchange.finished or self._server.elapsed()
        self._server.settle(exchange, stream.reply)

    def _break_down(self, error: ProtocolError) -> None:
        """Leave where what came is no HTTP/2; h2 has written its GOAWAY."""
        if not self._streams:
            exchange = self._server.open(self.arrival.connection, self.arrival.accepted)
            exchange.http = "2"
            self._streams[0] = Stream(self, exchange, request_of(0, ()))
        for stream in self._streams.values():
            stream.exchange.error = f"malformed: {error}"
        self.flush()
        self._left("malformed")
        self._leave()

    def _break_off(self) -> None:
        """Meet the requests that ride a stale connection."""
        for stream in self._streams.values():
            if stream.complete:
                self._server.read(stream.exchange, unpacked(stream.received)[0])
            stream.exchange.faults = ("stale_connections",)
        self._left("reset")
        reset(self.transport)
