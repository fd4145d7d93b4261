"""Responses over a WebSocket: the same events as over HTTP, by the official client and by the published description."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import strict
from openai import AsyncOpenAI, OpenAI
from rawsession import RESPONSES, RawSession, answers, session
from rawsocket import CANARY, QUICK
from response_shapes import SHAPES
from scripted import until
from speaking import serving
from websockets.exceptions import InvalidStatus

from brownout.fakes.answer import Answer
from brownout.fakes.ask import TROUBLES, Ask, Trouble
from brownout.fakes.fake import Fake, Limits
from brownout.fakes.faults.replies import RateLimited
from brownout.fakes.script import Script
from brownout.fakes.server import FakeServer

ResponsesServerEvent = pytest.importorskip(
    "openai.types.responses.responses_server_event", reason="this generation of the client has no such sessions"
).ResponsesServerEvent
ENDS = ("response.completed", "response.incomplete", "error")
WHOLE = QUICK.whole(CANARY)


def told(*asks: dict[str, Any], answer: Answer = QUICK, fake: Fake | None = None) -> list[list[dict[str, Any]]]:
    """What each of some asks gets, one after the other in one session."""

    async def talk() -> list[list[dict[str, Any]]]:
        came = []
        async with session(path=RESPONSES, answer=answer, fake=fake or Fake()) as raw:
            for each in asks:
                await raw.create(**each)
                came.append((await raw.hear(*ENDS)).events)
        return came

    return asyncio.run(talk())


def accepted(event: dict[str, Any]) -> None:
    """Hold an event against the published description."""
    if event["type"] == "error":
        strict.published("ResponseWsError", event)
    else:
        strict.published_event({name: value for name, value in event.items() if name != "stream_id"})


@pytest.fixture(params=SHAPES)
def spoken(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """The events of a response of each shape, in a lane."""
    body, answer = SHAPES[request.param]
    return told({"stream_id": "agent_1", **body}, answer=answer)[0]


class TestEvents:
    def test_the_client_s_models_accept_every_event(self, spoken: list[dict[str, Any]]) -> None:
        """
        Validated strictly, with no field left over; each names its lane.
        """
        for event in spoken:
            strict.sdk(ResponsesServerEvent, event)
            assert "agent_1" == event["stream_id"]

    def test_the_published_description_accepts_every_event(self, spoken: list[dict[str, Any]]) -> None:
        """
        By the schema that its type names.
        """
        for event in spoken:
            accepted(event)

    def test_they_are_those_of_a_stream(self) -> None:
        """
        The same types in the same order, numbered from 0, without a lane where none was named.
        """
        events = told({})[0]

        assert list(range(len(events))) == [event["sequence_number"] for event in events]
        assert ["response.created", "response.in_progress", "response.output_item.added"] == [
            event["type"] for event in events[:3]
        ]
        assert WHOLE == "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        assert not any("stream_id" in event for event in events)


class TestContinuing:
    def test_an_answer_that_is_not_stored_is_known_to_its_connection(self) -> None:
        """
        As long as it is the last of its lane; to any other connection it is unknown.
        """

        async def talk() -> None:
            async with session(path=RESPONSES, fake=Fake()) as raw:
                await raw.create(store=False)
                first = (await raw.hear(*ENDS)).events[-1]["response"]
                await raw.create(store=False, previous_response_id=first["id"])
                second = (await raw.hear(*ENDS)).events[-1]["response"]
                other = RawSession(raw.server)
                await other.offer(RESPONSES)
                await other.create(previous_response_id=second["id"])
                unknown = (await other.hear(*ENDS)).events[-1]
                await raw.create(previous_response_id=first["id"])
                forgotten = (await raw.hear(*ENDS)).events[-1]
                other.close()
                assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]
                for error in (unknown, forgotten):
                    assert (400, "previous_response_not_found", "previous_response_id") == (
                        error["status"],
                        error["error"]["code"],
                        error["error"]["param"],
                    )
                    accepted(error)
                    strict.sdk(ResponsesServerEvent, error)

        asyncio.run(talk())

    def test_a_continuation_that_fails_is_forgotten(self) -> None:
        """
        What it was to continue cannot be continued from this connection any more.
        """

        async def talk() -> None:
            async with session(path=RESPONSES, fake=Fake()) as raw:
                await raw.create(store=False)
                name = (await raw.hear(*ENDS)).events[-1]["response"]["id"]
                await raw.create(store=False, previous_response_id=name, temperature=9)
                assert "temperature" == (await raw.hear(*ENDS)).events[-1]["error"]["param"]
                await raw.create(previous_response_id=name)
                assert "previous_response_not_found" == (await raw.hear(*ENDS)).events[-1]["error"]["code"]

        asyncio.run(talk())

    def test_a_stored_answer_is_known_to_all(self) -> None:
        """
        Over HTTP too.
        """
        with serving() as server, OpenAI(base_url=server.url, api_key=server.fake.keys[0]) as client:
            with client.responses.connect() as connection:
                connection.response.create(model="gpt-4o-mini", input="hi")
                done = next(event for event in connection if event.type == "response.completed")
            assert done.response.id == client.responses.retrieve(done.response.id).id

    def test_nothing_is_generated_where_nothing_is_wanted(self) -> None:
        """
        With generate false the response is completed without output, and can be continued.
        """
        prepared, continued = (
            told({"generate": False, "store": False})[0],
            told({"generate": False}, {"instructions": "go on"})[1],
        )

        assert ["response.created", "response.in_progress", "response.completed"] == [e["type"] for e in prepared]
        assert ([], 0) == (
            prepared[-1]["response"]["output"],
            prepared[-1]["response"]["usage"]["output_tokens"],
        )
        assert "response.completed" == continued[-1]["type"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("ask", "code", "param"),
        [
            ({"model": "none"}, "model_not_found", None),
            ({"temperature": 9}, "decimal_above_max_value", "temperature"),
            ({"background": True}, "unsupported_parameter", "background"),
            ({"input": 5}, "invalid_type", "input"),
            ({"stream_id": "no spaces"}, "invalid_value", "stream_id"),
            ({"type": "response.steer"}, "invalid_value", "type"),
        ],
        ids=repr,
    )
    def test_what_is_wrong_is_told(self, ask: dict[str, Any], code: str, param: str | None) -> None:
        """
        As HTTP would, in an error event with the status; the next response comes.
        """
        wrong, right = told(ask, {})

        assert (code, param) == (wrong[-1]["error"]["code"], wrong[-1]["error"]["param"])
        assert wrong[-1]["status"] in {400, 404}
        assert "response.completed" == right[-1]["type"]
        accepted(wrong[-1])

    def test_lanes_are_counted(self) -> None:
        """
        The thirty-third is refused.
        """
        events = told(*({"stream_id": f"lane-{number}"} for number in range(33)), answer=Answer(words=1))

        assert "response.completed" == events[31][-1]["type"]
        assert ("websocket_stream_limit_reached", "stream_id") == (
            events[32][-1]["error"]["code"],
            events[32][-1]["error"]["param"],
        )

    def test_a_limit_says_when_to_come_back(self) -> None:
        """
        In the fairest weather too: the headers stand in the error, and in the journal.
        """

        async def talk() -> None:
            async with session(path=RESPONSES, fake=Fake(limits=Limits(rpm=1))) as raw:
                await raw.create()
                await raw.hear(*ENDS)
                await raw.create()
                error = (await raw.hear(*ENDS)).events[-1]
                await until(lambda: raw.server.journal[-1].ended)
                refused = answers(raw.server)[1]
                assert (429, "rate_limit_exceeded") == (error["status"], error["error"]["code"])
                assert error["error"]["headers"] == dict(refused.headers)
                assert {"retry-after", "retry-after-ms"} == set(error["error"]["headers"])
                strict.sdk(ResponsesServerEvent, error)

        asyncio.run(talk())


class Saying:
    """A fault that says no with any trouble."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The session's refusal."""
        return ask.dialect.trouble(ask, self.trouble)


@pytest.mark.parametrize("kind", sorted(TROUBLES))
def test_every_trouble_is_an_error_that_both_accept(kind: str) -> None:
    """
    With the status that HTTP has for it.
    """

    async def talk() -> dict[str, Any]:
        fault: Any = Saying(Trouble(kind, retry_after=3))
        async with session(fault, path=RESPONSES, fake=Fake()) as raw:
            await raw.create()
            return (await raw.hear("error")).events[-1]

    error = asyncio.run(talk())

    assert error["status"] >= 400
    strict.sdk(ResponsesServerEvent, error)
    accepted(error)


class TestOfficialClient:
    def test_async(self) -> None:
        """
        Several responses on one connection, every event validated; what it puts together is what the fake said.
        """

        async def talk() -> None:
            server = FakeServer(Fake())
            server.answer = QUICK
            await server.start()
            client = AsyncOpenAI(base_url=server.url, api_key=server.fake.keys[0], max_retries=0)
            async with client.responses.connect() as connection:
                for _ in range(2):
                    await connection.response.create(model="gpt-4o-mini", input=f"say it [bo:{CANARY}]")
                    words = ""
                    while True:
                        data = await connection.recv_bytes()
                        strict.sdk(ResponsesServerEvent, json.loads(data))
                        event = connection.parse_event(data)
                        words += event.delta if event.type == "response.output_text.delta" else ""
                        if event.type == "response.completed":
                            break
                    assert WHOLE == words
                    assert event.response.usage is not None
            await client.close()
            assert [1, 2] == [exchange.attempt for exchange in answers(server)]
            assert all(exchange.microdollars > 0 for exchange in answers(server)[:1])
            await server.stop()

        asyncio.run(talk())

    def test_a_wrong_key_is_http(self) -> None:
        """
        401 in answer to the offer.
        """

        async def talk() -> None:
            server = FakeServer(Fake())
            await server.start()
            client = AsyncOpenAI(base_url=server.url, api_key="sk-wrong-0123456789abcdef", max_retries=0)
            with pytest.raises(InvalidStatus) as raised:
                await client.responses.connect().enter()
            await client.close()
            await server.stop()
            assert 401 == raised.value.response.status_code
            assert b"invalid_api_key" in (raised.value.response.body or b"")

        asyncio.run(talk())

    def test_a_limit_is_an_event(self) -> None:
        """
        The client hands it on.
        """

        async def talk() -> None:
            async with session(RateLimited(retry_after=5), path=RESPONSES, fake=Fake()) as raw:
                server = raw.server
                client = AsyncOpenAI(base_url=server.url, api_key=server.fake.keys[0], max_retries=0)
                async with client.responses.connect() as connection:
                    await connection.response.create(model="gpt-4o-mini", input="hi")
                    event = await connection.recv()
                assert event.type == "error"
                assert (429, {"retry-after": "5"}) == (event.status, event.error.headers)
                await client.close()

        asyncio.run(talk())
