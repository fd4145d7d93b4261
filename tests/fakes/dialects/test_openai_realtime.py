"""Realtime sessions: every event by the official client's own models and by the published description."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import strict
from openai import AsyncOpenAI, OpenAI
from openai.types.realtime import RealtimeServerEvent
from rawsession import MODEL, RawSession, answers, realtime_fake, session, where
from rawsocket import CANARY, QUICK
from scripted import until
from speaking import billed, serving
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import TROUBLES, Ask, Trouble
from brownout.fakes.fake import Limits
from brownout.fakes.faults.connection import Cut
from brownout.fakes.faults.replies import Overloaded, RateLimited
from brownout.fakes.faults.session import CloseSession
from brownout.fakes.faults.stream import MidstreamError
from brownout.fakes.script import Script
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Rule, Weather, When

WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "how it is",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALLS = (ToolCall("weather", {"city": "Zürich"}), ToolCall("weather", {"city": "Bern"}))
TEXT = [{"type": "input_text", "text": f"say it [bo:{CANARY}]"}]
MESSAGE = {"type": "message", "role": "user", "content": TEXT}
# Every shape that a response can have: what is asked for, and what the model is told to say.
SHAPES: dict[str, tuple[dict[str, Any], Answer]] = {
    "words": ({}, QUICK),
    "settings": ({"instructions": "be brief", "metadata": {"a": "b"}, "max_output_tokens": 4000}, QUICK),
    "unicode": ({}, Answer(words=6, unicode=True)),
    "cut short": ({"max_output_tokens": 5}, Answer(words=30)),
    "filtered": ({}, Answer(words=3, finish="content_filter")),
    "refusal": ({}, Answer(refusal="I'm sorry, I can't help with that.")),
    "forced call": ({"tools": [WEATHER], "tool_choice": "required"}, QUICK),
    "two calls": ({"tools": [WEATHER]}, Answer(tool_calls=CALLS)),
    "reasoning": ({}, Answer(words=3, reasoning_tokens=100, cached_tokens=3)),
    "nothing": ({}, Answer(words=0)),
    "aside": ({"conversation": "none", "input": [MESSAGE], "output_modalities": ["text"]}, QUICK),
}
CLIENT_EVENTS: list[dict[str, Any]] = [
    {"type": "session.update", "session": {"type": "realtime", "tools": [WEATHER], "instructions": "x"}},
    {"type": "conversation.item.create", "item": {**MESSAGE, "id": "mine"}},
    {"type": "conversation.item.create", "item": {"type": "message", "role": "system", "content": TEXT}},
    {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I said"}]},
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call", "name": "weather", "call_id": "call_1", "arguments": "{}"},
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
    },
    {"type": "conversation.item.retrieve", "item_id": "mine"},
    {"type": "conversation.item.delete", "item_id": "mine"},
    {"type": "nothing", "event_id": "mine"},
]


async def said(response: dict[str, Any], answer: Answer, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """Every event of a session in which some events and a response were asked for."""
    async with session(answer=answer) as raw:
        for event in events:
            await raw.send(event)
        await raw.ask(**response)
        return (await raw.hear("rate_limits.updated", "error")).events


@pytest.fixture(params=SHAPES)
def spoken(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """The events of a response of each shape, and before it those that acknowledge its item."""
    return asyncio.run(said(*SHAPES[request.param]))


def strictly(event: dict[str, Any]) -> None:
    """Hold an event against the client's models."""
    strict.sdk(RealtimeServerEvent, event)


class TestEvents:
    def test_the_client_s_models_accept_every_event(self, spoken: list[dict[str, Any]]) -> None:
        """
        Validated strictly, with no field left over.
        """
        for event in spoken:
            strictly(event)

    def test_the_published_description_accepts_every_event(self, spoken: list[dict[str, Any]]) -> None:
        """
        By the schema that its type names.
        """
        for event in spoken:
            strict.published_event(event, "RealtimeServerEvent")

    def test_every_event_has_an_identifier_of_its_own(self, spoken: list[dict[str, Any]]) -> None:
        """
        None comes twice.
        """
        names = [event["event_id"] for event in spoken]

        assert len(names) == len(set(names))

    def test_acknowledgements_and_errors_too(self) -> None:
        """
        Whatever a client says besides is answered by events that both accept.
        """

        async def talk() -> list[dict[str, Any]]:
            async with session() as raw:
                for event in CLIENT_EVENTS:
                    await raw.send(event)
                greeted = RawSession(raw.server)
                await greeted.offer()
                first = (await greeted.hear("session.created")).events
                greeted.close()
                return first + (await raw.hear("error")).events

        events = asyncio.run(talk())
        for event in events:
            strictly(event)
        assert {
            "session.created",
            "session.updated",
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.retrieved",
            "conversation.item.deleted",
            "error",
        } == {event["type"] for event in events}
        for event in events:
            strict.published_event(event, "RealtimeServerEvent")

    def test_the_order_is_that_of_captures(self) -> None:
        """
        Of a message and of a call.
        """
        words = [event["type"] for event in asyncio.run(said({}, Answer(words=1)))]
        call = [event["type"] for event in asyncio.run(said(*SHAPES["forced call"]))]

        assert [
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ] == words
        assert [
            "response.function_call_arguments.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ] == call[-5:]

    @pytest.mark.parametrize(
        ("shape", "status", "details"),
        [
            ("words", "completed", None),
            ("cut short", "incomplete", {"type": "incomplete", "reason": "max_output_tokens"}),
            ("filtered", "incomplete", {"type": "incomplete", "reason": "content_filter"}),
        ],
    )
    def test_the_response_says_how_it_ended(self, shape: str, status: str, details: object) -> None:
        """
        With the usage that the meter bills.
        """

        async def talk() -> None:
            response, answer = SHAPES[shape]
            async with session(answer=answer) as raw:
                await raw.ask(**response)
                done = (await raw.hear("response.done")).events[-1]["response"]
                exchange = answers(raw.server)[0]
                await raw.hear("rate_limits.updated")
                assert (status, details) == (done["status"], done["status_details"])
                assert exchange.output_tokens == done["usage"]["output_tokens"] > 0
                assert exchange.input_tokens == done["usage"]["input_tokens"]

        asyncio.run(talk())


class TestConversation:
    def test_what_was_said_is_read_again(self) -> None:
        """
        An answer and the outcome of its call belong to the next ask, which is the model's turn to talk.
        """

        async def talk() -> None:
            async with session(answer=Answer(tool_calls=CALLS[:1], words=2)) as raw:
                await raw.send({"type": "session.update", "session": {"type": "realtime", "tools": [WEATHER]}})
                await raw.ask()
                call = (await raw.hear("response.done")).events[-1]["response"]["output"][0]
                output = {"type": "function_call_output", "call_id": call["call_id"], "output": "it rains"}
                await raw.send({"type": "conversation.item.create", "item": output})
                await raw.send({"type": "response.create"})
                await raw.hear("rate_limits.updated")
                assert f"{CANARY}-1 {CANARY}-2" == (await raw.hear("rate_limits.updated")).words
                assert (f"say it [bo:{CANARY}]", '{"city":"Zürich"}', "it rains") == answers(raw.server)[1].texts
                assert ("weather",) == answers(raw.server)[1].tools

        asyncio.run(talk())

    def test_items_have_a_place(self) -> None:
        """
        Behind the one that is named, at the beginning behind "root"; deleted ones are read no more.
        """

        async def talk() -> None:
            async with session() as raw:
                for name, behind in (("b", None), ("d", None), ("a", "root"), ("c", "b"), ("x", "b")):
                    part = {"type": "input_text", "text": name}
                    item = {"type": "message", "role": "user", "id": name, "content": [part]}
                    place = {} if behind is None else {"previous_item_id": behind}
                    await raw.send({"type": "conversation.item.create", "item": item, **place})
                await raw.send({"type": "conversation.item.delete", "item_id": "x"})
                await raw.send({"type": "response.create"})
                added = [e for e in (await raw.hear("response.done")).events if e["type"] == "conversation.item.added"]
                assert ("a", "b", "c", "d") == answers(raw.server)[0].texts
                assert [None, "b", None, "b", "b", "d"] == [event["previous_item_id"] for event in added]

        asyncio.run(talk())

    @pytest.mark.parametrize(
        ("event", "code", "param"),
        [
            (b"no json", "invalid_json", None),
            ({"no": "type"}, "invalid_event", None),
            ({"type": "nope"}, "invalid_value", "type"),
            ({"type": "session.update"}, "missing_required_parameter", "session"),
            ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
            (
                {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["audio"]}},
                "invalid_value",
                "session.output_modalities",
            ),
            ({"type": "input_audio_buffer.append", "audio": "AAAA"}, "invalid_value", "type"),
            (
                {
                    "type": "conversation.item.create",
                    "item": {**MESSAGE, "content": [{"type": "input_audio", "audio": "AAAA"}]},
                },
                "invalid_value",
                "item.content[0].type",
            ),
            (
                {"type": "conversation.item.create", "item": {"type": "message", "role": "user"}},
                "missing_required_parameter",
                "item.content",
            ),
            (
                {
                    "type": "conversation.item.create",
                    "item": {"type": "function_call_output", "call_id": "no", "output": ""},
                },
                "invalid_tool_call_id",
                "item.call_id",
            ),
            ({"type": "conversation.item.delete", "item_id": "no"}, "item_not_found", "item_id"),
            ({"type": "conversation.item.truncate", "item_id": "no"}, "invalid_value", "item_id"),
        ],
        ids=repr,
    )
    def test_what_is_wrong_is_told_and_the_session_goes_on(self, event: Any, code: str, param: str | None) -> None:
        """
        An error with its code and the parameter; the next response comes.
        """

        async def talk() -> None:
            async with session() as raw:
                await raw.send(event)
                error = (await raw.hear("error")).events[-1]["error"]
                await raw.ask()
                assert "response.done" in (await raw.hear("response.done", "error")).kinds
                assert (code, param) == (error["code"], error["param"])

        asyncio.run(talk())

    @pytest.mark.parametrize(
        ("response", "param"),
        [
            ({"output_modalities": ["audio"]}, "response.output_modalities"),
            ({"max_output_tokens": 5000}, "response.max_output_tokens"),
            ({"tools": [{"type": "function"}]}, "tools[0].name"),
            ({"input": [{"type": "item_reference", "id": "no"}]}, "response.input[0].id"),
            ({"input": [{"type": "message"}]}, "response.input[0].role"),
        ],
        ids=repr,
    )
    def test_a_response_asked_for_wrongly_is_an_exchange(self, response: dict[str, Any], param: str) -> None:
        """
        Refused in the journal too, with its canary, and never billed.
        """

        async def talk() -> None:
            async with session() as raw:
                await raw.ask(**response)
                error = (await raw.hear("error")).events[-1]["error"]
                await until(lambda: raw.server.journal[-1].ended)
                exchange = answers(raw.server)[0]
                assert param == error["param"]
                assert ("bad_request", 400, 0) == (exchange.trouble, exchange.status, exchange.microdollars)

        asyncio.run(talk())

    def test_limits_are_told_and_kept(self) -> None:
        """
        What is left of the tokens a minute follows each response; beyond it a response fails.
        """

        async def talk() -> None:
            async with session(fake=realtime_fake(limits=Limits(tpm=100))) as raw:
                await raw.ask(max_output_tokens=60)
                left = (await raw.hear("rate_limits.updated")).events[-1]["rate_limits"]
                await raw.ask(max_output_tokens=60)
                failed = (await raw.hear("response.done")).events[-1]["response"]
                assert ("tokens", 100) == (left[0]["name"], left[0]["limit"])
                assert left[0]["remaining"] <= 40
                assert "rate_limit_exceeded" == failed["status_details"]["error"]["code"]
                assert ["realtime", None] == [raw.server.journal[0].route, raw.server.journal[0].trouble]
                await until(lambda: raw.server.journal[-1].ended)
                assert 429 == answers(raw.server)[1].status

        asyncio.run(talk())


class Saying:
    """A fault that says no with any trouble."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The session's refusal."""
        return ask.dialect.trouble(ask, self.trouble)


@pytest.mark.parametrize("kind", sorted(TROUBLES))
def test_every_trouble_is_events_that_both_accept(kind: str) -> None:
    """
    An error, or a response that has failed.
    """

    async def talk() -> list[dict[str, Any]]:
        async with session(Saying(Trouble(kind, retry_after=3))) as raw:  # type: ignore[arg-type]  # it rewrites
            await raw.ask()
            return (await raw.hear("response.done", "error")).events

    events = asyncio.run(talk())
    for event in events:
        strictly(event)
    last = events[-1]
    assert last["type"] == "error" or last["response"]["status"] == "failed"
    for event in events:
        strict.published_event(event, "RealtimeServerEvent")


@asynccontextmanager
async def official(*rules: Rule, answer: Answer = QUICK) -> AsyncIterator[tuple[FakeServer, AsyncOpenAI]]:
    """A fake and the official client of it."""
    server = FakeServer(realtime_fake(), weather=Weather(rules))
    server.answer = answer
    await server.start()
    try:
        async with AsyncOpenAI(api_key=server.fake.keys[0], **where(server.url)) as client:
            yield server, client
    finally:
        await server.stop()


async def ask(connection: Any) -> None:
    """A turn, by the client's own helpers."""
    await connection.conversation.item.create(item=MESSAGE)
    await connection.response.create(response={"output_modalities": ["text"]})


async def listen(connection: Any) -> None:
    """Read to the end."""
    while True:
        await connection.recv()


class TestOfficialClient:
    def test_async(self) -> None:
        """
        It opens a session, updates it, asks, and parses every event; what it puts together is what the fake said.
        """

        async def talk() -> None:
            async with official() as (server, client), client.realtime.connect(model=MODEL) as connection:
                await connection.session.update(session={"type": "realtime", "instructions": "be brief"})
                await ask(connection)
                words, kinds = "", []
                while not kinds or kinds[-1] != "response.done":
                    data = await connection.recv_bytes()
                    strictly(json.loads(data))
                    event = connection.parse_event(data)
                    kinds.append(event.type)
                    words += event.delta if event.type == "response.output_text.delta" else ""
                assert QUICK.whole(CANARY) == words
                assert {"session.created", "session.updated", "conversation.item.done"} <= set(kinds)
                assert ("be brief", f"say it [bo:{CANARY}]") == answers(server)[0].texts

        asyncio.run(talk())

    def test_sync(self) -> None:
        """
        The client that blocks, too; it leaves with a close frame, and the session is over properly.
        """
        with serving(realtime_fake()) as server:
            client = OpenAI(api_key=server.fake.keys[0], **where(server.url))
            with client.realtime.connect(model=MODEL) as connection:
                connection.conversation.item.create(item=MESSAGE)  # type: ignore[arg-type]  # a plain table
                connection.response.create()
                words = ""
                for event in connection:
                    strictly(json.loads(event.to_json()))
                    words += event.delta if event.type == "response.output_text.delta" else ""
                    if event.type == "response.done":
                        assert event.response.usage is not None
                        assert 14 == event.response.usage.output_tokens
                        break
            client.close()
            assert QUICK.whole(CANARY) == words
            assert "complete" == billed(server).ended
            assert "complete" == billed(server, 0).ended

    def test_a_wrong_key_is_an_error_in_the_session(self) -> None:
        """
        The client is let in, told, and shown out with 3000.
        """

        async def talk() -> None:
            async with official() as (server, _):
                client = AsyncOpenAI(api_key="sk-wrong-0123456789abcdef", **where(server.url))
                async with client.realtime.connect(model=MODEL) as connection:
                    event = await connection.recv()
                    assert event.type == "error"
                    assert "invalid_api_key" == event.error.code
                    with pytest.raises(ConnectionClosedError) as raised:
                        await connection.recv()
                assert raised.value.rcvd is not None
                assert 3000 == raised.value.rcvd.code
                await client.close()

        asyncio.run(talk())

    def test_a_limit_on_the_handshake_is_http(self) -> None:
        """
        The client's library raises the status.
        """

        async def talk() -> None:
            rule = Rule((RateLimited(retry_after=5),), When(route="realtime"))
            async with official(rule) as (_, client):
                with pytest.raises(InvalidStatus) as raised:
                    async with client.realtime.connect(model=MODEL):
                        pass
                assert 429 == raised.value.response.status_code

        asyncio.run(talk())

    @pytest.mark.parametrize(
        ("fault", "code"),
        [(Cut(chunks=2, how="fin"), None), (Cut(chunks=2, how="reset"), None), (CloseSession(), 1011)],
    )
    def test_a_session_that_breaks(self, fault: Any, code: int | None) -> None:
        """
        The client sees a connection that was closed without a close frame, or with one.
        """

        async def talk() -> None:
            rule = Rule((fault,), When(stream=True))
            async with official(rule) as (_, client), client.realtime.connect(model=MODEL) as connection:
                await ask(connection)
                with pytest.raises(ConnectionClosedError) as raised:
                    await listen(connection)
                assert code == (raised.value.rcvd.code if raised.value.rcvd else None)

        asyncio.run(talk())

    @pytest.mark.parametrize("fault", [Overloaded(), MidstreamError(chunks=1, kind="server_error")], ids=repr)
    def test_a_response_that_fails(self, fault: Any) -> None:
        """
        It is done, and has failed; the client says nothing of it by itself.
        """

        async def talk() -> None:
            rule = Rule((fault,), When(stream=True))
            async with official(rule) as (_, client), client.realtime.connect(model=MODEL) as connection:
                await ask(connection)
                async for event in connection:
                    if event.type == "response.done":
                        assert event.response.status == "failed"
                        assert event.response.status_details is not None
                        assert event.response.status_details.error is not None
                        break

        asyncio.run(talk())
