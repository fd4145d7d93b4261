from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import virtual
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rawsession import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    REALTIME,
    RESPONSES,
    TEXT,
    RawSession,
    answers,
    frame,
    realtime_fake,
    session,
)
from rawsocket import CANARY, QUICK, RawSocket, chat
from scripted import until

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.dialects.openai.realtime import Realtime
from brownout.fakes.faults.connection import Cut, HangBeforeHeaders, Refuse
from brownout.fakes.faults.replies import RateLimited
from brownout.fakes.faults.timing import Drip, Latency, Stall
from brownout.fakes.journal import fingerprint
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Rule, Weather, When, always
from brownout.fakes.websocket import MAX_WAITING

Run = Callable[[Any], Any]
SLOW = Answer(words=6, pace=Pace(0.0, 0.02))


async def alive(server: FakeServer) -> bool:
    """Whether a fair request on a new connection is answered."""
    raw = RawSocket(server.port)
    await raw.connect()
    await raw.send(chat(server.fake))
    heard = await raw.hear()
    raw.close()
    return heard.status == 200


class TestJournal:
    def test_a_session_and_its_answers(self, run: Run) -> None:
        """
        One exchange for the handshake, which lasts as long as the session and has what was said besides, and one for
        each answer with its own ask, attempt, tokens and pieces; all on one connection.
        """

        async def talk() -> None:
            async with session() as raw:
                await raw.send({"type": "session.update", "session": {"type": "realtime", "instructions": "be brief"}})
                for _ in range(2):
                    await raw.ask()
                    await raw.hear("rate_limits.updated")
                await raw.raw.send(frame(CLOSE, b"\x03\xe8"))
                assert "fin" == (await raw.hear()).heard.how
                server = raw.server
                handshake, first, second = server.journal
                raw.close()
                await until(lambda: handshake.ended)

            assert ("realtime", 101, False, None) == (
                handshake.route,
                handshake.status,
                handshake.stream,
                handshake.canary,
            )
            said = [json.loads(line)["type"] for line in handshake.request_body.splitlines()]
            assert ["session.update", "conversation.item.create", "conversation.item.create"] == said
            assert 0 == handshake.microdollars
            assert {"session", "opening", "control"} <= {piece.part for piece in handshake.pieces}
            for number, exchange in enumerate((first, second), 1):
                assert ("realtime.response", 200, True) == (exchange.route, exchange.status, exchange.stream)
                assert (CANARY, number, "complete") == (exchange.canary, exchange.attempt, exchange.ended)
                assert (1, fingerprint(server.fake.keys[0])) == (exchange.connection, exchange.key)
                assert ("be brief", f"say it [bo:{CANARY}]") == exchange.texts[:2]
                assert (14, True) == (exchange.output_tokens, exchange.sent_whole)
                assert '{"type": "response.create"}' == exchange.request_body
                assert 6 == sum(piece.part == "delta" for piece in exchange.pieces)
                assert exchange.bytes_out == sum(piece.bytes for piece in exchange.pieces)
            assert second.input_tokens > first.input_tokens
            assert ("complete", 1) == (handshake.ended, handshake.connection)

        run(talk())

    @pytest.mark.parametrize(
        ("leave", "ended"), [("close", "complete"), ("fin", "client_left"), ("reset", "client_left")]
    )
    def test_a_client_that_leaves_in_an_answer(self, leave: str, ended: str) -> None:
        """
        The answer is one that its client has left, billed by what had come; the session is over, whoever ended it.
        """

        async def talk() -> None:
            async with session(answer=SLOW, clock=virtual.VirtualClock()) as raw:
                await raw.ask()
                await raw.hear("response.output_text.delta")
                if leave == "close":
                    await raw.raw.send(frame(CLOSE, b"\x03\xe8"))
                    await raw.hear()
                elif leave == "fin":
                    raw.raw.finish()
                else:
                    raw.raw.reset()
                handshake, answer = raw.server.journal
                await until(lambda: handshake.ended and answer.ended)
            assert (ended, "client_left") == (handshake.ended, answer.ended)
            assert answer.client_closed is not None
            assert 0 < answer.output_tokens < 14

        virtual.run(talk())

    def test_a_key_among_the_subprotocols_is_no_secret_kept_badly(self, run: Run) -> None:
        """
        A browser's key opens a session, and neither a good one nor a wrong one stands in the journal.
        """

        async def talk() -> None:
            server = FakeServer(realtime_fake())
            await server.start()
            for key in (server.fake.keys[0], "sk-of-somebody-else-0123456789"):
                raw = RawSession(server)
                offer = f"sec-websocket-protocol: realtime, openai-insecure-api-key.{key}\r\n"
                heard = await raw.offer(headers=offer)
                first = await raw.hear("session.created", "error")
                good = key in server.fake.keys
                assert (101, "realtime") == (heard.status, heard.headers["sec-websocket-protocol"])
                assert ["session.created" if good else "error"] == first.kinds
                raw.close()
                assert key not in str(server.journal)
                assert server.journal[-1].key == fingerprint(key)
            await server.stop()

        run(talk())


class TestHandshakes:
    @pytest.mark.parametrize(
        ("path", "headers", "told", "code"),
        [
            (REALTIME, "authorization: Bearer sk-wrong-0123456789abcdef\r\n", "invalid_api_key", 3000),
            (REALTIME, "", None, 3000),
            ("/v1/realtime", None, "missing_model", 4000),
            ("/v1/realtime?model=gpt-4o", None, "invalid_model", 4000),
            ("/v1/realtime?model=none", None, "invalid_model", 4000),
        ],
        ids=["wrong key", "no key", "no model", "not realtime", "unknown model"],
    )
    def test_realtime_refuses_in_the_session(
        self, run: Run, path: str, headers: str | None, told: str | None, code: int
    ) -> None:
        """
        The offer is accepted; the first event is the error and a close frame says the same.
        """

        async def talk() -> None:
            server = FakeServer(realtime_fake())
            await server.start()
            raw = RawSession(server)
            heard = await raw.offer(path, headers)
            came = await raw.hear()
            assert (101, ["error"], "fin") == (heard.status, came.kinds, came.heard.how)
            assert told == came.events[0]["error"]["code"]
            reason = f"invalid_request_error.{told}" if told else "invalid_request_error"
            assert (code, reason) == came.close
            raw.close()
            await until(lambda: not server.connections)
            assert "closed" == server.journal[0].ended
            assert server.journal[0].trouble
            await server.stop()

        run(talk())

    def test_the_beta_shape_is_no_more(self, run: Run) -> None:
        """
        Who asks for it is told so.
        """

        async def talk() -> None:
            server = FakeServer(realtime_fake())
            await server.start()
            raw = RawSession(server)
            key = f"authorization: Bearer {server.fake.keys[0]}\r\n"
            await raw.offer(headers=f"{key}openai-beta: realtime=v1\r\n")
            assert (4000, "invalid_request_error.beta_api_shape_disabled") == (await raw.hear()).close
            raw.close()
            await server.stop()

        run(talk())

    @pytest.mark.parametrize(
        ("path", "headers", "nonce", "status"),
        [
            (RESPONSES, "authorization: Bearer sk-wrong\r\n", None, 401),
            (RESPONSES, "", None, 401),
            (REALTIME, None, "short", 400),
            ("/v1/nothing", None, None, 404),
            ("/v1/models", None, None, 200),
        ],
        ids=["wrong key", "no key", "no handshake", "unknown path", "no session there"],
    )
    def test_an_offer_declined_goes_on_in_http(
        self, run: Run, path: str, headers: str | None, nonce: str | None, status: int
    ) -> None:
        """
        The provider's own answer in HTTP, after which the connection serves the next request.
        """

        async def talk() -> None:
            server = FakeServer(realtime_fake())
            await server.start()
            raw = RawSession(server)
            heard = await (raw.offer(path, headers, nonce) if nonce else raw.offer(path, headers))
            while not heard.whole:
                heard = await raw._more(heard)
            assert status == heard.status
            await raw.raw.send(chat(server.fake))
            assert 200 == (await raw.raw.hear()).status
            raw.close()
            await server.stop()

        run(talk())

    def test_weather_meets_a_handshake_as_a_request(self, run: Run) -> None:
        """
        A rate limit is a 429 in HTTP; the next offer is accepted.
        """

        async def talk() -> None:
            rule = Rule((RateLimited(retry_after=3),), When(route="realtime", attempts=(1, 1)))
            server = FakeServer(realtime_fake(), weather=Weather((rule,)))
            await server.start()
            raw = RawSession(server)
            refused = await raw.offer()
            while not refused.whole:
                refused = await raw._more(refused)
            again = RawSession(server)
            accepted = await again.offer()
            assert (429, "3", 101) == (refused.status, refused.headers["retry-after"], accepted.status)
            assert ("rate_limited",) == server.journal[0].faults
            raw.close()
            again.close()
            await server.stop()

        run(talk())

    def test_a_silent_handshake(self, run: Run) -> None:
        """
        The 101 of one that is cut comes, and of its greeting a frame that is not the last.
        """

        async def talk() -> None:
            server = FakeServer(realtime_fake(), weather=Weather((always(Cut()),)))
            await server.start()
            raw = RawSession(server)
            assert 101 == (await raw.offer()).status
            came = await raw.hear()
            assert ("fin", [], b'{"type":"session.created"') == (came.heard.how, came.texts, came.open_message[:25])
            raw.close()
            await server.stop()

        run(talk())

    def test_what_comes_too_early_is_heard_in_the_session(self, run: Run) -> None:
        """
        A client that does not wait for the 101 has said its first event all the same.
        """

        async def talk() -> None:
            async with session(path=RESPONSES) as other:
                raw = RawSession(other.server)
                await raw.raw.connect()
                key = other.server.fake.keys[0]
                head = (
                    f"GET /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
                    f"sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
                    f"authorization: Bearer {key}\r\n\r\n"
                )
                event = {"type": "response.create", "model": "gpt-realtime", "input": "hi"}
                await raw.raw.send(head.encode() + frame(TEXT, json.dumps(event).encode()))
                data = b""
                while b"response.completed" not in data:
                    piece = await raw.raw.read()
                    assert isinstance(piece, bytes)
                    data += piece
                raw.close()

        run(talk())


class TestTalk:
    def test_pings_are_answered_in_every_state(self) -> None:
        """
        Idle, within an answer and while it hangs.
        """

        async def talk() -> None:
            async with session(HangBeforeHeaders(), clock=virtual.VirtualClock()) as raw:
                await raw.raw.send(frame(PING, b"idle"))
                await raw.ask()
                await raw.hear("conversation.item.done")
                await raw.raw.send(frame(PING, b"hung"))
                await raw.send({"type": "session.update", "session": {"type": "realtime"}})
                came = await raw.hear()
                assert [b"hung"] == [each.data for each in came.frames if each.opcode == PONG]
                assert ([], "silence") == (came.kinds, came.heard.how)

        virtual.run(talk())

    def test_an_ask_while_all_hangs_is_in_the_journal(self) -> None:
        """
        It counts as an attempt and is never answered.
        """

        async def talk() -> None:
            async with session(HangBeforeHeaders(), clock=virtual.VirtualClock()) as raw:
                await raw.ask()
                await raw.ask()
                await raw.hear()
                raw.close()
                server = raw.server
                await until(lambda: all(exchange.ended for exchange in server.journal))
            assert [(1, "hung"), (2, "client_left")] == [(x.attempt, x.ended) for x in answers(server)]

        virtual.run(talk())

    def test_what_is_no_ask_is_answered_within_an_answer(self) -> None:
        """
        Between its messages, and never within one.
        """

        async def talk() -> None:
            async with session(Drip(piece_bytes=60, pause=0.5), clock=virtual.VirtualClock()) as raw:
                await raw.ask()
                await raw.hear("response.created")
                await raw.send({"type": "session.update", "session": {"type": "realtime"}})
                came = await raw.hear("rate_limits.updated")
                assert "session.updated" in came.kinds[:-4]
                assert f"{CANARY}-6" in came.words

        virtual.run(talk())

    def test_a_second_response_at_once_is_refused(self) -> None:
        """
        It is an exchange that no weather meets; the first goes on.
        """

        async def talk() -> None:
            async with session(Latency(between=0.01), answer=SLOW, clock=virtual.VirtualClock()) as raw:
                await raw.ask()
                await raw.hear("response.created")
                await raw.send({"type": "response.create", "event_id": "mine"})
                came = await raw.hear("rate_limits.updated")
                first, second = answers(raw.server)
                error = next(event["error"] for event in came.events if event["type"] == "error")
                assert "conversation_already_has_active_response" == error["code"]
                assert "mine" == error["event_id"]
                assert came.words.endswith(f"{CANARY}-6")
            assert (("latency",), ()) == (first.faults, second.faults)
            assert (400, "complete", "bad_request", 0) == (
                second.status,
                second.ended,
                second.trouble,
                second.output_tokens,
            )

        virtual.run(talk())

    def test_a_response_aside_waits_for_its_turn(self) -> None:
        """
        One out of band is answered behind the one under way, and leaves nothing in the conversation.
        """

        async def talk() -> None:
            async with session(answer=SLOW, clock=virtual.VirtualClock()) as raw:
                await raw.ask()
                await raw.hear("response.created")
                part = {"type": "input_text", "text": "aside [bo:aside1]"}
                item = {"type": "message", "role": "user", "content": [part]}
                await raw.send({"type": "response.create", "response": {"conversation": "none", "input": [item]}})
                await raw.hear("rate_limits.updated")
                came = await raw.hear("rate_limits.updated")
                assert came.words.startswith("aside1-1 aside1-2")
                assert came.events[-2]["response"]["conversation_id"] is None
                await raw.ask("third [bo:third3]")
                await raw.hear("rate_limits.updated")
                assert not any("aside" in text for text in answers(raw.server)[-1].texts)

        virtual.run(talk())

    @pytest.mark.parametrize("faults", [(), (Stall(chunks=2, seconds=30),), (Drip(piece_bytes=30, pause=0.001),)])
    def test_a_cancelled_response_is_done_as_it_is(self, faults: tuple[Any, ...]) -> None:
        """
        What is open is ended, the response says that its client has cancelled it, and what had left is billed.
        """

        async def talk() -> None:
            async with session(*faults, answer=SLOW, clock=virtual.VirtualClock()) as raw:
                await raw.ask()
                told = await raw.hear("response.output_text.delta")
                await raw.send({"type": "response.cancel"})
                rest = await raw.hear("response.done")
                done = rest.events[-1]["response"]
                text = done["output"][0]["content"][0]["text"]
                exchange = answers(raw.server)[0]
                assert ("cancelled", "client_cancelled") == (done["status"], done["status_details"]["reason"])
                assert text.startswith(f"{CANARY}-1")
                assert f"{CANARY}-6" not in text
                assert [
                    "response.output_text.done",
                    "response.content_part.done",
                    "conversation.item.done",
                    "response.output_item.done",
                    "response.done",
                ] == rest.kinds[-5:]
                assert told.kinds.count("response.created") == 1
                assert ("complete", False) == (exchange.ended, exchange.sent_whole)
                assert 0 < exchange.output_tokens < 14
                raw.server.weather = Weather()
                await raw.ask()
                assert (await raw.hear("response.done")).words.endswith(f"{CANARY}-6")

        virtual.run(talk())

    def test_a_dialect_that_breaks_breaks_its_session_only(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The client is shown out with 1011, and the journal says what happened.
        """

        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("broken")

        async def talk() -> None:
            async with session() as raw:
                monkeypatch.setattr(Realtime, "hear", broken)
                await raw.send({"type": "session.update"})
                assert 1011 == ((await raw.hear()).close or (0,))[0]
                assert raw.server.journal[0].error.startswith("ZeroDivisionError")
                assert await alive(raw.server)

        run(talk())

    def test_there_has_to_be_something_to_cancel(self, run: Run) -> None:
        """
        Otherwise an error says so, and the session goes on.
        """

        async def talk() -> None:
            async with session() as raw:
                await raw.send({"type": "response.cancel"})
                assert "response_cancel_not_active" == (await raw.hear("error")).events[0]["error"]["code"]

        run(talk())

    def test_too_many_asks_end_the_session(self, run: Run) -> None:
        """
        Nobody can fill the memory with what waits for its turn.
        """

        async def talk() -> None:
            async with session(Latency(first=30), path=RESPONSES) as raw:
                event = {"type": "response.create", "model": "gpt-realtime", "input": "hi"}
                for _ in range(MAX_WAITING + 2):
                    await raw.send(event)
                came = await raw.hear()
                assert 1008 == (came.close or (0,))[0]
                assert MAX_WAITING + 2 == len(answers(raw.server))

        run(talk())

    def test_a_client_that_does_not_read_is_dropped(self, run: Run) -> None:
        """
        What it has asked for and leaves unread must not fill the memory.
        """

        async def talk() -> None:
            async with session() as raw:
                settings = {"type": "realtime", "instructions": "x" * 200_000}
                event = frame(TEXT, json.dumps({"type": "session.update", "session": settings}).encode())
                for _ in range(100):
                    if raw.server.journal[0].ended:
                        break
                    try:
                        await raw.raw.send(event)
                    except ConnectionError:
                        break
                await until(lambda: raw.server.journal[0].ended)
                assert "closed" == raw.server.journal[0].ended
                assert "does not read" in raw.server.journal[0].error
                assert await alive(raw.server)

        run(talk())

    def test_an_hour_is_the_most(self) -> None:
        """
        Then the session says that it is over, and leaves.
        """

        async def talk() -> None:
            async with session(clock=virtual.VirtualClock()) as raw:
                came = await raw.hear(silence=1e6)
                assert "session_expired" == came.events[-1]["error"]["code"]
                assert 1001 == (came.close or (0,))[0]

        virtual.run(talk())

    def test_a_door_that_closes_ends_sessions(self) -> None:
        """
        One in which nothing is under way at once, another behind its answer; with a close frame that says why.
        """

        async def talk() -> None:
            async with session(answer=SLOW, clock=virtual.VirtualClock()) as raw:
                idle = RawSession(raw.server)
                await idle.offer()
                await idle.hear("session.created")
                await raw.ask()
                await raw.hear("response.created")
                await raw.server.change(Weather((always(Refuse()),)))
                first, second = await idle.hear(), await raw.hear()
                assert [(1001, ""), (1001, "")] == [first.close, second.close]
                assert second.words.endswith(f"{CANARY}-6")
                idle.close()

        virtual.run(talk())


@pytest.mark.slow
class TestAnyBytes:
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=60),
                st.builds(frame, st.sampled_from([CONT, TEXT, BINARY, CLOSE, PING, PONG]), st.binary(max_size=60)),
                st.builds(
                    lambda event, last: frame(TEXT, json.dumps(event).encode(), last=last),
                    st.sampled_from(
                        [
                            {"type": "response.create"},
                            {"type": "response.create", "response": {"input": [5], "tools": "x"}},
                            {"type": "response.create", "response": {"input": [{"type": "item_reference", "id": {}}]}},
                            {"type": "response.create", "response": 7, "event_id": []},
                            {"type": "response.cancel", "response_id": 3},
                            {"type": "session.update", "session": {"type": "realtime", "tools": [{}], "audio": 3}},
                            {"type": "session.update", "session": None},
                            {
                                "type": "conversation.item.create",
                                "item": {"type": "message", "role": [], "content": {}},
                            },
                            {"type": "conversation.item.create", "item": {"type": "function_call", "name": "f"}},
                            {"type": ["x"]},
                            {"type": "conversation.item.delete", "item_id": {}},
                            {"type": "input_audio_buffer.append", "audio": "AAAA"},
                            [],
                        ]
                    ),
                    st.booleans(),
                ),
            ),
            max_size=8,
        )
    )
    def test_any_bytes_in_a_session_leave_the_server_alive(self, run: Run, pieces: list[bytes]) -> None:
        """
        Whatever is sent, the next client is answered; everything in the journal has an end and no crash of ours.
        """

        async def talk() -> None:
            async with session() as raw:
                await raw.raw.send(b"".join(pieces))
                raw.raw.finish()
                await raw.hear(silence=1)
                raw.close()
                server = raw.server
                await until(lambda: not server.connections)
                assert await alive(server)
                await until(lambda: all(exchange.ended for exchange in server.journal))
            for exchange in server.journal:
                assert not exchange.error.startswith(("Assertion", "Type", "Attribute", "Key", "Value", "Index"))

        run(talk())

    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.integers(1, 40), st.integers(1, 40), st.booleans())
    def test_any_fragments_make_the_same_ask(self, run: Run, item_pieces: int, ask_pieces: int, ping: bool) -> None:
        """
        However a client cuts its messages, with pings between them, the ask is the same.
        """

        async def talk() -> tuple[Any, ...]:
            async with session() as raw:
                part = {"type": "input_text", "text": f"ünïcödé [bo:{CANARY}]"}
                item = {"type": "message", "role": "user", "content": [part]}
                await raw.send({"type": "conversation.item.create", "item": item}, item_pieces)
                if ping:
                    await raw.raw.send(frame(PING, b"."))
                await raw.send({"type": "response.create", "response": {"max_output_tokens": 99}}, ask_pieces)
                words = (await raw.hear("response.done")).words
                asked = answers(raw.server)[0]
            return words, asked.texts, asked.max_output, asked.canary, asked.input_tokens, asked.request_body

        whole = (QUICK.whole(CANARY), (f"ünïcödé [bo:{CANARY}]",), 99, CANARY)
        assert whole == run(talk())[:4]


def test_asyncio_loop_serves_other_clients_meanwhile(run: Run) -> None:
    """
    A session that hangs keeps nobody else from being answered.
    """

    async def talk() -> None:
        async with session(HangBeforeHeaders()) as raw:
            await raw.ask()
            assert await alive(raw.server)
            await asyncio.sleep(0)

    run(talk())
