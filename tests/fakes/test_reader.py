from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.reader import MAX_BODY_BYTES, MAX_HEAD_BYTES, SLICE_BYTES, Incoming, RequestReader


@dataclass
class Heard:
    """Writes down what a reader tells."""

    told: list[str] = field(default_factory=list)
    requests: list[Incoming] = field(default_factory=list)

    def begun(self) -> None:
        """A request begins."""
        self.told.append("begun")

    def headed(self) -> None:
        """Its head is whole."""
        self.told.append("headed")

    def came(self, incoming: Incoming) -> None:
        """It is whole, or refused."""
        self.told.append("came")
        self.requests.append(incoming)


def read(*pieces: bytes) -> tuple[RequestReader, Heard]:
    """A reader that was fed."""
    heard = Heard()
    reader = RequestReader(heard)
    for piece in pieces:
        reader.feed(piece)
    return reader, heard


def post(body: bytes, *headers: str) -> bytes:
    """A request with a body."""
    lines = ["POST /v1/x?a=b HTTP/1.1", "Host: h", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    """A request whose body comes in chunks."""
    framed = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n" + trailer + b"\r\n"


class TestReading:
    @given(st.integers(1, 200), st.booleans())
    def test_requests_are_the_same_however_they_are_cut(self, size: int, chunks: bool) -> None:
        """
        Three pipelined requests are read the same in one piece and in pieces of any size.
        """
        one = chunked(b"ab", b"cde", trailer=b"X-Trailer: no header\r\n") if chunks else post(b"abcde", "X: Y")
        data = b"\r\n" + one * 3

        _, whole = read(data)
        _, cut = read(*(data[at : at + size] for at in range(0, len(data), size)))

        assert ["begun", "headed", "came"] * 3 == whole.told == cut.told
        assert whole.requests == cut.requests
        assert [b"abcde"] * 3 == [incoming.request.body for incoming in whole.requests]
        assert "x-trailer" not in dict(whole.requests[0].request.headers)

    def test_a_request_is_what_was_sent(self) -> None:
        """
        Method, path, query, headers with names in lower case, body and version are as they were on the wire.
        """
        _, heard = read(post(b"{}", "X-Some: Thing"))
        incoming = heard.requests[0]
        request = incoming.request

        assert ("POST", "/v1/x", "a=b", b"{}") == (request.method, request.path, request.query, request.body)
        assert ("x-some", "Thing") in request.headers
        assert (True, "1.1", 2, None) == (incoming.keep_alive, incoming.http, incoming.bytes_in, incoming.refusal)

    @pytest.mark.parametrize(
        ("head", "keep"),
        [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", False),
            ("GET / HTTP/1.0\r\n\r\n", False),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
            ("CONNECT provider:443 HTTP/1.1\r\nHost: a\r\n\r\n", False),
        ],
    )
    def test_what_a_request_wants_of_its_connection(self, head: str, keep: bool) -> None:
        """
        Connections are kept as the version and the header say, and never after CONNECT.
        """
        assert keep is read(head.encode())[1].requests[0].keep_alive

    def test_an_upgrade_is_declined(self) -> None:
        """
        A client that offers HTTP/2 is read in HTTP/1.1, body included, and so is the request behind it.
        """
        offer = post(b"abc", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: x")

        _, heard = read(offer * 2 + post(b"last"))

        assert [b"abc", b"abc", b"last"] == [incoming.request.body for incoming in heard.requests]

    def test_waiting_for_100_is_told(self) -> None:
        """
        A client that waits for 100 Continue is seen to wait until the first byte of its body comes.
        """
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n"

        waiting, _ = read(head)
        sending, _ = read(head, b"a")
        old, _ = read(head.replace(b"1.1", b"1.0"))

        assert (True, False, False) == (waiting.awaits_continue, sending.awaits_continue, old.awaits_continue)


class TestCompressedBodies:
    @pytest.mark.parametrize(
        "encoding", ["gzip", "x-gzip", "deflate", "raw deflate", "gzip, deflate", "identity", "two members"]
    )
    def test_encodings_are_undone(self, encoding: str) -> None:
        """
        A body in gzip, in deflate with and without zlib's header, in one within the other or in none is what was meant.
        """
        text = b"text " * 100
        raw = zlib.compressobj(wbits=-15)
        body = {
            "gzip": gzip.compress(text),
            "x-gzip": gzip.compress(text),
            "deflate": zlib.compress(text),
            "raw deflate": raw.compress(text) + raw.flush(),
            "gzip, deflate": zlib.compress(gzip.compress(text)),
            "identity": text,
            "two members": gzip.compress(text[:50]) + gzip.compress(text[50:]),
        }[encoding]
        name = {"raw deflate": "deflate", "two members": "gzip"}.get(encoding, encoding)

        incoming = read(post(body, f"Content-Encoding: {name}"))[1].requests[0]

        assert (text, len(body), None) == (incoming.request.body, incoming.bytes_in, incoming.refusal)

    @pytest.mark.parametrize(
        ("body", "encoding", "status"),
        [
            (gzip.compress(bytes(MAX_BODY_BYTES + 1)), "gzip", 413),
            (gzip.compress(gzip.compress(bytes(MAX_BODY_BYTES + 1))), "gzip, gzip", 413),
            (gzip.compress(b"text")[:-9], "gzip", 400),
            (b"no gzip", "gzip", 400),
            (b"text", "br", 415),
        ],
        ids=["bomb", "bomb in a bomb", "broken off", "not compressed", "unknown"],
    )
    def test_what_cannot_be_undone_is_refused(self, body: bytes, encoding: str, status: int) -> None:
        """
        A bomb, a broken body and an unknown encoding are refused as such, and the connection goes on.
        """
        reader, heard = read(post(body, f"Content-Encoding: {encoding}"), post(b"next"))
        refusal = heard.requests[0].refusal

        assert refusal is not None
        assert status == refusal.status
        assert b"" == heard.requests[0].request.body
        assert (False, b"next") == (reader.deaf, heard.requests[1].request.body)

    def test_the_largest_body_passes(self) -> None:
        """
        A body of exactly 32 MiB is read, compressed or not.
        """
        body = bytes(MAX_BODY_BYTES)

        plain = read(post(body))[1].requests[0]
        packed = read(post(gzip.compress(body), "Content-Encoding: gzip"))[1].requests[0]

        assert plain.request.body == packed.request.body == body


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"\x16\x03\x01\x02\x00 a TLS hello", 400),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), 413),
            (b"GET /" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nX: " + b"a" * (MAX_HEAD_BYTES + SLICE_BYTES), 431),
            (b"GET / HTTP/1.1\r\n" + b"a:\r\n" * MAX_HEAD_BYTES + b"\r\n", 431),
        ],
    )
    def test_what_cannot_be_read_is_refused_once(self, data: bytes, status: int) -> None:
        """
        It gets one refusal with the right status, and nothing behind it is read.
        """
        reader, heard = read(data, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        assert [status] == [incoming.refusal.status for incoming in heard.requests if incoming.refusal]
        assert 1 == len(heard.requests)
        assert reader.deaf
        assert not heard.requests[0].keep_alive

    def test_a_chunked_body_that_grows_too_large_is_refused(self) -> None:
        """
        A body without an announced length is refused as soon as it is larger than 32 MiB, and no more of it is kept.
        """
        heard = Heard()
        reader = RequestReader(heard)
        reader.feed(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + bytes(0x100000) + b"\r\n"
        for _ in range(33):
            reader.feed(chunk)

        assert [413] == [incoming.refusal.status for incoming in heard.requests if incoming.refusal]

    @given(st.lists(st.binary(max_size=200), max_size=20))
    def test_any_bytes_are_read_or_refused(self, pieces: list[bytes]) -> None:
        """
        Whatever comes, the reader tells of requests in order and never raises.
        """
        _, heard = read(*pieces)

        assert heard.told.count("begun") >= heard.told.count("came")
        assert len(heard.requests) == heard.told.count("came")
