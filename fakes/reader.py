"""Turns the bytes of one connection into requests.

The parser is httptools. Everything has a limit: the head, the body as it comes, and the body as it is once it is
decompressed, so that no request can take more memory than the largest fair one. What breaks a limit or the grammar is
a `Refusal`, after which nothing more of this connection is read.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Protocol

import httptools

from .ask import Request
from .script import header

MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024
# The parser keeps a header that has not ended yet, so it is fed no more than this between two looks at the limit.
SLICE_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered as it asks: a status, and what was wrong with it."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request and what it wants of its connection."""

    request: Request
    keep_alive: bool
    http: str
    bytes_in: int
    """Of the body, as they came."""
    refusal: Refusal | None = None


class Listener(Protocol):
    """Who is told of requests."""

    def begun(self) -> None:
        """The first byte of a request has come."""

    def headed(self) -> None:
        """The head is whole."""

    def came(self, incoming: Incoming) -> None:
        """A request is whole, or refused as far as it came."""


class RequestReader:
    """Reads requests, one after the other."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._parser = httptools.HttpRequestParser(self)
        self._stage = "between"
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._head_bytes = 0
        self._exact_head_bytes = 0
        self._declined = False
        """Whether the client has offered another protocol, whose parser is to be replaced."""
        self._held: bytearray | None = None
        """What has come behind the offer of a WebSocket, which is HTTP if that is declined."""
        self.deaf = False
        """Whether the connection has been given up on: what still comes is thrown away."""

    @property
    def reading(self) -> bool:
        """Whether a request has begun and is not whole."""
        return self._stage != "between"

    @property
    def in_head(self) -> bool:
        """Whether the head of a request has begun and is not whole."""
        return self._stage == "head"

    @property
    def awaits_continue(self) -> bool:
        """Whether the client sends the body only once it is told to."""
        if self._stage != "body" or self._body or self._parser.get_http_version() == "1.0":
            return False
        return (header(tuple(self._headers), "expect") or "").lower() == "100-continue"

    @property
    def partial(self) -> Request:
        """The request at hand, as far as it has come."""
        path, _, query = self._url.decode("latin-1").partition("?")
        # Before the target the parser does not tell its default method from one it has read.
        method = (self._parser.get_method() or b"").decode("latin-1") if self._url else ""
        return Request(method, path, query, tuple(self._headers), bytes(self._body))

    def decline(self) -> None:
        """Go on in HTTP: the offer of a WebSocket was declined."""
        held, self._held = self._held, None
        if held is not None:
            self._parser = httptools.HttpRequestParser(self)
            self.feed(bytes(held))

    def accept(self) -> bytes:
        """Read no more: what comes, and what has come behind the offer of a WebSocket, belongs to that."""
        held, self._held, self.deaf = self._held or b"", None, True
        return bytes(held)

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        if self._held is not None:
            # A client waits for the answer to its offer; whoever does not has this much room.
            self._held += data[: MAX_HEAD_BYTES - len(self._held)]
            return
        for start in range(0, len(data), SLICE_BYTES):
            piece = data[start : start + SLICE_BYTES]
            if self.deaf:
                return
            self._feed(piece)
            if self.in_head and not self.deaf:
                self._head_bytes += len(piece)
                if self._head_bytes > MAX_HEAD_BYTES:
                    self.refuse(Refusal(431, f"the head is larger than {MAX_HEAD_BYTES} bytes"))

    def refuse(self, refusal: Refusal) -> None:
        """Give the request at hand, and the connection, up."""
        self.deaf = True
        if not self.reading:
            self._listener.begun()
        self._came(refusal)

    # Called by the parser.

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._stage == "body":
            return
        self._stage = "head"
        self._url, self._headers, self._body = b"", [], bytearray()
        self._head_bytes = self._exact_head_bytes = 0
        self._listener.begun()

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        if self._stage == "head":
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, whole; after the body it is a trailer, which nothing here needs."""
        if self._stage == "head":
            self._exact_head_bytes += len(name) + len(value) + 4
            self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._stage != "head":
            return
        self._stage = "body"
        self._listener.headed()
        if self._exact_head_bytes + len(self._url) > MAX_HEAD_BYTES:
            raise _Broken(Refusal(431, f"the head is larger than {MAX_HEAD_BYTES} bytes"))
        hosts = sum(name == "host" for name, _ in self._headers)
        if hosts != 1 and self._parser.get_http_version() == "1.1":
            raise _Broken(Refusal(400, f"the head has {hosts} times Host, and RFC 9112 wants it once"))
        self._declined = bool(self._parser.should_upgrade()) and self._parser.get_method() != b"CONNECT"
        length = header(tuple(self._headers), "content-length") or "0"
        if int(length) > MAX_BODY_BYTES:
            raise _Broken(_too_large())

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body += body
        if len(self._body) > MAX_BODY_BYTES:
            raise _Broken(_too_large())

    def on_message_complete(self) -> None:
        """The request is whole, unless the parser believes that another protocol begins here."""
        if not self._declined:
            self._came(None)

    def _feed(self, data: bytes) -> None:
        try:
            while data and not self.deaf:
                try:
                    self._parser.feed_data(data)
                    data = b""
                except httptools.HttpParserUpgrade as upgrade:
                    data = self._answered(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            broken = error.__context__ if isinstance(error.__context__, _Broken) else None
            if broken is None:
                raise
            self.refuse(broken.refusal)
        except httptools.HttpParserError as error:
            if not self.deaf:
                self.refuse(Refusal(400, f"malformed: {error}"))

    def _answered(self, rest: bytes) -> bytes:
        """What of the bytes behind an offer is read at once; whether they are a WebSocket's says whoever answers."""
        if not self._declined or not self._offers_websocket():
            return self._decline(rest)
        self._declined = False
        self._held = bytearray(rest[:MAX_HEAD_BYTES])
        self._came(None, websocket=True)
        return b""

    def _offers_websocket(self) -> bool:
        headers = tuple(self._headers)
        offered = (header(headers, "upgrade") or "").lower() == "websocket"
        bare = header(headers, "transfer-encoding") is None and (header(headers, "content-length") or "0") == "0"
        return offered and bare and (self._parser.get_method(), self._parser.get_http_version()) == (b"GET", "1.1")

    def _decline(self, rest: bytes) -> bytes:
        """Decline the offer to speak another protocol, by going on in this one.

        The parser has stopped behind the head. Another one is given the same head without the offer, of which nobody is
        told again, and then the rest.
        """
        method, http = self._parser.get_method(), self._parser.get_http_version()
        self._parser = httptools.HttpRequestParser(self)
        if not self._declined:
            return rest
        self._declined = False
        head = [b"%b %b HTTP/%b" % (method, self._url, http.encode())]
        head += [f"{name}: {value}".encode("latin-1") for name, value in self._headers if name != "upgrade"]
        return b"\r\n".join([*head, b"", rest])

    def _came(self, refusal: Refusal | None, *, websocket: bool = False) -> None:
        request, size = replace(self.partial, websocket=websocket), len(self._body)
        if refusal is None:
            request, refusal = unpacked(request)
        # After CONNECT the bytes are no HTTP.
        self.deaf = self.deaf or request.method == "CONNECT"
        keep = not self.deaf and self._parser.should_keep_alive()
        http = self._parser.get_http_version() if self._url else "1.1"
        self._stage = "between"
        self._listener.came(Incoming(request, keep, http, size, refusal))
        self._body = bytearray()


class _Broken(Exception):
    """Carries a refusal out of the parser."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.why)
        self.refusal = refusal


def unpacked(request: Request) -> tuple[Request, Refusal | None]:
    """The request with its body as it was before it was compressed, or why that cannot be had."""
    encoding = (header(request.headers, "content-encoding") or "identity").lower()
    if len(request.body) > MAX_BODY_BYTES:
        return replace(request, body=b""), _too_large()
    if encoding == "identity":
        return request, None
    try:
        return replace(request, body=decoded(request.body, encoding)), None
    except _Broken as broken:
        return replace(request, body=b""), broken.refusal


def decoded(body: bytes, encodings: str, limit: int = MAX_BODY_BYTES) -> bytes:
    """A body without its content encodings, never more than `limit` bytes of it."""
    for encoding in reversed([name.strip() for name in encodings.split(",")]):
        match encoding:
            case "gzip" | "x-gzip":
                body = _inflated(body, 31, limit)
            case "deflate":
                # RFC 9110 means the zlib format; many senders leave its header out.
                body = _inflated(body, 15 if body[:1] and body[0] & 15 == 8 else -15, limit)
            case "identity" | "":
                pass
            case _:
                raise _Broken(Refusal(415, f"content-encoding {encoding} is not supported: send gzip or deflate"))
    return body


def _inflated(body: bytes, window_bits: int, limit: int) -> bytes:
    text = bytearray()
    try:
        while body:
            inflater = zlib.decompressobj(wbits=window_bits)
            text += inflater.decompress(body, limit + 1 - len(text))
            if len(text) > limit:
                raise _Broken(_too_large())
            if not inflater.eof:
                raise _Broken(Refusal(400, "the compressed body breaks off"))
            body = inflater.unused_data if window_bits == 31 else b""
    except zlib.error as error:
        raise _Broken(Refusal(400, f"the body cannot be decompressed: {error}")) from None
    return bytes(text)


def _too_large() -> Refusal:
    return Refusal(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
