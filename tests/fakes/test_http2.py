from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest
import rawhttp2
import rawsocket
import virtual
from compositions import Asked, answer_to, compositions, request_of, requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from languages import LANGUAGES
from rawhttp2 import RawHttp2, connected, serving
from scripted import ScriptedServer, until

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.connection import PREFACE
from brownout.fakes.fake import Fake
from brownout.fakes.faults import Fault
from brownout.fakes.faults.connection import HangBeforeHeaders, Refuse
from brownout.fakes.journal import Exchange
from brownout.fakes.reader import MAX_BODY_BYTES
from brownout.fakes.responder import Reply
from brownout.fakes.script import Close, End, Hang, Head, Op, Raw, Reset, ResetStream, Send, Wait
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

Run = Callable[[Any], Any]
CHAT = LANGUAGES["openai"]
HOW = {Close: "NO_ERROR", Reset: "INTERNAL_ERROR", Hang: "", End: "end"}


@asynccontextmanager
async def scripted(*ops: Op, **options: Any) -> AsyncIterator[tuple[ScriptedServer, RawHttp2]]:
    """A fake that plays the operations on every stream, and a connection to it."""
    server = ScriptedServer(Fake(http2=True))
    server.ops = ops
    await server.start()
    try:
        async with connected(server, **options) as raw:
            yield server, raw
    finally:
        await server.stop()


class TestGreeting:
    def test_one_port_speaks_both(self, run: Run) -> None:
        """
        The preface is understood in whatever pieces it comes, and without it HTTP/1.1 is spoken, POST included, which
        begins with the same letter.
        """

        async def ask() -> tuple[list[str], int | None]:
            async with serving() as server:
                raw = RawHttp2(server.port)
                await raw._loop.sock_connect(raw._socket, ("127.0.0.1", server.port))
                raw.wire.initiate_connection()
                for byte in raw.wire.data_to_send():
                    await raw.send(bytes([byte]))
                    await asyncio.sleep(0)
                await raw.over(await raw.ask(server))
                raw.close()
                plain = rawsocket.RawSocket(server.port)
                await plain.connect()
                await plain.send(b"P")
                await asyncio.sleep(0.01)
                await plain.send(rawsocket.chat(server.fake)[1:])
                heard = await plain.hear()
                plain.close()
                return [exchange.http for exchange in server.journal], heard.status

        assert (["2", "1.1"], 200) == run(ask())

    def test_who_speaks_http11_alone_refuses_the_preface(self, run: Run) -> None:
        """
        A fake without HTTP/2 takes the preface for a malformed request.
        """

        async def ask() -> Exchange:
            async with rawsocket.serving() as server:
                raw = rawsocket.RawSocket(server.port)
                await raw.connect()
                await raw.send(PREFACE)
                assert "fin" == (await raw.drain()).how
                raw.close()
                return server.journal[0]

        assert "malformed" == run(ask()).ended


class TestStreams:
    def test_many_are_answered_side_by_side(self, run: Run) -> None:
        """
        Fifty streams of one connection, each of which takes 100 ms, are over in far less than one after the other
        would be, each with its own words; the journal has one connection and a number for each stream.
        """

        async def ask() -> tuple[list[str], list[Exchange], float]:
            answer = Answer(words=3, pace=Pace(0.1, 0.0))
            async with serving(answer=answer) as server, connected(server) as raw:
                began = server.seconds()
                for number in range(50):
                    await raw.ask(server, stream=number % 2 == 0, text=f"[bo:call{number:02}]")
                await raw.over()
                return [stream.words for stream in raw.streams.values()], server.journal, server.seconds() - began

        words, journal, seconds = run(ask())

        assert [f"call{number:02}-1 call{number:02}-2 call{number:02}-3" for number in range(50)] == words
        assert {(1, "2")} == {(exchange.connection, exchange.http) for exchange in journal}
        assert list(range(1, 101, 2)) == [exchange.stream_id for exchange in journal]
        assert seconds < 2.5

    def test_a_head_asks_for_a_head(self, run: Run) -> None:
        """
        HEAD is answered by the head alone, which ends the stream.
        """

        async def ask() -> rawhttp2.Stream:
            async with scripted(Head(200, (("content-length", "3"),)), Send(b"abc"), End()) as (server, raw):
                request = replace(CHAT.request(server.fake, ""), method="HEAD")
                await raw.over(raw.put(request, CHAT))
                return raw.streams[1]

        stream = run(ask())

        assert ("end", b"", {"content-length": "3"}) == (stream.how, stream.body, stream.headers)

    def test_what_is_owed_is_not_ended(self, run: Run) -> None:
        """
        A body that is shorter than its length ends as a broken one does; without a length it ends as it is.
        """

        async def ask(length: str) -> tuple[str, str]:
            head = Head(200, (("content-length", length),) if length else ())
            async with scripted(head, Send(b"abc"), End()) as (server, raw):
                await raw.over(await raw.ask(server))
                await until(lambda: server.journal[0].ended)
                return raw.streams[1].how, server.journal[0].ended

        assert [("NO_ERROR", "closed"), ("end", "complete"), ("end", "complete")] == [
            run(ask(length)) for length in ("4", "3", "")
        ]

    @pytest.mark.parametrize(
        ("op", "error"),
        [
            (Raw(b"garbage"), "ValueError: a stream of HTTP/2 carries no bytes past its framing"),
            (ResetStream("NO_SUCH"), "ValueError: HTTP/2 has no error code NO_SUCH"),
        ],
        ids=["raw", "code"],
    )
    def test_what_cannot_be_played_says_so(self, run: Run, op: Op, error: str) -> None:
        """
        The stream breaks, the exchange is stopped and has the reason, and the connection lives.
        """

        async def ask() -> tuple[str, Exchange, str]:
            async with scripted(Head(200), Send(b"abc"), op, End()) as (server, raw):
                await raw.over(await raw.ask(server))
                await until(lambda: server.journal[0].ended)
                return raw.streams[1].how, server.journal[0], raw.how

        how, exchange, connection = run(ask())

        assert ("INTERNAL_ERROR", "stopped", "") == (how, exchange.ended, connection)
        assert exchange.error.startswith(error)


class TestWindows:
    def test_no_more_is_sent_than_the_window_takes(self, run: Run) -> None:
        """
        A client with a window of 10 bytes gets 10 and a script that waits; more window, more bytes; what has not left
        is not billed as sent. Another stream goes on meanwhile.
        """

        async def ask() -> list[tuple[int, str]]:
            body = bytes(range(100))
            async with scripted(Head(200), Send(body), Send(b"end"), End(), window=10, gives=False) as (server, raw):
                first = await raw.ask(server)
                seen = []
                for more in (0, 15, 75, 3):
                    if more:
                        raw.wire.increment_flow_control_window(more, first)
                        await raw.flush()
                    await raw.over(first, silence=0.05)
                    seen.append((len(raw.streams[first].body), raw.streams[first].how))
                    other = await raw.ask(server)
                    await raw.hear(lambda other=other: len(raw.streams[other].body) == 10)  # type: ignore[misc]
                assert body + b"end" == raw.streams[first].body
                assert "send 3 body" in server.journal[0].script
                assert server.journal[1].ended == ""
                return seen

        assert [(10, ""), (25, ""), (100, ""), (103, "end")] == run(ask())

    def test_a_larger_initial_window_lets_waiting_bytes_go(self, run: Run) -> None:
        """
        SETTINGS that widen every stream's window are obeyed, in the middle of a stream.
        """

        async def ask() -> tuple[int, bytes]:
            async with scripted(Head(200), Send(b"x" * 30), End(), window=10, gives=False) as (server, raw):
                await raw.ask(server)
                await raw.over(silence=0.05)
                before = len(raw.streams[1].body)
                raw.wire.update_settings({rawhttp2.h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1000})
                await raw.flush()
                await raw.over()
                return before, raw.streams[1].body

        assert (10, b"x" * 30) == run(ask())

    @pytest.mark.slow
    def test_a_client_that_stops_reading_stops_the_script(self, run: Run) -> None:
        """
        With windows to spare and nobody who reads, the script waits for the kernel, and goes on when somebody does.
        """

        async def ask() -> tuple[int, str, int]:
            pieces, size = 2000, 16000
            ops = (Head(200), *(Send(b"x" * size) for _ in range(pieces)), End())
            async with scripted(*ops, window=2**31 - 1) as (server, raw):
                raw.wire.increment_flow_control_window(2**31 - 1 - rawhttp2.WINDOW)
                await raw.ask(server)
                await until(lambda: server.journal and server.journal[0].script)
                played = -1
                while played != len(server.journal[0].script):
                    played = len(server.journal[0].script)
                    await asyncio.sleep(0.1)
                await raw.over()
                return played, raw.streams[1].how, len(raw.streams[1].body) - pieces * size

        played, how, difference = run(ask())

        assert played < 2000
        assert ("end", 0) == (how, difference)

    def test_large_requests_are_read(self, run: Run) -> None:
        """
        Several uploads of a megabyte at a time are given the windows that they need.
        """

        async def ask() -> list[int]:
            async with serving() as server, connected(server) as raw:
                for number in range(4):
                    await raw.ask(server, text=f"[bo:call0{number}]" + "x" * 2**20)
                await raw.over()
                return [exchange.bytes_in // 2**20 for exchange in server.journal]

        assert [1] * 4 == run(ask())


class TestRequests:
    def test_a_compressed_request_is_read(self, run: Run) -> None:
        """
        A gzipped request is answered, and the journal has its text and the bytes that came.
        """

        async def ask() -> tuple[rawhttp2.Stream, Exchange, bytes]:
            async with serving() as server, connected(server) as raw:
                request = CHAT.request(server.fake, "[bo:abc123]", headers=(("content-encoding", "gzip"),))
                packed = gzip.compress(request.body)
                await raw.over(raw.put(replace(request, body=packed), CHAT))
                assert server.journal[0].bytes_in == len(packed)
                return raw.streams[1], server.journal[0], request.body

        stream, exchange, body = run(ask())

        assert ("end", "abc123", body.decode()) == (stream.how, exchange.canary, exchange.request_body)

    @pytest.mark.slow
    def test_a_body_that_is_too_large_gets_the_providers_413(self, run: Run) -> None:
        """
        Beyond 32 MiB the provider's own 413 comes, and the client is told to stop, without an error.
        """

        async def ask() -> tuple[rawhttp2.Stream, Exchange]:
            async with serving() as server, connected(server) as raw:
                request = CHAT.request(server.fake, "")
                await raw.over(raw.put(replace(request, body=bytes(MAX_BODY_BYTES + 2**20)), CHAT))
                return raw.streams[1], server.journal[0]

        stream, exchange = run(ask())

        assert (413, {"message", "type", "param", "code"}) == (stream.status, set(json.loads(stream.body)["error"]))
        assert ("complete", "too_large") == (exchange.ended, exchange.trouble)

    def test_the_client_is_told_to_go_on(self, run: Run) -> None:
        """
        After a head that expects it comes 100, and after the body the answer.
        """

        async def ask() -> tuple[list[int], str]:
            async with serving() as server, connected(server) as raw:
                request = CHAT.request(server.fake, "", headers=(("expect", "100-continue"),))
                raw.streams[1] = rawhttp2.Stream(CHAT, streamed=False)
                raw.wire.send_headers(1, rawhttp2.head_of(request))
                told: list[int] = []
                note = raw._note

                def noted(event: Any) -> None:
                    if isinstance(event, rawhttp2.h2.events.InformationalResponseReceived):
                        told.append(int(dict(event.headers)[":status"]))
                    note(event)

                raw._note = noted  # type: ignore[method-assign]
                await raw.flush()
                await raw.hear(lambda: told)
                raw.wire.send_data(1, request.body, end_stream=True)
                await raw.flush()
                await raw.over()
                return told, raw.streams[1].how

        assert ([100], "end") == run(ask())

    def test_the_journal_has_the_host(self, run: Run) -> None:
        """
        What HTTP/2 calls the authority is the host that HTTP/1.1 has; a path that nobody knows is its 404.
        """

        async def ask() -> tuple[rawhttp2.Stream, Exchange]:
            async with serving() as server, connected(server) as raw:
                request = replace(CHAT.request(server.fake, ""), path="/nowhere", query="a=b")
                await raw.over(raw.put(request, CHAT))
                return raw.streams[1], server.journal[0]

        stream, exchange = run(ask())

        assert (404, "/nowhere?a=b", ("host", "provider")) == (
            stream.status,
            exchange.path,
            exchange.request_headers[0],
        )


class TestLeaving:
    def test_a_client_leaves_a_stream(self, run: Run) -> None:
        """
        RST_STREAM from the client ends its exchange as left, before the answer and within it, and no other.
        """

        async def ask() -> list[tuple[str, bool]]:
            async with scripted(Wait(0.05), Head(200), Send(b"a"), Wait(0.2), End()) as (server, raw):
                early, late, stays = [await raw.ask(server) for _ in range(3)]
                raw.wire.reset_stream(early, 8)
                await raw.flush()
                await raw.hear(lambda: raw.streams[late].body)
                raw.wire.reset_stream(late, 8)
                await raw.flush()
                await raw.over(stays)
                await until(lambda: all(exchange.ended for exchange in server.journal))
                return [(exchange.ended, exchange.client_closed is not None) for exchange in server.journal]

        assert [("client_left", True), ("client_left", True), ("complete", False)] == run(ask())

    def test_a_client_leaves_the_connection(self, run: Run) -> None:
        """
        Answers, hangs and half a request are over with it.
        """

        async def ask() -> list[str]:
            async with serving(HangBeforeHeaders()) as server:
                async with connected(server) as raw:
                    await raw.ask(server)
                    raw.wire.send_headers(3, rawhttp2.head_of(CHAT.request(server.fake, "")))
                    await raw.flush()
                    await until(lambda: len(server.journal) == 2)
                await until(lambda: not server.connections)
                return [exchange.ended for exchange in server.journal]

        assert ["hung", "client_left"] == run(ask())

    def test_a_client_that_says_goaway_still_gets_its_answers(self, run: Run) -> None:
        """
        GOAWAY from the client ends nothing that is open.
        """

        async def ask() -> str:
            async with (
                serving(answer=Answer(words=3, pace=Pace(0.1, 0.0))) as server,
                connected(server) as raw,
            ):
                await raw.ask(server)
                raw.wire.close_connection()
                raw.wire.state_machine.state = rawhttp2.h2.connection.ConnectionState.CLIENT_OPEN
                await raw.flush()
                await raw.over()
                return raw.streams[1].words

        assert "abc123-1 abc123-2 abc123-3" == run(ask())

    def test_a_fake_that_stops_leaves_nobody(self, run: Run) -> None:
        """
        Streams that are open end as stopped.
        """

        async def ask() -> tuple[str, str]:
            async with serving(HangBeforeHeaders()) as server, connected(server) as raw:
                await raw.ask(server)
                await until(lambda: server.journal and server.journal[0].script)
                await server.stop()
                return await raw.ended(), server.journal[0].ended

        assert "hung" == run(ask())[1]

    def test_a_closed_door_lets_streams_end(self, run: Run) -> None:
        """
        When connections are refused, one that is busy is told by GOAWAY, and closed behind its last answer.
        """

        async def ask() -> tuple[list[tuple[str, int]], str, str]:
            async with serving(answer=Answer(words=3, pace=Pace(0.1, 0.0))) as server, connected(server) as raw:
                await raw.ask(server)
                await until(lambda: server.journal and server.journal[0].script)
                await server.change(Weather((always(Refuse()),)))
                return raw.goaways, await raw.ended(), raw.streams[1].how

        assert ([("NO_ERROR", 1)], "fin", "end") == run(ask())


class TestGarbage:
    def test_it_ends_the_connection_and_is_journalled(self, run: Run) -> None:
        """
        A frame that is none gets GOAWAY with its error and a FIN; what was under way is malformed and has the reason.
        """

        async def ask(busy: bool) -> tuple[list[tuple[str, int]], str, list[Exchange]]:
            async with serving(HangBeforeHeaders()) as server, connected(server) as raw:
                if busy:
                    await raw.ask(server)
                    await until(lambda: server.journal and server.journal[0].script)
                await raw.send(b"\0\0\5\4\0\0\0\0\0hello")
                ended = await raw.ended()
                return raw.goaways, ended, server.journal

        for busy in (False, True):
            goaways, how, journal = run(ask(busy))

            assert ([("FRAME_SIZE_ERROR", int(busy))], "fin") == (goaways, how)
            assert ["hung" if busy else "malformed"] == [exchange.ended for exchange in journal]
            assert journal[0].error.startswith("malformed: ")

    @pytest.mark.slow
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_any_bytes_leave_the_server_alive(self, run: Run, data: st.DataObject) -> None:
        """
        Whatever follows the preface, the next client is answered, and every exchange in the journal has ended.
        """
        sent = data.draw(st.lists(st.binary(max_size=80) | frames(), max_size=8))

        async def tell() -> list[Exchange]:
            async with serving() as server:
                raw = rawsocket.RawSocket(server.port)
                await raw.connect()
                await raw.send(PREFACE + b"".join(sent))
                await raw.hear(0.001)
                raw.close()
                await until(lambda: not server.connections)
                assert await alive(server)
                return server.journal

        journal = run(tell())

        assert all(exchange.ended for exchange in journal)
        assert all(not exchange.error.startswith(("Assertion", "Type", "Attribute")) for exchange in journal)


async def alive(server: FakeServer) -> bool:
    """Whether a fake answers a fair request on a new connection."""
    async with connected(server) as raw:
        await raw.over(await raw.ask(server))
        return "abc123-6" in raw.streams[1].words


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """A frame that is right in its form, whatever it says; some say what a request would."""
    kind, stream = draw(st.integers(0, 10)), draw(st.sampled_from([0, 1, 1, 3, 5, 2, 2**31 - 1]))
    flags = draw(st.sampled_from([0, 1, 4, 5, 8, 32, 255]) | st.integers(0, 255))
    content = draw(
        st.binary(max_size=40) | st.sampled_from([HEADERS, b"\0\0\0\0", b"\0\3\0\0\0\1", b"\0\4\xff\xff\xff\xff"])
    )
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content


def _headers() -> bytes:
    client = rawhttp2.h2.connection.H2Connection()
    client.initiate_connection()
    client.data_to_send()
    client.send_headers(1, rawhttp2.head_of(CHAT.request(CHAT.fake(), "x")))
    return client.data_to_send()[rawhttp2.HEAD_OF_A_FRAME :]


HEADERS = _headers()


class TestInterleavings:
    @pytest.mark.slow
    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(1, 400)), min_size=1, max_size=8),
        st.integers(1, 3000),
        st.randoms(use_true_random=False),
    )
    def test_each_stream_ends_with_its_own_bytes(
        self, asked: list[tuple[bool, int, int]], window: int, random: Any
    ) -> None:
        """
        However requests are cut and mixed on the way up, and windows are given on the way down, each stream brings the
        answer to its own request, as long as it is, and a proper end.
        """

        async def ask() -> tuple[list[bytes], list[bytes]]:
            ops = tuple((Head(200), *_pieces(number, *what), End()) for number, what in enumerate(asked))
            async with scripted(window=window, gives=False) as (server, raw):
                server.reply = lambda exchange, request: _numbered(server, ops, request)  # type: ignore[assignment]
                bodies = {number: bytearray(f"{number}:".encode() * 50) for number in range(len(asked))}
                streams = [raw.wire.get_next_available_stream_id() + 2 * number for number in bodies]
                for number, stream in enumerate(streams):
                    raw.streams[stream] = rawhttp2.Stream(CHAT, streamed=False)
                    pseudo = {":method": "POST", ":scheme": "http", ":authority": "a", ":path": f"/{number}"}
                    raw.wire.send_headers(stream, list(pseudo.items()))
                while bodies:
                    number = random.choice(sorted(bodies))
                    piece = bytes(bodies[number][: random.randint(1, 60)])
                    del bodies[number][: len(piece)]
                    raw.wire.send_data(streams[number], piece, end_stream=not bodies[number])
                    if not bodies[number]:
                        del bodies[number]
                    if random.random() < 0.3:
                        await raw.flush()
                await raw.flush()
                while not await raw.over(silence=0.002):
                    for stream in (stream for stream in streams if not raw.streams[stream].how):
                        raw.wire.increment_flow_control_window(random.randint(1, 4000), stream)
                    raw.wire.increment_flow_control_window(random.randint(1, 9000))
                    await raw.flush()
                assert {"end"} == {stream.how for stream in raw.streams.values()}
                return [b"".join(op.data for op in script if isinstance(op, Send)) for script in ops], [
                    raw.streams[stream].body for stream in streams
                ]

        sent, came = asyncio.run(ask())

        assert sent == came


def _pieces(number: int, waits: bool, count: int, size: int) -> list[Op]:
    pieces: list[Op] = [Send(f"{number}/{piece} ".encode() * size) for piece in range(count)]
    return [op for piece in pieces for op in ([Wait(0.001), piece] if waits else [piece])]


def _numbered(server: ScriptedServer, ops: tuple[tuple[Op, ...], ...], request: Any) -> Any:
    number = int(request.path[1:])
    assert f"{number}:".encode() * 50 == request.body
    return Reply(ops[number])


class TestCompositions:
    @pytest.mark.slow
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(requests(), compositions(least=1))
    def test_it_plays_to_its_end(self, asked: Asked, composed: list[Fault]) -> None:
        """
        Whatever the faults, a stream brings its script's bytes and ends as the script does; where the connection takes
        more streams, the next one has its answer.
        """
        exchange, raw = virtual.run(_play(asked, composed))
        stream = raw.streams[1]
        ended = exchange.script[-1].partition(" ")

        assert not exchange.error
        how = {"end": "end", "close": "NO_ERROR", "reset": "INTERNAL_ERROR", "hang": "", "turnaway": ""}
        assert how.get(ended[0], ended[2]) == stream.how
        body = sum(int(op.split()[1]) for op in exchange.script if op.startswith("send "))
        assert (0 if stream.status is None else body) == len(stream.body)
        assert bool(raw.goaways) == any(op in {"goaway", "turnaway"} for op in exchange.script)
        if not raw.goaways:
            assert ("end", 200) == (raw.streams[3].how, raw.streams[3].status)


async def _play(asked: Asked, composed: list[Fault]) -> tuple[Exchange, RawHttp2]:
    clock = virtual.VirtualClock()
    language = LANGUAGES[asked.language]
    async with (
        serving(*composed, answer=answer_to(asked), clock=clock, seed=asked.seed, language=language) as server,
        connected(server, clock=clock) as raw,
    ):
        request = request_of(asked, server.fake)
        raw.put(request, language)
        await raw.flush()
        await raw.over(1, silence=86400.0)
        if not raw.goaways:
            raw.put(request, language)
            await raw.flush()
            await raw.over(3, silence=86400.0)
        return server.journal[0], raw


class TestRealClients:
    @pytest.mark.parametrize("stream", [False, True])
    def test_httpx(self, run: Run, stream: bool) -> None:
        """
        Ten answers at a time come over one connection.
        """

        async def ask() -> tuple[list[tuple[str, bool]], int]:
            async with (
                serving() as server,
                httpx.AsyncClient(
                    http1=False, http2=True, base_url=server.url, headers=dict(CHAT.credentials(server.fake.keys[0]))
                ) as client,
            ):

                async def one(number: int) -> tuple[str, bool]:
                    body = CHAT.body(server.fake.model, f"[bo:call{number:02}]", stream=stream)
                    response = await client.post("/chat/completions", json=body)
                    words = CHAT.words(response.content, streamed=stream)
                    return response.http_version, words.endswith(f"call{number:02}-6")

                return await asyncio.gather(*(one(number) for number in range(10))), len(server.arrivals)

        assert ([("HTTP/2", True)] * 10, 1) == run(ask())

    @pytest.mark.parametrize("stream", [False, True])
    def test_the_official_client(self, run: Run, stream: bool) -> None:
        """
        OpenAI's own client reads a fair answer, over a client of HTTP/2.
        """

        async def ask() -> tuple[str, str]:
            async with serving() as server:
                async with openai.AsyncOpenAI(
                    base_url=server.url,
                    api_key=server.fake.keys[0],
                    http_client=openai.DefaultAsyncHttpxClient(http1=False, http2=True),
                ) as client:
                    said = await _said(client, stream=stream)
                return said, server.journal[0].http

        assert ("abc123-1 abc123-2 abc123-3 abc123-4 abc123-5 abc123-6", "2") == run(ask())


async def _said(client: openai.AsyncOpenAI, *, stream: bool) -> str:
    prompt: Any = [{"role": "user", "content": "[bo:abc123]"}]
    if not stream:
        whole = await client.chat.completions.create(model="gpt-4o-mini", messages=prompt)
        return whole.choices[0].message.content or ""
    said = ""
    async for chunk in await client.chat.completions.create(model="gpt-4o-mini", messages=prompt, stream=True):
        said += "".join(choice.delta.content or "" for choice in chunk.choices)
    return said
