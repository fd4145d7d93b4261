from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
import virtual
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rawsocket import CANARY, Heard, RawSocket, chat, serving
from scripted import CHUNKED, asked, until

from brownout.fakes.connection import MAX_PIPELINED
from brownout.fakes.faults.connection import HangBeforeHeaders
from brownout.fakes.journal import Exchange
from brownout.fakes.reader import MAX_BODY_BYTES, MAX_HEAD_BYTES
from brownout.fakes.script import End, Head, Send, Wait
from brownout.fakes.server import FakeServer

Run = Callable[[Any], Any]


def told(run: Run, data: bytes, *, silence: float = 20.0, finish: bool = False) -> tuple[Heard, list[Exchange]]:
    """What a fair fake says to some bytes, and its journal."""

    async def tell() -> tuple[Heard, list[Exchange]]:
        async with serving() as server:
            raw = RawSocket(server.port)
            await raw.connect()
            await raw.send(data)
            if finish:
                raw.finish()
            heard = await raw.hear(silence)
            raw.close()
            await until(lambda: not server.connections)
            assert await alive(server)
        return heard, server.journal

    return run(tell())  # type: ignore[no-any-return]  # the fixture runs anything


async def alive(server: FakeServer) -> bool:
    """Whether a fake answers a fair request on a new connection; it leaves no trace in the journal."""
    raw = RawSocket(server.port)
    await raw.connect()
    await raw.send(chat(server.fake))
    heard = await raw.hear()
    raw.close()
    server.journal.pop()
    return heard.status == 200 and f"{CANARY}-6" in heard.words


def answers(data: bytes) -> list[bytes]:
    """The bodies of several answers, each with its `content-length`."""
    bodies = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        bodies.append(rest[:length])
        data = rest[length:]
    return bodies


class TestPipelining:
    def test_answers_come_in_the_order_of_the_requests(self, run: Run) -> None:
        """
        Twenty requests in one segment are answered one after the other, the last one closing the connection.
        """

        async def ask() -> list[bytes]:
            async with serving() as server:
                requests = [chat(server.fake, text=f"[bo:call{n:02}]") for n in range(20)]
                requests[-1] = requests[-1].replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
                raw = RawSocket(server.port)
                await raw.connect()
                await raw.send(b"".join(requests))
                heard = await raw.drain()
                raw.close()
                assert "fin" == heard.how
            return answers(heard.data)

        texts = [json.loads(body)["choices"][0]["message"]["content"] for body in run(ask())]

        assert [f"call{n:02}-1" for n in range(20)] == [text.split()[0] for text in texts]

    def test_a_request_waits_for_the_answer_before_it(self, run: Run) -> None:
        """
        Behind an answer that never comes nothing is answered, and all of it is in the journal when the client leaves.
        """

        async def ask() -> tuple[Heard, list[Exchange]]:
            async with serving(HangBeforeHeaders()) as server:
                raw = RawSocket(server.port)
                await raw.connect()
                await raw.send(
                    chat(server.fake) + chat(server.fake, text="[bo:second]") + b"GET / HTTP/1.1\r\nhalf: of"
                )
                heard = await raw.hear(0.05)
                raw.close()
                await until(lambda: not server.connections)
            return heard, server.journal

        heard, journal = run(ask())

        assert "silence" == heard.how
        assert ["hung", "client_left", "client_left"] == [exchange.ended for exchange in journal]
        assert [True] * 3 == [exchange.client_closed is not None for exchange in journal]
        assert ("GET", "/") == (journal[2].method, journal[2].path)
        assert (None, None) == (journal[2].request_head, journal[2].request_complete)

    def test_more_than_a_hundred_waiting_requests_are_not_read(self, run: Run) -> None:
        """
        Who pipelines without end is answered as far as he was read, and the connection is closed.
        """
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        whole = Head(200, (("content-length", "1"),))

        async def ask() -> list[bytes]:
            async with asked(Wait(0.002), whole, Send(b"a"), End(), request=request * (MAX_PIPELINED * 3)) as (_, raw):
                heard = await raw.drain()
                assert "fin" == heard.how
            return answers(heard.data)

        assert MAX_PIPELINED <= len(run(ask())) <= MAX_PIPELINED + 2


class TestContinue:
    def test_the_client_is_told_to_go_on_once(self, run: Run) -> None:
        """
        After a head that expects it comes 100 Continue, exactly once, and after the body the answer.
        """

        async def ask() -> tuple[bytes, Heard]:
            async with serving() as server:
                head, _, body = chat(server.fake, headers="Expect: 100-continue\r\n").partition(b"\r\n\r\n")
                raw = RawSocket(server.port)
                await raw.connect()
                await raw.send(head + b"\r\n\r\n")
                first = await raw._loop.sock_recv(raw._socket, 65536)
                await raw.send(body)
                heard = await raw.hear()
                raw.close()
            return first, heard

        first, heard = run(ask())

        assert b"HTTP/1.1 100 Continue\r\n\r\n" == first
        assert (200, "open") == (heard.status, heard.how)

    def test_it_waits_for_the_answer_before_it(self, run: Run) -> None:
        """
        Behind another request, 100 Continue comes after that one's answer and never within it.
        """

        async def ask() -> bytes:
            async with serving() as server:
                head, _, _ = chat(server.fake, headers="Expect: 100-continue\r\n").partition(b"\r\n\r\n")
                raw = RawSocket(server.port)
                await raw.connect()
                await raw.send(chat(server.fake) + head + b"\r\n\r\n")
                data = b""
                while not data.endswith(b"HTTP/1.1 100 Continue\r\n\r\n"):
                    data += await raw._loop.sock_recv(raw._socket, 65536)
                raw.close()
            return data

        assert [1, 1] == [run(ask()).count(line) for line in (b"HTTP/1.1 200 OK", b"HTTP/1.1 100 Continue")]


class TestBodies:
    def test_a_compressed_request_is_read(self, run: Run) -> None:
        """
        A gzipped request is answered, and the journal has its text and the bytes that came.
        """

        async def ask() -> tuple[Heard, Exchange]:
            async with serving() as server:
                head, _, body = chat(server.fake).partition(b"\r\n\r\n")
                packed = gzip.compress(body)
                head = head.replace(f"content-length: {len(body)}".encode(), f"content-length: {len(packed)}".encode())
                raw = RawSocket(server.port)
                await raw.connect()
                await raw.send(head + b"\r\ncontent-encoding: gzip\r\n\r\n" + packed)
                heard = await raw.hear()
                raw.close()
                assert server.journal[0].bytes_in == len(packed)
                assert server.journal[0].request_body == body.decode()
            return heard, server.journal[0]

        heard, exchange = run(ask())

        assert (200, CANARY) == (heard.status, exchange.canary)

    @pytest.mark.slow
    @pytest.mark.parametrize("announced", [True, False])
    def test_a_body_that_is_too_large_gets_the_providers_413(self, run: Run, announced: bool) -> None:
        """
        Beyond 32 MiB the provider's own 413 comes, at once where the length was announced, and the client that goes on
        sending sees it and a FIN, no reset.
        """

        async def ask() -> tuple[Heard, Exchange]:
            async with serving() as server:
                raw = RawSocket(server.port)
                await raw.connect()
                framing = f"content-length: {MAX_BODY_BYTES + 1}" if announced else "transfer-encoding: chunked"
                await raw.send(f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode())
                for _ in range(33 if not announced else 3):
                    await raw.send(
                        (b"" if announced else b"100000\r\n") + bytes(0x100000) + (b"" if announced else b"\r\n")
                    )
                heard = await raw.drain()
                raw.close()
                assert await alive(server)
            return heard, server.journal[0]

        heard, exchange = run(ask())

        assert ("fin", 413) == (heard.how, heard.status)
        assert {"message", "type", "param", "code"} == set(heard.json["error"])
        assert ("complete", "too_large", 0) == (exchange.ended, exchange.trouble, exchange.microdollars)


class TestMalformed:
    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"\x16\x03\x01\x02\x00\x01\x00 a TLS hello", 400),
            (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES * 2, 431),
        ],
    )
    def test_it_is_answered_journalled_and_closed(self, run: Run, data: bytes, status: int) -> None:
        """
        A request that is no HTTP gets its status, a FIN and a journal entry with the reason, and costs nobody else.
        """
        heard, journal = told(run, data)
        exchange = journal[0]

        assert (status, "close") == (heard.status, heard.headers["connection"])
        assert (status, "malformed") == (exchange.status, exchange.ended)
        assert exchange.error
        assert 1 == len(journal)

    def test_it_waits_for_the_answers_before_it(self, run: Run) -> None:
        """
        Garbage behind a good request does not cost that request its answer.
        """

        async def ask() -> list[str]:
            async with serving() as server:
                raw = RawSocket(server.port)
                await raw.connect()
                await raw.send(chat(server.fake) + b"garbage\r\n\r\n")
                heard = await raw.drain()
                raw.close()
                assert heard.data.index(b"HTTP/1.1 200 OK") < heard.data.index(b"HTTP/1.1 400 Bad Request")
            return [exchange.ended for exchange in server.journal]

        assert ["complete", "malformed"] == run(ask())

    def test_a_head_that_does_not_end_is_given_a_minute(self) -> None:
        """
        Sixty seconds of target time after its first byte, however many more trickle in, a head gets its 408.
        """

        async def ask() -> tuple[Heard, Exchange]:
            clock = virtual.VirtualClock()
            async with serving(clock=clock) as server:
                raw = RawSocket(server.port, clock)
                await raw.connect()
                await asyncio.sleep(300)
                assert 1 == len(server.connections)
                listening = asyncio.create_task(raw.hear(1000))
                await raw.send(b"GET / HTTP/1.1\r\n")
                for _ in range(5):
                    await asyncio.sleep(11)
                    await raw.send(b"x: y\r\n")
                heard = await listening
                raw.close()
                assert await alive(server)
            return heard, server.journal[0]

        heard, exchange = virtual.run(ask())

        assert 408 == heard.status
        assert 60.0 == pytest.approx(((exchange.finished or 0) - exchange.started) / 1e9, abs=0.2)
        assert "malformed" == exchange.ended

    @pytest.mark.slow
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=80),
                st.sampled_from(
                    [
                        b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n",
                        b"GET /v1/models HTTP/1.0\r\n",
                        b"HEAD / HTTP/1.1\r\nHost: a\r\n",
                        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n",
                        b"Content-Length: 3\r\n",
                        b"Transfer-Encoding: chunked\r\n",
                        b"Content-Encoding: gzip\r\n",
                        b"Expect: 100-continue\r\n",
                        b"Connection: upgrade\r\nUpgrade: h2c\r\n",
                        b"Authorization: Bearer x\r\n",
                        b"\r\n",
                        b"{}",
                        b'{"model": "\\ud800", "messages": [{"role": 5, "content": [null]}]}',
                        b"3\r\nabc\r\n0\r\n\r\n",
                    ]
                ),
            ),
            max_size=12,
        )
    )
    def test_any_bytes_leave_the_server_alive(self, run: Run, pieces: list[bytes]) -> None:
        """
        Whatever is sent, the next client is answered, and the journal of it can be written and read.
        """
        _, journal = told(run, b"".join(pieces), silence=0.001)

        assert all(exchange.ended for exchange in journal)
        assert all(not exchange.error.startswith(("Assertion", "Type", "Attribute")) for exchange in journal)


class TestIdleConnections:
    def test_an_idle_connection_stays(self) -> None:
        """
        In fair weather a connection is kept for as long as the client keeps it.
        """

        async def ask() -> str:
            clock = virtual.VirtualClock()
            async with serving(clock=clock) as server:
                raw = RawSocket(server.port, clock)
                await raw.connect()
                for _ in range(2):
                    await raw.send(chat(server.fake))
                    how = (await raw.hear()).how
                    await asyncio.sleep(86400)
                raw.close()
            return how

        assert "open" == virtual.run(ask())


class TestLeaving:
    def test_nothing_is_left_of_a_stopped_fake(self, run: Run) -> None:
        """
        When a fake has stopped, its port is free, no task and no connection is left; what was under way is `stopped`.
        """

        async def ask() -> list[str]:
            async with asked(Head(200, CHUNKED), Send(b"a"), Wait(3600), End()) as (server, _):
                idle = RawSocket(server.port)
                await idle.connect()
                half = RawSocket(server.port)
                await half.connect()
                await half.send(b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 9\r\n\r\nhalf")
                await until(lambda: len(server.arrivals) == 3 and len(server.journal) == 2)
                await until(lambda: server.journal[0].pieces)
                await server.stop()
                assert {asyncio.current_task()} == asyncio.all_tasks()
                assert not server.connections
                again = RawSocket(server.port)
                with pytest.raises(ConnectionRefusedError):
                    await again.connect()
                for one in (idle, half, again):
                    one.close()
            assert all(arrival.closed is not None for arrival in server.arrivals)
            return [exchange.ended for exchange in server.journal]

        assert ["stopped", "stopped"] == run(ask())
