r"""The bytes of a WebSocket (RFC 6455), without any connection: the handshake, messages out, messages in.

A script says its events as server-sent events whatever the wire, so that every fault and the meter read one form. On a
WebSocket each event is one text message, its data; what else an event has stays behind:

    data: {"type": ...}\n\n          one text message
    event: ...\n                     nothing
    : ping\n\n                       a ping frame
    a piece of an event              a fragment: a frame that is not the last one of its message
    the rest of it                   the last frame; empty, where only the blank line is left

So a piece of a script is a frame of its own and every boundary that a fault puts into an event is on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from websockets.datastructures import Headers as OfferedHeaders
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request as Offer
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from .script import Headers, Send

if TYPE_CHECKING:
    from .ask import Request

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
"""As much as the largest body of a request."""
FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
PING_BYTES = 125
"""What a control frame can hold."""
NORMAL, GOING_AWAY, NOT_UTF8, FULL, BROKEN = 1000, 1001, 1007, 1008, 1011


def answer_offer(request: Request, subprotocols: Iterable[str] = ()) -> tuple[int, Headers, str]:
    """What the handshake comes to: 101 and the headers that accept it, or another status, its headers and the reason.

    Of the subprotocols on offer the first that is one of `subprotocols` is taken. No extension is: messages go as they
    are.
    """
    known = set(subprotocols)

    def chosen(_: ServerProtocol, offers: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((offer for offer in offers if offer in known), None)

    protocol = ServerProtocol(select_subprotocol=chosen)
    target = request.path + (f"?{request.query}" if request.query else "")
    response = protocol.accept(Offer(target, OfferedHeaders(request.headers)))
    # The date is that of the fakes' clock; how the body is framed says whoever sends it.
    foreign = ("date", "connection", "content-length", "content-type")
    kept = response.status_code == 101
    headers = tuple((name.lower(), value) for name, value in response.headers.raw_items())
    headers = tuple(pair for pair in headers if pair[0] not in foreign or (kept and pair[0] == "connection"))
    return response.status_code, headers, (response.body or b"").decode("utf-8", "replace").strip()


class Outgoing:
    """Makes frames of the events of scripts, piece by piece."""

    def __init__(self) -> None:
        self._line: bytes | None = b""
        """The beginning of a line of which it is not known yet what it is; None within one of which it is."""
        self._kind = b""
        self._comment = b""
        self._lines = 0
        self._space = False
        self._begun = False
        self._payload = b""
        self._frames: list[bytes] = []

    @property
    def between(self) -> bool:
        """Whether no message is under way: another one may begin."""
        return not self._begun

    def feed(self, data: bytes) -> bytes:
        """The frames of a piece; a message that it does not end has a fragment of its own."""
        for line in data.splitlines(keepends=True):
            self._part(line.removesuffix(b"\n"))
            if line.endswith(b"\n"):
                self._line_ends()
        if self._payload:
            self._frame(last=False)
        return self._taken()

    def finish(self) -> bytes:
        """End the message under way, if there is one."""
        if self._begun or self._payload:
            self._frame(last=True)
        self._line, self._lines, self._comment = b"", 0, b""
        return self._taken()

    def _part(self, part: bytes) -> None:
        if self._line is not None:
            self._line += part
            kind = next((field for field in FIELDS if self._line.startswith(field)), None)
            if kind is None:
                return
            part = self._line.removeprefix(kind)
            self._line, self._kind, self._space = None, kind, True
            if kind == b"data:":
                self._payload += b"\n" if self._lines else b""
                self._lines += 1
        if self._space and part:
            part, self._space = part.removeprefix(b" "), False
        if self._kind == b"data:":
            self._payload += part
        elif self._kind == b":":
            self._comment += part

    def _line_ends(self) -> None:
        if self._line == b"":
            if self._lines:
                self._frame(last=True)
            self._lines = 0
        elif self._line is None and self._kind == b":":
            self._frames.append(_written(Opcode.PING, self._comment[:PING_BYTES]))
            self._comment = b""
        self._line = b""

    def _frame(self, *, last: bool) -> None:
        opcode = Opcode.CONT if self._begun else Opcode.TEXT
        self._frames.append(_written(opcode, self._payload, last=last))
        self._begun, self._payload = not last, b""

    def _taken(self) -> bytes:
        frames, self._frames = b"".join(self._frames), []
        return frames


def message(event: Send) -> bytes:
    """The one frame of a whole event."""
    return Outgoing().feed(event.data)


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; of a reason as much as there is room for. Codes that RFC 6455 keeps off the wire are as good."""
    told = reason.encode()[: PING_BYTES - 2].decode("utf-8", "ignore").encode()
    return _written(Opcode.CLOSE, code.to_bytes(2, "big") + told)


def _written(opcode: Opcode, data: bytes, *, last: bool = True) -> bytes:
    return Frame(opcode, data, last).serialize(mask=False)


class Incoming:
    """Makes messages of what a client sends, and answers what the protocol itself wants answered."""

    def __init__(self) -> None:
        self._protocol = ServerProtocol(state=State.OPEN, max_size=MAX_MESSAGE_BYTES)
        self._text = True
        self._fragments: list[bytes] = []

    @property
    def closed(self) -> Close | None:
        """What the client's close frame says, once it has come."""
        return self._protocol.close_rcvd

    @property
    def failure(self) -> str:
        """What the client has broken the protocol with; empty where it has not."""
        return "" if self._protocol.parser_exc is None else str(self._protocol.parser_exc)

    def feed(self, data: bytes) -> Iterator[str | bytes]:
        """The messages that are whole with these bytes."""
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                if frame.opcode is not Opcode.CONT:
                    self._text = frame.opcode is Opcode.TEXT
                self._fragments.append(bytes(frame.data))
                if frame.fin:
                    whole_message, self._fragments = b"".join(self._fragments), []
                    yield from self._read(whole_message)

    def fail(self, code: int, reason: str) -> None:
        """Close, because the client does what it must not."""
        self._protocol.fail(code, reason)

    def closing(self) -> None:
        """A close frame was sent: the one that may come is its echo."""
        if self._protocol.state is State.OPEN:
            self._protocol.state = State.CLOSING
            self._protocol.close_sent = Close(NORMAL, "")

    def taken(self) -> tuple[bytes, bool]:
        """What is to be written, pongs and the echo of a close frame, and whether it is the last."""
        writes = self._protocol.data_to_send()
        return b"".join(writes), b"" in writes

    def _read(self, data: bytes) -> Iterator[str | bytes]:
        if not self._text:
            yield data
            return
        try:
            yield data.decode()
        except UnicodeDecodeError:
            self.fail(NOT_UTF8, "a text message is not UTF-8")
