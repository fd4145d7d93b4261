from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
import virtual
from rawsocket import Heard, RawSocket, chat
from scripted import CHUNKED, asked, until

from brownout.fakes.clock import RealClock
from brownout.fakes.journal import Exchange
from brownout.fakes.player import FIRST_LOOK
from brownout.fakes.script import Close, End, Hang, Head, Op, Raw, Reset, Send, Wait
from brownout.fakes.server import FakeServer

Run = Callable[[Any], Any]

STREAM = Head(200, CHUNKED)
TOTAL_RETRANSMITS = 100
"""Where Linux has it in its `tcp_info`."""


def heard_and_written(
    run: Run, *ops: Op, request: bytes | None = None, silence: float = 20.0
) -> tuple[Heard, Exchange]:
    """What came of a script on the wire, and what the journal has of it."""

    async def ask() -> tuple[Heard, Exchange]:
        async with asked(*ops, request=request) as (server, raw):
            heard = await raw.hear(silence)
            heard.segments -= sent_again(server)
        return heard, server.journal[0]

    return run(ask())  # type: ignore[no-any-return]  # the fixture runs anything


def sent_again(server: FakeServer) -> int:
    """How many segments the kernel has sent once more, because a busy machine was late to acknowledge them."""
    sockets = [connection.transport.get_extra_info("socket") for connection in server.connections]
    states = [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TOTAL_RETRANSMITS + 4) for one in sockets]
    return sum(struct.unpack_from("I", state, TOTAL_RETRANSMITS)[0] for state in states)


def stalled(server: FakeServer) -> bool:
    """Whether the player waits for a client that does not read."""
    player = next(iter(server.connections))._player
    return player is not None and (player._paused or player._look > FIRST_LOOK)


class TestSegments:
    def test_each_send_is_a_segment_of_its_own(self, run: Run) -> None:
        """
        A hundred sends of one byte without any wait between them come in a hundred segments, and the first one brings
        the head.
        """
        ops = [STREAM, *(Send(b"x") for _ in range(100)), End()]

        heard, exchange = heard_and_written(run, *ops)

        assert 101 == heard.segments
        assert [b"x"] * 100 == heard.chunks[:-1]
        assert 101 == len(exchange.pieces)

    def test_a_client_that_does_not_read_joins_no_segments(self, run: Run) -> None:
        """
        Segments stay what they are when more are on their way than TCP sends without an acknowledgement.
        """

        async def ask() -> int:
            async with asked(STREAM, *(Send(b"y") for _ in range(60)), End()) as (server, raw):
                await until(lambda: server.journal and server.journal[0].ended)
                return raw._segments() - sent_again(server)

        assert 61 == run(ask())


class TestSchedule:
    def test_waits_add_up_whatever_the_pieces_cost(self) -> None:
        """
        Each piece is due when the waits before it are over, and in virtual time leaves just then.
        """
        ops = [Wait(1), STREAM, Wait(2), Send(b"a"), Wait(0.5), Send(b"b"), End()]

        async def ask() -> Exchange:
            async with asked(*ops, clock=virtual.VirtualClock()) as (server, raw):
                await raw.hear()
            return server.journal[0]

        exchange = virtual.run(ask())
        start = exchange.request_complete or 0
        due = [(piece.scheduled - start) / 1e9 for piece in exchange.pieces]
        left = [(piece.actual - start) / 1e9 for piece in exchange.pieces]

        assert [1.0, 3.0, 3.5, 3.5] == pytest.approx(due, abs=0.01)
        assert due == pytest.approx(left, abs=0.01)
        assert ["head", "body", "body", "end"] == [piece.part for piece in exchange.pieces]

    def test_the_head_leaves_before_a_wait_and_with_the_body_otherwise(self, run: Run) -> None:
        """
        A wait between head and body makes two segments of them; without one they are one.
        """
        whole = Head(200, (("content-length", "2"),))

        apart, _ = heard_and_written(run, whole, Wait(0.01), Send(b"ok"), End())
        together, _ = heard_and_written(run, whole, Send(b"ok"), End())

        assert (2, 1) == (apart.segments, together.segments)


class FastClock(RealClock):
    """Target time that passes twenty times as fast as the loop's own."""

    rate = 20.0

    def nanoseconds(self) -> int:
        """Twenty for one."""
        return round(super().nanoseconds() * self.rate)

    def call_later(self, seconds: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Twenty times as soon."""
        return super().call_later(seconds / self.rate, callback, *args)


class TestRates:
    def test_a_script_keeps_to_target_time(self, run: Run) -> None:
        """
        On a clock that runs fast the waits are as long as they say in its time, and a reset still loses nothing.
        """

        async def ask() -> tuple[Heard, Exchange]:
            ops = [Wait(0.5), STREAM, *([Wait(0.1), Send(b"a" * 500)] * 20), Reset()]
            async with asked(*ops, clock=FastClock()) as (server, raw):
                heard = await raw.hear()
            return heard, server.journal[0]

        heard, exchange = run(ask())
        start = exchange.pieces[0].scheduled

        assert [round(number * 0.1 * 1e9) for number in range(21)] == [p.scheduled - start for p in exchange.pieces]
        assert heard.seconds < 2.5
        assert ("reset", exchange.bytes_out) == (heard.how, len(heard.data))


class TestEnds:
    def test_reset_loses_nothing_that_was_sent_before(self, run: Run) -> None:
        """
        A client that begins to read only after the reset gets all bytes sent before it, and then the reset.
        """

        async def ask() -> tuple[Heard, Exchange]:
            async with asked(STREAM, *(Send(b"z" * 999) for _ in range(50)), Reset()) as (server, raw):
                await until(lambda: server.journal and server.journal[0].ended)
                heard = await raw.hear()
            return heard, server.journal[0]

        heard, exchange = run(ask())

        assert "reset" == heard.how
        assert exchange.bytes_out == len(heard.data)
        assert ("reset", 50) == (exchange.ended, len(heard.chunks))

    def test_reset_waits_for_a_client_that_does_not_read(self, run: Run) -> None:
        """
        More than the buffers hold is sent before a reset; the reset comes when the client has taken it all.
        """

        async def ask() -> tuple[Heard, Exchange]:
            ops = [STREAM, *(Send(b"z" * 65536) for _ in range(64)), Reset()]
            async with asked(*ops, receive_buffer=8192) as (server, raw):
                await until(lambda: server.connections and stalled(server))
                heard = await raw.drain()
            return heard, server.journal[0]

        heard, exchange = run(ask())

        assert ("reset", "reset") == (heard.how, exchange.ended)
        assert exchange.bytes_out == len(heard.data)
        assert 64 == len(heard.chunks)

    def test_close_is_a_fin_even_when_the_client_has_sent_more(self, run: Run) -> None:
        """
        A client whose next bytes nobody reads gets everything and a FIN, never a reset.
        """

        async def ask() -> list[Heard]:
            async with asked(STREAM, Send(b"a"), Wait(0.02), Close()) as (_, raw):
                await raw.send(b"POST /unread HTTP/1.1\r\nHost: a\r\ncontent-length: 1000000\r\n\r\n" + b"u" * 100_000)
                heard = [await raw.hear()]
                await raw.send(b"u" * 100_000)
                heard.append(await raw.hear())
            return heard

        first, second = run(ask())

        assert ("fin", [b"a"]) == (first.how, first.chunks)
        assert ("fin", b"") == (second.how, second.data)

    def test_a_closed_connection_is_given_up_when_the_client_stays(self) -> None:
        """
        Ten seconds after its FIN the fake stops waiting for the client to leave as well.
        """

        async def ask() -> float | None:
            async with asked(STREAM, Close(), clock=virtual.VirtualClock()) as (server, raw):
                await raw.hear()
                await asyncio.sleep(60)
                arrival, exchange = server.arrivals[0], server.journal[0]
                return ((arrival.closed or 0) - (exchange.finished or 0)) / 1e9

        assert 10.0 == pytest.approx(virtual.run(ask()), abs=0.1)

    def test_end_keeps_the_connection(self, run: Run) -> None:
        """
        After a proper end the same connection serves the next request.
        """

        async def ask() -> list[Heard]:
            async with asked(STREAM, Send(b"a"), End()) as (server, raw):
                heard = [await raw.hear()]
                await raw.send(chat(server.fake))
                heard.append(await raw.hear())
                assert 1 == len(server.arrivals)
            return heard

        assert ["open", "open"] == [heard.how for heard in run(ask())]

    @pytest.mark.parametrize(
        ("announced", "how", "ended"), [(1, "fin", "closed"), (2, "open", "complete"), (3, "fin", "closed")]
    )
    def test_a_wrong_content_length_costs_the_connection(self, run: Run, announced: int, how: str, ended: str) -> None:
        """
        A body shorter or longer than announced ends with a FIN: the next answer is never taken for a part of it.
        """
        heard, exchange = heard_and_written(run, Head(200, (("content-length", str(announced)),)), Send(b"ab"), End())

        assert (how, b"ab", ended) == (heard.how, heard.raw_body, exchange.ended)

    def test_hang_is_silence_until_the_client_leaves(self, run: Run) -> None:
        """
        After a hang nothing comes, the connection stays, and the journal has the moment at which the client left.
        """

        async def ask() -> tuple[Heard, Exchange]:
            async with asked(STREAM, Send(b"a"), Hang()) as (server, raw):
                heard = await raw.hear(0.05)
                assert "" == server.journal[0].ended
                raw.close()
                await until(lambda: server.journal[0].ended)
            return heard, server.journal[0]

        heard, exchange = run(ask())

        assert ("silence", [b"a"]) == (heard.how, heard.chunks)
        assert "hung" == exchange.ended
        assert exchange.client_closed is not None


class TestFraming:
    def test_http_1_0_gets_no_chunks(self, run: Run) -> None:
        """
        A stream to an HTTP/1.0 client is not chunked: the end of the connection ends it.
        """
        request = b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"

        heard, _ = heard_and_written(run, STREAM, Send(b"a"), Send(b"b"), End(), request=request)

        assert ("fin", b"ab") == (heard.how, heard.raw_body)
        assert "transfer-encoding" not in heard.headers

    @pytest.mark.parametrize(("asks", "how"), [("keep-alive", "open"), ("close", "fin")])
    def test_http_1_0_keeps_a_connection_only_when_asked(self, run: Run, asks: str, how: str) -> None:
        """
        An HTTP/1.0 client that asks for it keeps the connection, and is told so.
        """
        request = f"GET / HTTP/1.0\r\nconnection: {asks}\r\n\r\n".encode()
        whole = Head(200, (("content-length", "1"),))

        async def ask() -> tuple[Heard, Heard]:
            async with asked(whole, Send(b"a"), End(), request=request) as (_, raw):
                first = await raw.hear()
                return first, await raw.hear(0.05)

        first, second = run(ask())

        assert asks == first.headers["connection"]
        assert ("silence" if how == "open" else "fin") == second.how

    @pytest.mark.parametrize("status", [204, 304])
    def test_some_statuses_have_no_body(self, run: Run, status: int) -> None:
        """
        Nothing follows the head of a 204 or a 304, and the connection serves the next request.
        """

        async def ask() -> list[Heard]:
            async with asked(Head(status), Send(b"never"), End()) as (server, raw):
                heard = [await raw.hear(0.05)]
                await raw.send(chat(server.fake))
                return [*heard, await raw.hear(0.05)]

        assert [(status, b"")] * 2 == [(heard.status, heard.raw_body) for heard in run(ask())]

    def test_head_is_answered_without_a_body(self, run: Run) -> None:
        """
        The answer to HEAD has the headers of the whole answer and no byte of it.
        """
        request = b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n"
        whole = Head(200, (("content-length", "5"),))

        heard, exchange = heard_and_written(run, whole, Send(b"whole"), End(), request=request, silence=0.05)

        assert ("silence", "5", b"") == (heard.how, heard.headers["content-length"], heard.raw_body)
        assert "complete" == exchange.ended

    def test_raw_bytes_go_out_as_they_are(self, run: Run) -> None:
        """
        Raw bytes pass all framing, and the connection ends after them.
        """
        heard, exchange = heard_and_written(run, Raw(b"HTTP/1.1 200 OK\r\nx-"), Wait(0.01), Raw(b"y: z\r\n\r\n"), End())

        assert ("fin", {"x-y": "z"}) == (heard.how, heard.headers)
        assert "closed" == exchange.ended


class TestClients:
    @pytest.mark.slow
    def test_a_client_that_stops_reading_stops_the_script(self, run: Run) -> None:
        """
        Of eight megabytes only what the buffers hold is written while the client does not read; when it reads again,
        all of it comes, and the time between is in the journal.
        """

        async def ask() -> tuple[int, int, Heard, Exchange]:
            ops = [Head(200), *(Send(b"z" * 16384, "delta") for _ in range(512)), End()]
            async with asked(*ops, receive_buffer=8192) as (server, raw):
                await until(lambda: server.connections and stalled(server))
                exchange = server.journal[0]
                written = exchange.bytes_out
                buffered = next(iter(server.connections)).transport.get_write_buffer_size()
                heard = await raw.drain()
            return written, buffered, heard, exchange

        written, buffered, heard, exchange = run(ask())

        assert written < 6_000_000
        assert buffered <= 16384
        assert 512 * 16384 == len(heard.raw_body)
        assert "complete" == exchange.ended
        assert exchange.pieces[-1].actual > exchange.pieces[-1].scheduled

    @pytest.mark.slow
    def test_a_piece_larger_than_the_kernel_takes_comes_whole(self, run: Run) -> None:
        """
        One piece of sixteen megabytes waits for the client that does not read yet, then comes whole, and so does what
        follows it.
        """
        size = 16 * 1024 * 1024

        async def ask() -> tuple[Heard, Exchange]:
            async with asked(Head(200), Send(bytes(size)), Send(b"last"), End(), receive_buffer=65536) as (server, raw):
                await until(lambda: server.connections and stalled(server))
                assert "" == server.journal[0].ended
                heard = await raw.drain()
            return heard, server.journal[0]

        heard, exchange = run(ask())

        assert size + 4 == len(heard.raw_body)
        assert heard.data.endswith(b"\0last")
        assert "complete" == exchange.ended

    @pytest.mark.parametrize("leave", [RawSocket.close, RawSocket.finish, RawSocket.reset])
    @pytest.mark.parametrize("ops", [(Wait(3600),), (STREAM, Wait(3600)), (STREAM, Send(b"a"), Hang())])
    def test_a_client_that_leaves_is_noticed_at_once(
        self, run: Run, leave: Callable[[RawSocket], None], ops: tuple[Op, ...]
    ) -> None:
        """
        Before the head, in the stream or in a silence: the exchange is over when the client leaves, however it does.
        """

        async def ask() -> Exchange:
            async with asked(*ops, End()) as (server, raw):
                await until(lambda: server.journal and server.journal[0].script)
                leave(raw)
                await until(lambda: server.journal[0].ended)
                await until(lambda: not server.connections)
            return server.journal[0]

        exchange = run(ask())

        assert ("hung" if Hang() in ops else "client_left") == exchange.ended
        assert exchange.client_closed is not None
        assert exchange.finished is not None

    def test_a_client_that_leaves_while_it_does_not_read_is_noticed(self, run: Run) -> None:
        """
        Bytes that nobody takes do not hide that the client has left.
        """

        async def ask() -> Exchange:
            ops = [STREAM, *(Send(b"z" * 65536) for _ in range(128)), End()]
            async with asked(*ops, receive_buffer=8192) as (server, raw):
                await until(lambda: server.connections and stalled(server))
                raw.finish()
                await until(lambda: not server.connections)
            return server.journal[0]

        exchange = run(ask())

        assert "client_left" == exchange.ended
        assert exchange.client_closed is not None


class TestBrokenScripts:
    def test_a_script_that_raises_ends_its_exchange_only(self, run: Run) -> None:
        """
        What was sent before arrives, then a reset; the journal has the error; the next connection is served.
        """

        def broken() -> Any:
            yield STREAM
            yield Send(b"a")
            raise ZeroDivisionError("a fault's own fault")

        async def ask() -> tuple[Heard, Exchange, Heard]:
            async with asked() as (server, raw):
                await raw.hear()
                server.ops = broken()
                victim, next_one = RawSocket(server.port), RawSocket(server.port)
                await victim.connect()
                await victim.send(chat(server.fake))
                heard = await victim.hear()
                server.ops = [STREAM, End()]
                await next_one.connect()
                await next_one.send(chat(server.fake))
                after = await next_one.hear()
                victim.close()
                next_one.close()
            return heard, server.journal[1], after

        heard, exchange, after = run(ask())

        assert ("reset", [b"a"]) == (heard.how, heard.chunks)
        assert "stopped" == exchange.ended
        assert exchange.error.startswith("ZeroDivisionError: a fault's own fault (test_player.py:")
        assert "open" == after.how

    @pytest.mark.parametrize("op", [None, "send", Wait(float("nan")), Wait(float("inf"))])
    def test_what_is_no_operation_is_an_error(self, run: Run, op: Any) -> None:
        """
        A script that holds something else stops its exchange with an error.
        """
        heard, exchange = heard_and_written(run, op, Send(b"x"), End())

        assert "reset" == heard.how
        assert "stopped" == exchange.ended
        assert exchange.error

    def test_an_endless_script_starves_nobody(self, run: Run) -> None:
        """
        While a script without waits goes on for ever, other connections are served.
        """

        def endless() -> Any:
            yield STREAM
            while True:
                yield Send(b"x")

        async def ask() -> str:
            async with asked() as (server, raw):
                await raw.hear()
                server.ops = endless()
                greedy, other = RawSocket(server.port), RawSocket(server.port)
                await greedy.connect()
                await greedy.send(chat(server.fake))
                listening = asyncio.create_task(greedy.drain())
                await until(lambda: len(server.journal) == 2 and server.journal[1].pieces)
                server.ops = [STREAM, End()]
                await other.connect()
                await other.send(chat(server.fake))
                how = (await other.hear()).how
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                greedy.close()
                other.close()
            return how

        assert "open" == run(ask())
