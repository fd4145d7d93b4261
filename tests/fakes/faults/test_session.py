"""Every fault in a WebSocket session, certified by a client that parses frames by itself."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import virtual
from compositions import compositions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rawsession import (
    CONT,
    MODEL,
    NONCE,
    PING,
    REALTIME,
    RESPONSES,
    TEXT,
    RawSession,
    Told,
    answers,
    frames,
    messages,
    realtime_fake,
    session,
)
from rawsocket import CANARY, QUICK, SteadyDate
from scripted import until

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.ask import Request
from brownout.fakes.dialects.session import turn
from brownout.fakes.faults import AnyFault, Fault, load
from brownout.fakes.faults.answers import NoChoices, NoText, NullContent, StopReason
from brownout.fakes.faults.body import EmptyBody, ErrorInOk, HalfBody, HtmlPage, MalformedJson
from brownout.fakes.faults.compression import Compressed
from brownout.fakes.faults.connection import (
    CloseBeforeHeaders,
    Cut,
    HangAfterHeaders,
    HangBeforeHeaders,
    ResetBeforeHeaders,
)
from brownout.fakes.faults.framing import Comments, Framing, Pings, RetryFields, UnknownEvents
from brownout.fakes.faults.headers import Redirect, SetHeader, WrongContentType
from brownout.fakes.faults.payload import ReorderedKeys, UnknownFields, UnknownValues, WrongTypes
from brownout.fakes.faults.replies import (
    ContentPolicy,
    ContextLength,
    Forbidden,
    InvalidKey,
    ModelGone,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    ServerError,
    Status,
    TooLarge,
    Unavailable,
)
from brownout.fakes.faults.segments import JoinedFrames, SplitBytes, SplitCharacters
from brownout.fakes.faults.session import CloseSession
from brownout.fakes.faults.stream import (
    DroppedEvents,
    DuplicatedEvents,
    GarbageEvent,
    MidstreamError,
    NoFinish,
    NoSentinel,
    NoUsage,
)
from brownout.fakes.faults.timing import Drip, Latency, Stall
from brownout.fakes.journal import Exchange
from brownout.fakes.messages import Outgoing
from brownout.fakes.responder import Responder
from brownout.fakes.script import LAST, End, Head, Op, Send, Wait
from brownout.fakes.weather import Weather, always

PATHS = {"realtime": REALTIME, "responses": RESPONSES}
DONE = {REALTIME: "response.done", RESPONSES: "response.completed"}
OVER = (*DONE.values(), "response.incomplete", "response.failed", "error")
"""The events behind which nothing of an answer comes that anybody waits for."""
WHOLE = " ".join(f"{CANARY}-{number}" for number in range(1, 7))
UNICODE = Answer(words=6, unicode=True, pace=Pace(0.0, 0.0))


@dataclass
class Met:
    """An answer that has met a fault, its exchange, and what a second ask in the same session got, if it could."""

    told: Told
    exchange: Exchange
    again: Told | None

    @property
    def numbers(self) -> list[int]:
        """The numbers of the words that came."""
        return [int(word.rpartition("-")[2]) for word in self.told.words.split()]


def meet(
    *faults: AnyFault,
    path: str = REALTIME,
    answer: Answer = QUICK,
    to_its_end: bool = False,
) -> Met:
    """Ask in a session whose first answer meets the faults, and ask again, unless it was listened to to its end."""

    async def asking() -> Met:
        async with session(*faults, path=path, answer=answer, clock=virtual.VirtualClock()) as raw:
            await _ask(raw, path)
            told = await raw.hear(*(() if to_its_end else OVER))
            exchange = answers(raw.server)[0]
            again = None
            if told.heard.how in ("", "silence") and exchange.script[-1:] != ["hang"]:
                raw.server.weather = type(raw.server.weather)()
                await _ask(raw, path)
                again = await raw.hear(DONE[path])
            raw.close()
            await until(lambda: not raw.server.connections)
            return Met(told, exchange, again)

    return virtual.run(asking())


async def _ask(raw: RawSession, path: str) -> None:
    await (raw.ask() if path == REALTIME else raw.create())


each_session = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
"""Of both kinds."""


@each_session
class TestTheEnd:
    @pytest.mark.parametrize("how", ["fin", "reset"])
    def test_a_cut_session_has_no_close_frame(self, how: Any, path: str) -> None:
        """
        Three words come and then a FIN or a RST, without a close frame; three words are billed.
        """
        met = meet(Cut(chunks=3, how=how), path=path)

        assert ([1, 2, 3], how, None) == (met.numbers, met.told.heard.how, met.told.close)
        assert ("closed" if how == "fin" else "reset", ("cut",)) == (met.exchange.ended, met.exchange.faults)
        assert (200, 7, False) == (met.exchange.status, met.exchange.output_tokens, met.exchange.sent_whole)

    def test_a_clean_cut_leaves_the_session_open(self, path: str) -> None:
        """
        Three words come and nothing more of that answer; the next one comes whole.
        """
        met = meet(Cut(chunks=3, how="clean"), path=path)

        assert ([1, 2, 3], "silence") == (met.numbers, met.told.heard.how)
        assert met.again is not None
        assert WHOLE == met.again.words

    def test_a_cut_inside_an_event_is_a_message_that_never_ends(self, path: str) -> None:
        """
        The first frame of a fragmented message comes and its last one never does.
        """
        met = meet(Cut(chunks=2, how="fin", inside="event"), path=path)

        assert [1, 2] == met.numbers
        assert (TEXT, False) == (met.told.frames[-1].opcode, met.told.frames[-1].last)
        assert met.told.open_message.startswith(b'{"type":"response.output_text.delta"')

    def test_a_cut_inside_a_character_ends_within_it(self, path: str) -> None:
        """
        The last frame that comes is not UTF-8 by itself.
        """
        met = meet(Cut(chunks=0, how="reset", inside="character"), path=path, answer=UNICODE)

        assert "reset" == met.told.heard.how
        with pytest.raises(UnicodeDecodeError):
            met.told.open_message.decode()

    @pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
    def test_a_close_frame_ends_the_session(self, code: int, path: str) -> None:
        """
        After two words a close frame with its code and reason, then a FIN.
        """
        met = meet(CloseSession(code, chunks=2, reason="bye"), path=path)

        assert ([1, 2], (code, "bye"), "fin") == (met.numbers, met.told.close, met.told.heard.how)
        assert f"close {code}" == met.exchange.script[-1]
        assert ("closed", ("close_session",)) == (met.exchange.ended, met.exchange.faults)

    def test_before_anything_is_said(self, path: str) -> None:
        """
        A RST, a FIN or silence in place of the first event, and nothing is billed.
        """
        for fault, how in (
            (ResetBeforeHeaders(), "reset"),
            (CloseBeforeHeaders(), "fin"),
            (HangBeforeHeaders(), "silence"),
            (HangAfterHeaders(), "silence"),
        ):
            met = meet(fault, path=path)

            said = [kind for kind in met.told.kinds if not kind.startswith("conversation.item")]
            assert ([], how, None) == (said, met.told.heard.how, met.told.close)
            assert (None, 0, 0) == (met.exchange.status, met.exchange.output_tokens, met.exchange.microdollars)
            assert met.exchange.ended == {"fin": "closed", "silence": "hung"}.get(how, how)

    def test_an_empty_answer_says_nothing(self, path: str) -> None:
        """
        No event comes, and the session goes on.
        """
        met = meet(EmptyBody(), path=path)

        assert ("", "silence", None) == (met.told.words, met.told.heard.how, met.exchange.status)
        assert met.again is not None
        assert WHOLE == met.again.words


@each_session
class TestMessages:
    def test_garbage_is_a_message_that_nobody_can_parse(self, path: str) -> None:
        """
        A whole text message that is no JSON takes the place of a piece.
        """
        met = meet(GarbageEvent(chunks=3), path=path)

        assert [1, 2, 3, 5, 6] == met.numbers
        assert 1 == len(met.told.texts) - len(met.told.events)
        assert not met.exchange.sent_whole

    def test_malformed_json_breaks_one_message(self, path: str) -> None:
        """
        The first word cannot be read; its message is whole.
        """
        met = meet(MalformedJson(), path=path)

        assert ([2, 3, 4, 5, 6], 1) == (met.numbers, len(met.told.texts) - len(met.told.events))

    def test_half_an_answer_ends_in_half_a_message(self, path: str) -> None:
        """
        Whatever the last message is, it is whole to the protocol; in Realtime it breaks off within its JSON, in
        Responses between two events. The session goes on.
        """
        met = meet(HalfBody(), path=path)

        assert met.told.frames[-1].last
        assert (path == REALTIME) == len(met.told.texts) - len(met.told.events)
        assert DONE[path] not in met.told.kinds
        assert met.again is not None

    def test_a_page_is_one_message(self, path: str) -> None:
        """
        HTML in place of the events.
        """
        met = meet(HtmlPage(status=502), path=path)

        page = [text for text in met.told.texts if text.startswith(b"<!DOCTYPE html>")]
        assert (1, 502, 0) == (len(page), met.exchange.status, met.exchange.output_tokens)
        assert page[0].endswith(b"</html>")

    def test_pieces_are_dropped_and_repeated(self, path: str) -> None:
        """
        Each piece carries one word.
        """
        assert [1, 4, 5, 6] == meet(DroppedEvents(chunks=1, count=2), path=path).numbers
        assert [1, 2, 2, 3, 3, 4, 5, 6] == meet(DuplicatedEvents(chunks=1, count=2), path=path).numbers

    def test_without_its_finish_the_answer_is_never_done(self, path: str) -> None:
        """
        All words come and no event that says it is over.
        """
        met = meet(NoFinish(), path=path)

        assert WHOLE == met.told.words
        assert DONE[path] not in met.told.kinds

    @pytest.mark.parametrize(
        "fault", [UnknownFields(), UnknownValues(), ReorderedKeys(), UnknownEvents(), Pings()], ids=repr
    )
    def test_what_harms_nobody_keeps_the_text(self, fault: AnyFault, path: str) -> None:
        """
        The text is the fair one, and the answer counts as sent whole.
        """
        met = meet(fault, path=path)

        assert (WHOLE, True) == (met.told.words, met.exchange.sent_whole)
        assert met.exchange.faults or isinstance(fault, UnknownValues)

    def test_wrong_types_are_in_every_message(self, path: str) -> None:
        """
        A type is a number.
        """
        met = meet(WrongTypes(), path=path)

        assert sum(isinstance(json.loads(text).get("type"), int) for text in met.told.texts) > 6

    def test_pings_are_frames(self, path: str) -> None:
        """
        One before every event.
        """
        met = meet(Pings(), path=path)
        pings = [each for each in met.told.frames if each.opcode == PING]

        assert len(pings) >= 10
        assert {b"ping"} == {each.data for each in pings}

    def test_split_bytes_are_fragments(self, path: str) -> None:
        """
        A message comes in frames of so many bytes, the last one perhaps empty, and says the same.
        """
        met = meet(SplitBytes(piece_bytes=50), path=path)

        assert WHOLE == met.told.words
        assert max(len(each.data) for each in met.told.frames if each.opcode == CONT) <= 50
        assert sum(not each.last for each in met.told.frames) > 30
        assert met.exchange.sent_whole

    def test_characters_are_split_between_frames(self, path: str) -> None:
        """
        Some frames are not UTF-8 by themselves and all messages are.
        """
        met = meet(SplitCharacters(), path=path, answer=UNICODE)

        assert UNICODE.whole(CANARY) == met.told.words
        assert any(not _is_text(each.data) for each in met.told.frames)

    def test_joined_frames_are_one_write(self, path: str) -> None:
        """
        Every message is a frame of its own, and all of them leave at once.
        """
        met = meet(JoinedFrames(), path=path)

        assert WHOLE == met.told.words
        assert all(each.last for each in met.told.frames)
        assert 1 == len(met.exchange.pieces)


@each_session
class TestTime:
    def test_a_drip_is_many_small_frames(self, path: str) -> None:
        """
        So many bytes a frame, a pause before each.
        """
        met = meet(Drip(piece_bytes=400, pause=0.001), path=path)

        assert WHOLE == met.told.words
        assert sum(piece.part != "end" for piece in met.exchange.pieces) > 15

    def test_a_stall_is_silence(self, path: str) -> None:
        """
        Three words, then nothing; after its time the rest follows.
        """
        hung = meet(Stall(chunks=3), path=path)
        late = meet(Stall(chunks=3, seconds=0.05), path=path)

        assert ([1, 2, 3], "silence", "hung") == (hung.numbers, hung.told.heard.how, hung.exchange.ended)
        assert [1, 2, 3, 4, 5, 6] == late.numbers
        gaps = [after.scheduled - before.scheduled for before, after in pairwise(late.exchange.pieces)]
        assert 50_000_000 == max(gaps)

    def test_a_heartbeat_is_a_ping(self, path: str) -> None:
        """
        Bytes flow in a stall, and no text.
        """
        met = meet(Stall(chunks=3, seconds=0.25, heartbeat=0.1), path=path)

        beats = [at for at, each in enumerate(met.told.frames) if each.opcode == PING]
        assert (2, WHOLE) == (len(beats), met.told.words)

    def test_latency_comes_before_the_first_event(self, path: str) -> None:
        """
        And between the pieces.
        """
        met = meet(Latency(first=0.06, between=0.01), path=path)

        assert met.exchange.first_byte is not None
        assert met.exchange.first_byte - met.exchange.started > 55_000_000
        deltas = [piece.scheduled for piece in met.exchange.pieces if piece.part == "delta"]
        assert all(after - before >= 10_000_000 for before, after in pairwise(deltas))


class TestRefusals:
    @pytest.mark.parametrize(
        ("fault", "status", "code"),
        [
            (RateLimited(), 429, "rate_limit_exceeded"),
            (RateLimited(by="tokens"), 429, "rate_limit_exceeded"),
            (QuotaExhausted(), 429, "insufficient_quota"),
            (Overloaded(), 503, "server_is_overloaded"),
            (Unavailable(), 503, None),
            (ServerError(), 500, None),
            (Status(504), 504, None),
            (TooLarge(), 413, None),
        ],
        ids=repr,
    )
    def test_what_fails_at_the_provider(self, fault: AnyFault, status: int, code: str | None) -> None:
        """
        In Realtime a response that has failed and says why, in Responses an error with its status; nothing is billed
        and the session goes on.
        """
        realtime, responses = (meet(fault, path=path) for path in PATHS.values())

        done = realtime.told.events[-1]["response"]
        assert ("failed", "failed") == (done["status"], done["status_details"]["type"])
        assert code == done["status_details"]["error"].get("code")
        error = responses.told.events[-1]
        assert ("error", status, code) == (error["type"], error["status"], error["error"]["code"])
        for met in (realtime, responses):
            assert (status, 0, 0) == (met.exchange.status, met.exchange.output_tokens, met.exchange.microdollars)
            assert met.again is not None
            assert WHOLE == met.again.words

    @pytest.mark.parametrize(
        ("fault", "status", "code"),
        [
            (ContentPolicy(), 400, "invalid_prompt"),
            (ContextLength(forced=True), 400, "context_length_exceeded"),
            (ModelGone(), 404, "model_not_found"),
            (ErrorInOk("bad_request"), 200, None),
        ],
        ids=repr,
    )
    def test_what_the_client_asks_wrongly(self, fault: AnyFault, status: int, code: str | None) -> None:
        """
        An error event, in either kind of session, after which it goes on.
        """
        for met in (meet(fault, path=path) for path in PATHS.values()):
            error = met.told.events[-1]
            assert ("error", code) == (error["type"], error["error"]["code"])
            assert (status, 0) == (met.exchange.status, met.exchange.output_tokens)
            assert met.again is not None

    def test_a_key_that_is_no_good_any_more_ends_a_realtime_session(self) -> None:
        """
        An error event and a close frame that says the same.
        """
        met = meet(InvalidKey(), to_its_end=True)

        assert (3000, "invalid_request_error.invalid_api_key") == met.told.close
        assert ("fin", 401) == (met.told.heard.how, met.exchange.status)

    def test_forbidden_is_told(self) -> None:
        """
        With the provider's own type.
        """
        responses = meet(Forbidden(), path=RESPONSES)

        assert (403, "request_forbidden") == (
            responses.told.events[-1]["status"],
            responses.told.events[-1]["error"]["type"],
        )

    def test_hints_stand_where_a_session_has_room_for_them(self) -> None:
        """
        In the headers of a Responses error, and of the exchange; Realtime has no place for them, and the journal none.
        """
        hinted = meet(RateLimited(retry_after=7), path=RESPONSES)
        bare = meet(RateLimited(retry_after=7))

        assert {"retry-after": "7"} == hinted.told.events[-1]["error"]["headers"]
        assert (("retry-after", "7"),) == hinted.exchange.headers
        assert () == bare.exchange.headers
        assert b"retry-after" not in b"".join(bare.told.texts)

    @each_session
    @pytest.mark.parametrize("kind", ["server_error", "overloaded", "quota_exhausted"])
    def test_an_error_in_the_middle_is_the_last_event(self, kind: str, path: str) -> None:
        """
        Two words, then the provider's own way of saying that it cannot go on.
        """
        met = meet(MidstreamError(chunks=2, kind=kind), path=path)

        last = met.told.events[-1]
        assert [1, 2] == met.numbers
        assert last["type"] in {"response.done", "error", "response.failed"}
        assert "error" in json.dumps(last)
        assert not met.exchange.sent_whole


@each_session
class TestAnswers:
    @pytest.mark.parametrize("fault", [NoChoices(), NullContent(), NoText()], ids=repr)
    def test_a_hollow_answer_ends_properly(self, fault: AnyFault, path: str) -> None:
        """
        The response is done and says nothing.
        """
        met = meet(fault, path=path)

        assert DONE[path] in met.told.kinds
        assert ("", 0) == (met.told.words, met.exchange.output_tokens)

    @pytest.mark.parametrize("reason", ["length", "content_filter"])
    def test_half_an_answer_says_why(self, reason: Any, path: str) -> None:
        """
        It is incomplete, and names the reason.
        """
        met = meet(StopReason(reason), path=path)
        done = next(e for e in met.told.events if e["type"] in {"response.done", "response.incomplete"})["response"]

        assert "incomplete" == done["status"]
        assert {"length": "max_output_tokens"}.get(reason, reason) in json.dumps(done)
        assert [1, 2] == met.numbers


HTTP_ALONE = [
    SetHeader("x-anything", "x"),
    WrongContentType(),
    Redirect("http://elsewhere.test"),
    Compressed(),
    Comments(),
    RetryFields(),
    Framing("crlf"),
    NoSentinel(),
    NoUsage(),
]


@each_session
@pytest.mark.parametrize("fault", HTTP_ALONE, ids=repr)
def test_what_only_http_can_carry_changes_nothing(fault: AnyFault, path: str) -> None:
    """
    The answer is the fair one, and the journal does not say that it has met anything.
    """
    met = meet(fault, path=path)

    assert (WHOLE, (), True) == (met.told.words, met.exchange.faults, met.exchange.sent_whole)


def played(path: str, composed: list[Fault], seed: int) -> tuple[list[Op], Exchange]:
    """The script of an answer in a session, and its journal entry."""
    weather = Weather((always(*composed),) if composed else (), seed=seed)
    responder = Responder(realtime_fake(), clock=SteadyDate(), weather=weather)
    responder.answer = Answer(words=6, unicode=True, pace=Pace(0.5, 0.25))
    target, _, query = path.partition("?")
    key = ("authorization", f"Bearer {responder.fake.keys[0]}")
    headers = (key, ("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13"))
    offer = Request("GET", target, query, (*headers, ("sec-websocket-key", NONCE)), b"", websocket=True)
    opened = responder.dialect.read(offer, responder.fake)
    assert opened.trouble is None
    exchange, said = responder.open(1, 0), {"type": "response.create", "model": MODEL, "input": "x", "response": {}}
    event = json.dumps({name: said[name] for name in said if (name == "response") != (path == RESPONSES)})
    reply = responder.reply(exchange, turn(offer, event), responder.dialect.session(opened))
    ops = list(reply.script)
    assert not exchange.error
    return ops, exchange


@pytest.mark.slow
@each_session
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(composed=compositions(), seed=st.integers(0, 2**31))
def test_any_composition_is_frames(path: str, composed: list[Fault], seed: int) -> None:
    """
    The script has one end, finite waits and at most one head; what it says are frames that any client can read; the
    same seed says the same, and the journal names a fault where the script is not the fair one.
    """
    ops, exchange = played(path, composed, seed)
    outgoing = Outgoing()
    data = b"".join(outgoing.feed(op.data) for op in ops if isinstance(op, Send))
    came = list(frames(data + (outgoing.finish() if isinstance(ops[-1], End) else b"")))

    assert [len(ops) - 1] == [number for number, op in enumerate(ops) if isinstance(op, LAST)]
    assert sum(isinstance(op, Head) for op in ops) <= 1
    assert all(math.isfinite(op.seconds) and op.seconds >= 0 for op in ops if isinstance(op, Wait))
    assert sum(each.size for each in came) >= len(data)
    assert list(messages(came)) or not came or not isinstance(ops[-1], End)
    assert ops == played(path, composed, seed)[0]
    assert exchange.faults or ops == played(path, [], seed)[0]


def test_every_fault_is_certified_in_a_session() -> None:
    """
    Each is named in this file, but for those that meet connections before there is a session, and those of HTTP/2,
    over which none is opened.
    """
    named = {value for value in globals().values() if isinstance(value, type)}
    others = {name for name, cls in load().items() if hasattr(cls, "door") or cls.__module__.endswith(".http2")}

    assert [] == sorted(name for name, cls in load().items() if cls not in named and name not in others)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
