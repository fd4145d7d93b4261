from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from brownout.fakes.clock import RealClock
from brownout.harness.history import Call
from brownout.harness.load.http_caller import call_service
from brownout.harness.load.wire import begun
from brownout.harness.target_file import HttpCall
from brownout.harness.targets.asking import Asking

WHOLE = b'{"choices":[{"message":{"content":"hello"},"finish_reason":"stop"}]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"delta":{"content":"hel"}}]}\n\n'


@contextmanager
def service(reply: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A service that answers one request with some bytes, and closes."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                data = b""
                while b"\r\n\r\n" not in data or not data.endswith(b"}"):
                    data += connection.recv(65536)
                heard.append(data)
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], heard
        thread.join()


def made(port: int, *, stream: bool = False) -> Call:
    """What came of a call to a service on that port."""
    call = begun("aaaaaa", "u1", stream=stream)
    http = HttpCall("", headers={"Authorization": "Bearer {user}"})
    asking = Asking(http, f"http://127.0.0.1:{port}/v1/chat/completions?a=1", {})
    call_service(asking, call, RealClock())
    return call


def chunked(data: bytes) -> bytes:
    """A chunk of a body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_a_whole_answer() -> None:
    """
    The caller asks as the target file says, and has the answer.
    """
    with service(HEAD % len(WHOLE) + WHOLE) as (port, heard):
        call = made(port)

    assert ("hello", "stop", None, 1) == (call.text, call.finish, call.error, call.ends)
    assert heard[0].startswith(b"POST /v1/chat/completions?a=1 HTTP/1.1\r\n")
    assert b"authorization: Bearer u1\r\n" in heard[0]


def test_a_streamed_answer_has_its_chunks() -> None:
    """
    Pieces are heard one by one, and what follows the end is not read.
    """
    with service(STREAM + chunked(EVENT) + chunked(EVENT) + chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n") as (port, _):
        call = made(port, stream=True)

    assert ("helhel", ["hel", "hel"], None) == (call.text, [chunk.text for chunk in call.chunks], call.error)


@pytest.mark.parametrize(
    ("reply", "stream", "partial"),
    [
        (b"", False, False),
        (HEAD % 1000 + WHOLE, False, False),
        (STREAM + chunked(EVENT), True, True),
    ],
)
def test_a_connection_that_breaks_is_a_cut(reply: bytes, stream: bool, partial: bool) -> None:
    """
    Without a reply, without the rest of one, or without the end of a stream the call ends as cut.
    """
    with service(reply) as (port, _):
        call = made(port, stream=stream)

    assert ("cut", partial) == (call.error, call.partial)


def test_nobody_there_is_a_refusal() -> None:
    """
    A port that nobody listens on takes no connection.
    """
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]

    assert "refused" == made(port).error


def test_a_service_behind_tls_is_called_by_tls() -> None:
    """
    An https address is called as such; what answers without is no connection.
    """
    call = begun("aaaaaa", "u1", stream=False)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def slam() -> None:
            listening.accept()[0].close()

        threading.Thread(target=slam, daemon=True).start()
        call_service(Asking(HttpCall(""), f"https://127.0.0.1:{port}/", {}), call, RealClock())

    assert "refused" == call.error
