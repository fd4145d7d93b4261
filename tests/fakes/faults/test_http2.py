"""Faults of HTTP/2, and what the others come to on a stream, certified by frames on a plain socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, Literal

import pytest
import rawhttp2
import rawsocket
import virtual
from languages import WRITING, Language
from scripted import until

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.faults import AnyFault, Fault
from brownout.fakes.faults.connection import (
    CloseBeforeHeaders,
    Cut,
    HangAfterHeaders,
    HangBeforeHeaders,
    ResetBeforeHeaders,
    ResetOnAccept,
    StaleConnections,
)
from brownout.fakes.faults.headers import SetHeader
from brownout.fakes.faults.http2 import Goaway, RefuseStream, StreamError, WithholdWindow
from brownout.fakes.faults.replies import RateLimited
from brownout.fakes.faults.segments import JoinedFrames, SplitBytes
from brownout.fakes.faults.timing import Stall
from brownout.fakes.journal import Exchange
from brownout.fakes.weather import Weather

Run = Callable[[Coroutine[Any, Any, Any]], Any]
Play = Callable[..., rawhttp2.Played]
SLOW = Answer(words=6, pace=Pace(0.2, 0.0))
LARGE = "x" * 3 * rawhttp2.WINDOW


@pytest.fixture(params=rawsocket.LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine on one of the event loops."""

    def running(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=rawsocket.LOOPS[request.param]) as runner:
            return runner.run(coroutine)

    return running


@pytest.fixture
def play(run: Run) -> Play:
    """Ask a real server over a real socket, while faults are in force."""
    return lambda *faults, **options: run(rawhttp2.play(*faults, **options))  # type: ignore[no-any-return]


class TestRefuseStream:
    @pytest.mark.parametrize("stream", [False, True])
    def test_the_stream_is_refused_and_the_next_is_served(self, play: Play, stream: bool) -> None:
        """
        RST_STREAM REFUSED_STREAM comes before any header, without GOAWAY, and a second stream has its answer.
        """
        played = play(RefuseStream(), stream=stream)

        assert ("REFUSED_STREAM", None, b"") == (played.stream.how, played.stream.status, played.stream.body)
        assert ("refused", ("refuse_stream",), 0) == (
            played.exchange.ended,
            played.exchange.faults,
            played.exchange.microdollars,
        )
        assert ("", []) == (played.how, played.goaways)
        assert played.after is not None
        assert "abc123-6" in played.after.words

    def test_it_comes_at_once(self) -> None:
        """
        What is not processed takes no time.
        """
        clock = virtual.VirtualClock()
        played = virtual.run(rawhttp2.play(RefuseStream(), clock=clock, answer=Answer(pace=Pace(30.0, 0.0))))

        assert played.exchange.end_seconds - played.exchange.start_seconds < 1.0


class TestGoaway:
    def test_what_was_not_processed_is_above_the_last_stream(self, play: Play) -> None:
        """
        The first request of a connection meets GOAWAY with last stream 0, nothing else on its stream, and a FIN.
        """
        played = play(Goaway(), silence=0.5)

        assert ([("NO_ERROR", 0)], "fin") == (played.goaways, played.how)
        assert ("", None, b"") == (played.stream.how, played.stream.status, played.stream.body)
        assert ("refused", ("goaway",)) == (played.exchange.ended, played.exchange.faults)
        assert (None, 0, False) == (
            played.exchange.status,
            played.exchange.microdollars,
            played.exchange.sent_whole,
        )

    def test_what_was_answered_before_stays_processed(self, run: Run) -> None:
        """
        After an answered stream, GOAWAY names that one.
        """

        async def ask() -> tuple[list[tuple[str, int]], str]:
            async with rawhttp2.serving() as server, rawhttp2.connected(server) as raw:
                await raw.over(await raw.ask(server))
                await server.change(Weather((rawhttp2.always(Goaway()),)))
                await raw.ask(server)
                ended = await raw.ended()
                return raw.goaways, ended

        assert ([("NO_ERROR", 1)], "fin") == run(ask())

    def test_streams_in_flight_are_answered_to_their_end(self, run: Run) -> None:
        """
        A stream that began before is answered whole after GOAWAY; the FIN comes behind its end.
        """

        async def ask() -> tuple[rawhttp2.RawHttp2, list[Exchange]]:
            async with rawhttp2.serving(answer=SLOW) as server, rawhttp2.connected(server) as raw:
                await raw.ask(server)
                await until(lambda: server.journal and server.journal[0].script)
                await server.change(Weather((rawhttp2.always(Goaway()),)))
                await raw.ask(server)
                await raw.ended()
                return raw, server.journal

        raw, journal = run(ask())

        assert ([("NO_ERROR", 1)], "fin") == (raw.goaways, raw.how)
        assert ("end", "") == (raw.streams[1].how, raw.streams[3].how)
        assert "abc123-6" in raw.streams[1].words
        assert ["complete", "refused"] == [exchange.ended for exchange in journal]

    def test_what_comes_behind_goaway_is_not_processed(self, run: Run) -> None:
        """
        Streams that the client opens after it, or is still sending, are journalled as refused, get nothing, and cost
        nothing.
        """

        async def ask() -> tuple[rawhttp2.RawHttp2, list[Exchange]]:
            async with rawhttp2.serving(answer=SLOW) as server, rawhttp2.connected(server) as raw:
                await raw.ask(server, text="[bo:first1]")
                await until(lambda: server.journal and server.journal[0].script)
                await server.change(Weather((rawhttp2.always(Goaway()),)))
                half = raw.wire.get_next_available_stream_id()
                raw.streams[half] = rawhttp2.Stream(raw.streams[1].language, streamed=False)
                pseudo = {":method": "POST", ":scheme": "http", ":authority": "a", ":path": "/half"}
                raw.wire.send_headers(half, list(pseudo.items()))
                await raw.flush()
                await raw.ask(server, text="[bo:second]")
                await raw.ask(server, text="[bo:third3]")
                await raw.ended()
                return raw, server.journal

        raw, journal = run(ask())

        assert [("NO_ERROR", 1)] == raw.goaways
        assert ["end", "", "", ""] == [stream.how for stream in raw.streams.values()]
        assert ["complete", "refused", "refused", "refused"] == [exchange.ended for exchange in journal]
        assert ["first1", None, "second", "third3"] == [exchange.canary for exchange in journal]
        assert "/half" == journal[1].path
        assert {("goaway",)} == {exchange.faults for exchange in journal[1:]}
        assert [0, 0, 0] == [exchange.microdollars for exchange in journal[1:]]

    def test_below_a_stream_that_is_answered_it_takes_a_word_more(self, run: Run) -> None:
        """
        A request that was uploaded slowly and is turned away lies below one that is being answered: GOAWAY names that
        one, and RST_STREAM REFUSED_STREAM tells the slow one.
        """

        async def ask() -> rawhttp2.RawHttp2:
            async with rawhttp2.serving(answer=SLOW) as server, rawhttp2.connected(server) as raw:
                slow = rawhttp2.LANGUAGES["openai"].request(server.fake, "[bo:slowly]")
                number = raw.wire.get_next_available_stream_id()
                raw.streams[number] = rawhttp2.Stream(rawhttp2.LANGUAGES["openai"], streamed=False)
                raw.wire.send_headers(number, rawhttp2.head_of(slow))
                await raw.flush()
                await raw.ask(server)
                await until(lambda: len(server.journal) > 1 and server.journal[1].script)
                await server.change(Weather((rawhttp2.always(Goaway()),)))
                raw.wire.send_data(number, slow.body, end_stream=True)
                await raw.flush()
                await raw.ended()
                return raw

        raw = run(ask())

        assert [("NO_ERROR", 3)] == raw.goaways
        assert ("REFUSED_STREAM", "end") == (raw.streams[1].how, raw.streams[3].how)

    @pytest.mark.parametrize("stream", [False, True])
    def test_within_an_answer_it_stops_nothing(self, play: Play, stream: bool) -> None:
        """
        After pieces of the text comes GOAWAY that names the stream itself; the whole text and a proper end follow, and
        then a FIN.
        """
        played = play(Goaway(chunks=2), stream=stream)

        assert ([("NO_ERROR", 1)], "fin", "end") == (played.goaways, played.how, played.stream.how)
        assert "abc123-6" in played.stream.words
        assert ("complete", ("goaway",), True) == (
            played.exchange.ended,
            played.exchange.faults,
            played.exchange.sent_whole,
        )


class TestStreamError:
    @pytest.mark.parametrize("code", ["INTERNAL_ERROR", "ENHANCE_YOUR_CALM"])
    def test_a_stream_breaks_with_the_code(self, play: Play, code: Any) -> None:
        """
        After three pieces of text RST_STREAM comes with the code, no END_STREAM, and the connection serves another.
        """
        played = play(StreamError(chunks=3, code=code), stream=True)

        assert code == played.stream.how
        assert "abc123-1 abc123-2 abc123-3" == played.stream.words
        assert ("reset", ("stream_error",)) == (played.exchange.ended, played.exchange.faults)
        assert played.after is not None
        assert "abc123-6" in played.after.words

    def test_a_whole_answer_breaks_in_its_middle(self, play: Play) -> None:
        """
        Half of the announced body never comes.
        """
        played = play(StreamError())

        assert "INTERNAL_ERROR" == played.stream.how
        assert int(played.stream.headers["content-length"]) // 2 == len(played.stream.body)


class TestWithholdWindow:
    def test_an_upload_stalls_at_the_window(self, run: Run) -> None:
        """
        65,535 bytes leave the client, and no window comes; another stream is served meanwhile; what was read is in the
        journal when the client gives up.
        """

        async def ask() -> tuple[int, list[Exchange]]:
            async with rawhttp2.serving(WithholdWindow(), attempts=1) as server:
                async with rawhttp2.connected(server) as raw:
                    large = await raw.ask(server, text=LARGE)
                    owed = len(raw.streams[large].unsent)
                    assert not await raw.over(large, silence=0.1)
                    small = await raw.ask(server, text=LARGE)
                    assert await raw.over(small)
                    assert owed == len(raw.streams[large].unsent)
                    body = rawhttp2.LANGUAGES["openai"].request(server.fake, LARGE).body
                await until(lambda: not server.connections)
                return len(body) - owed, server.journal

        left, journal = run(ask())

        assert (rawhttp2.WINDOW, rawhttp2.WINDOW) == (left, len(journal[0].request_body))
        assert ("client_left", None, ("withhold_window",)) == (
            journal[0].ended,
            journal[0].request_complete,
            journal[0].faults,
        )
        assert ("complete", ()) == (journal[1].ended, journal[1].faults)

    def test_what_fits_the_window_is_answered_and_has_met_nothing(self, run: Run) -> None:
        """
        A short request needs no window.
        """

        async def ask() -> tuple[str, Exchange]:
            async with (
                rawhttp2.serving(WithholdWindow(), attempts=None) as server,
                rawhttp2.connected(server) as raw,
            ):
                number = await raw.ask(server)
                await raw.over()
                return raw.streams[number].how, server.journal[0]

        how, exchange = run(ask())

        assert ("end", ()) == (how, exchange.faults)


class TestOverHttp11:
    @pytest.mark.parametrize("fault", [Goaway(), Goaway(chunks=1), RefuseStream(), StreamError()], ids=repr)
    def test_they_have_not_bitten(self, fault: Fault) -> None:
        """
        A connection of HTTP/1.1 has its fair answer, and the journal names no fault.
        """
        played = asyncio.run(rawsocket.play(fault, stream=True))

        assert ((), "complete", "open") == (played.exchange.faults, played.exchange.ended, played.heard.how)
        assert played.heard.words == played.fair.words

    def test_there_is_no_window_to_withhold(self) -> None:
        """
        A large request is read and answered.
        """
        played = asyncio.run(rawsocket.play(WithholdWindow(), text=LARGE))

        assert ((), "complete") == (played.exchange.faults, played.exchange.ended)


class TestOtherFaultsOnAStream:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("how", "code", "ended"),
        [("fin", "NO_ERROR", "closed"), ("reset", "INTERNAL_ERROR", "reset"), ("clean", "end", "complete")],
    )
    def test_a_cut_ends_the_stream_alone(
        self, play: Play, how: Literal["fin", "reset", "clean"], code: str, ended: str, stream: bool
    ) -> None:
        """
        A FIN and a RST become RST_STREAM without and with an error, a clean cut END_STREAM; the next stream is served.
        """
        played = play(Cut(how=how), stream=stream)

        assert (code, ended, ("cut",)) == (played.stream.how, played.exchange.ended, played.exchange.faults)
        assert b'"usage"' not in played.stream.body
        assert played.after is not None
        assert "abc123-6" in played.after.words

    @pytest.mark.parametrize(
        ("fault", "code"), [(CloseBeforeHeaders(), "NO_ERROR"), (ResetBeforeHeaders(), "INTERNAL_ERROR")], ids=repr
    )
    def test_nothing_comes_but_the_end(self, play: Play, fault: Fault, code: str) -> None:
        """
        The stream ends before any header.
        """
        played = play(fault)

        assert (code, None, b"") == (played.stream.how, played.stream.status, played.stream.body)
        assert played.after is not None

    @pytest.mark.parametrize(
        ("fault", "status"), [(HangBeforeHeaders(), None), (HangAfterHeaders(), 200), (Stall(chunks=0), 200)], ids=repr
    )
    def test_a_stream_hangs_alone(self, play: Play, fault: AnyFault, status: int | None) -> None:
        """
        Nothing more comes on it, another is served, and the first one hangs until the client leaves.
        """
        played = play(fault, stream=True, silence=0.1)

        assert ("", status, "") == (played.stream.how, played.stream.status, played.stream.words)
        assert ("hung", "") == (played.exchange.ended, played.how)
        assert played.after is not None
        assert "abc123-6" in played.after.words

    def test_pieces_are_frames(self, play: Play) -> None:
        """
        Bytes that are split come in DATA frames of that size, and joined ones in one.
        """
        split = play(SplitBytes(piece_bytes=50))
        joined = play(JoinedFrames(), stream=True)

        assert {50} == {len(frame) for frame in split.stream.frames[:-1]}
        assert 1 == len(joined.stream.frames)
        assert "abc123-6" in split.stream.words
        assert "abc123-6" in joined.stream.words

    def test_what_is_said_of_a_connection_has_not_bitten(self, play: Play) -> None:
        """
        A header that HTTP/2 forbids is not sent, and the journal names no fault; any other header is.
        """
        forbidden = play(SetHeader("connection", "close"))
        other = play(SetHeader("Server", "x"))

        assert ((), "end") == (forbidden.exchange.faults, forbidden.stream.how)
        assert "connection" not in forbidden.stream.headers
        assert "x" == other.stream.headers["server"]

    def test_doors_meet_the_connection(self, run: Run) -> None:
        """
        A connection is reset on accept; one that has grown stale is reset when a stream comes, not when a PING does.
        """

        async def ask() -> tuple[str, str, Exchange, list[str]]:
            async with rawhttp2.serving(ResetOnAccept(), attempts=None) as server:
                raw = rawhttp2.RawHttp2(server.port)
                try:
                    await raw.connect()
                    accepted = await raw.ended()
                except ConnectionResetError:
                    accepted = "reset"
                finally:
                    raw.close()
            async with rawhttp2.serving(StaleConnections(idle=0.05), attempts=None) as server:
                async with rawhttp2.connected(server) as raw:
                    await raw.over(await raw.ask(server))
                    await until(lambda: server.arrivals[0].door)
                    raw.wire.ping(b"12345678")
                    await raw.flush()
                    assert not await raw.hear(lambda: False, 0.1)
                    assert not raw.how
                    await raw.ask(server, text="[bo:second]")
                    ridden = await raw.ended()
                return accepted, ridden, server.journal[1], [arrival.door for arrival in server.arrivals]

        accepted, ridden, exchange, doors = run(ask())

        assert ("reset", "reset", ["stale"]) == (accepted, ridden, doors)
        assert ("reset", "second", ("stale_connections",)) == (exchange.ended, exchange.canary, exchange.faults)

    def test_a_stale_connection_is_closed_when_its_time_is_over(self, run: Run) -> None:
        """
        With a bare FIN: nobody says goodbye on a connection that has been forgotten.
        """

        async def ask() -> tuple[str, list[tuple[str, int]]]:
            async with (
                rawhttp2.serving(StaleConnections(idle=0.05, how="fin"), attempts=None) as server,
                rawhttp2.connected(server) as raw,
            ):
                await raw.over(await raw.ask(server))
                return await raw.ended(), raw.goaways

        assert ("fin", []) == run(ask())


@pytest.mark.parametrize("language", WRITING.values(), ids=WRITING)
class TestEveryDialect:
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_it_says_the_same(self, language: Language, stream: bool) -> None:
        """
        An answer over HTTP/2 has the words and the headers of one over HTTP/1.1, but for what those say of a
        connection.
        """
        one = asyncio.run(rawsocket.play(language=language, stream=stream))
        two = asyncio.run(rawhttp2.play(language=language, stream=stream))

        assert (one.heard.words, "end", 200) == (two.stream.words, two.stream.how, two.stream.status)
        assert set(one.heard.headers) - {"transfer-encoding", "connection"} == set(two.stream.headers)
        assert (one.exchange.microdollars, one.exchange.sent_whole) == (
            two.exchange.microdollars,
            two.exchange.sent_whole,
        )
        assert ("2", 1) == (two.exchange.http, two.exchange.stream_id)

    def test_it_refuses_the_same(self, language: Language) -> None:
        """
        A refusal has the same status and the same body.
        """
        one = asyncio.run(rawsocket.play(RateLimited(retry_after=2.0), language=language))
        two = asyncio.run(rawhttp2.play(RateLimited(retry_after=2.0), language=language))

        assert (one.heard.status, one.heard.headers.get("retry-after")) == (
            two.stream.status,
            two.stream.headers.get("retry-after"),
        )
        assert set(json.loads(one.heard.body)) == set(json.loads(two.stream.body))
