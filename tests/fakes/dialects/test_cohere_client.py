"""Cohere's own client against the fake: every fair answer parsed, every trouble its own exception."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import cohere
import httpx
import pytest
from cohere.core.api_error import ApiError
from speaking import QUICK, serving

from brownout.fakes.answer import Answer, ToolCall, count_tokens
from brownout.fakes.ask import TROUBLES, Ask, Trouble
from brownout.fakes.fake import Fake, Limits
from brownout.fakes.faults.segments import JoinedFrames, SplitBytes
from brownout.fakes.faults.stream import MidstreamError, NoSentinel
from brownout.fakes.journal import Exchange
from brownout.fakes.script import Script
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

MODEL = "command-a-03-2025"
PROMPT = "[bo:k7q2x9] Please answer."
TEXT = QUICK.whole("k7q2x9")
MESSAGES: Any = [{"role": "user", "content": PROMPT}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "description": "?", "parameters": PARAMETERS}}]
CALLING = Answer(tool_calls=(ToolCall("weather", {"city": "Bonn"}),))
CLASSES: dict[str, type[ApiError]] = {
    "bad_request": cohere.BadRequestError,
    "context_length": cohere.BadRequestError,
    "invalid_key": cohere.UnauthorizedError,
    "forbidden": cohere.ForbiddenError,
    "not_found": cohere.NotFoundError,
    "model_not_found": cohere.NotFoundError,
    "unprocessable": cohere.UnprocessableEntityError,
    "rate_limited": cohere.TooManyRequestsError,
    "rate_limited_tokens": cohere.TooManyRequestsError,
    "trial_month": cohere.TooManyRequestsError,
    "content_policy": cohere.InvalidTokenError,
    "cancelled": cohere.ClientClosedRequestError,
    "server_error": cohere.InternalServerError,
    "not_implemented": cohere.NotImplementedError,
    "unavailable": cohere.ServiceUnavailableError,
    "overloaded": cohere.ServiceUnavailableError,
    "timeout": cohere.GatewayTimeoutError,
}
"""The client has no class of its own for any other trouble."""


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake of Cohere."""
    with serving(Fake(dialect="cohere", model=MODEL)) as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[cohere.ClientV2]:
    """Cohere's client, as it ships, with another base URL and without its own retries."""
    with httpx.Client(timeout=10) as connections:
        base = f"http://127.0.0.1:{server.port}"
        yield cohere.ClientV2(server.fake.keys[0], base_url=base, max_retries=0, httpx_client=connections)


def texts(events: Any) -> str:
    """The text of a stream."""
    return "".join(event.delta.message.content.text or "" for event in events if event.type == "content-delta")


def account(server: FakeServer, client: cohere.ClientV2) -> Exchange:
    """The first exchange when it is over: its account stands before the connection serves the next request."""
    client.models.get(MODEL)
    return server.journal[0]


class TestFair:
    def test_a_chat(self, server: FakeServer, client: cohere.ClientV2) -> None:
        """
        Text, reason and billed units are what the fake said; the model has read more than is billed.
        """
        found: Any = client.chat(model=MODEL, messages=MESSAGES)
        exchange = account(server, client)

        assert ("COMPLETE", TEXT) == (found.finish_reason, found.message.content[0].text)
        billed = found.usage.billed_units
        assert (exchange.input_tokens, exchange.output_tokens) == (billed.input_tokens, billed.output_tokens)
        assert found.usage.tokens.input_tokens > billed.input_tokens

    def test_a_stream(self, server: FakeServer, client: cohere.ClientV2) -> None:
        """
        The events come in the provider's order, and the last one says why it ended and what is billed.
        """
        found: Any = list(client.chat_stream(model=MODEL, messages=MESSAGES))

        pieces = ["content-delta"] * 6
        assert ["message-start", "content-start", *pieces, "content-end", "message-end"] == [e.type for e in found]
        assert TEXT == texts(found)
        assert "COMPLETE" == found[-1].delta.finish_reason
        assert account(server, client).output_tokens == found[-1].delta.usage.billed_units.output_tokens

    async def test_the_asynchronous_client(self, server: FakeServer) -> None:
        """
        It hears the same: text, whole and streamed, tools, embeddings, ranks.
        """
        async with httpx.AsyncClient(timeout=10) as connections:
            base = f"http://127.0.0.1:{server.port}"
            client = cohere.AsyncClientV2(server.fake.keys[0], base_url=base, httpx_client=connections)
            found: Any = await client.chat(model=MODEL, messages=MESSAGES)
            events = [event async for event in client.chat_stream(model=MODEL, messages=MESSAGES)]
            embedded = await client.embed(model="embed-v4.0", input_type="classification", texts=["a", "b"])
            ranked = await client.rerank(model="rerank-v3.5", query="a", documents=["b", "c"])
            server.answer = CALLING
            called: Any = await client.chat(model=MODEL, messages=MESSAGES, tools=TOOLS)

        assert ("COMPLETE", TEXT) == (found.finish_reason, found.message.content[0].text)
        assert (TEXT, "message-end") == (texts(events), events[-1].type)
        assert 2 == len(embedded.embeddings.float_ or ())
        assert {0, 1} == {each.index for each in ranked.results}
        (call,) = called.message.tool_calls
        assert {"city": "Bonn"} == json.loads(call.function.arguments)

    @pytest.mark.parametrize("fault", [SplitBytes(), JoinedFrames(), NoSentinel()], ids=repr)
    def test_a_stream_in_any_segments(self, server: FakeServer, client: cohere.ClientV2, fault: Any) -> None:
        """
        However the bytes fall, and without the sentinel too, the text is the same.
        """
        server.weather = Weather([always(fault)])
        server.answer = Answer(words=8, unicode=True)

        assert server.answer.whole("k7q2x9") == texts(client.chat_stream(model=MODEL, messages=MESSAGES))

    def test_a_tool_call_and_what_came_of_it(self, server: FakeServer, client: cohere.ClientV2) -> None:
        """
        The call has its arguments as JSON, whole and in pieces; told the result, the model talks.
        """
        server.answer = CALLING
        called: Any = client.chat(model=MODEL, messages=MESSAGES, tools=TOOLS)
        streamed: Any = list(client.chat_stream(model=MODEL, messages=MESSAGES, tools=TOOLS))
        (call,) = called.message.tool_calls
        result = {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}
        told: Any = client.chat(model=MODEL, messages=[*MESSAGES, called.message, result], tools=TOOLS)

        assert ("TOOL_CALL", "weather") == (called.finish_reason, call.function.name)
        assert {"city": "Bonn"} == json.loads(call.function.arguments)
        assert called.message.tool_plan
        deltas = [event.delta.message.tool_calls for event in streamed if event.type == "tool-call-delta"]
        assert call.function.arguments == "".join(delta.function.arguments for delta in deltas)
        assert server.answer.whole("k7q2x9") == told.message.content[0].text

    def test_a_forced_call(self, client: cohere.ClientV2) -> None:
        """
        Where a tool has to be called one is, and where none may be, none is.
        """
        forced: Any = client.chat(model=MODEL, messages=MESSAGES, tools=TOOLS, tool_choice="REQUIRED")
        free: Any = client.chat(model=MODEL, messages=MESSAGES, tools=TOOLS, tool_choice="NONE")

        assert (1, None) == (len(forced.message.tool_calls), free.message.tool_calls)

    def test_structured_output(self, client: cohere.ClientV2) -> None:
        """
        The answer is JSON, and fits the schema where there is one.
        """
        fitting: Any = {"type": "json_object", "json_schema": PARAMETERS}
        plain: Any = {"type": "json_object"}
        found: list[Any] = [
            client.chat(model=MODEL, messages=MESSAGES, response_format=each) for each in (fitting, plain)
        ]

        assert [["city"], ["answer"]] == [list(json.loads(each.message.content[0].text)) for each in found]

    def test_thoughts_and_cached_tokens(self, server: FakeServer, client: cohere.ClientV2) -> None:
        """
        What was thought comes before what is said, unless it is switched off, and what was cached is counted.
        """
        server.answer = Answer(words=3, reasoning_tokens=7, cached_tokens=2)
        thinking: Any = client.chat(model=MODEL, messages=MESSAGES)
        silent: Any = client.chat(model=MODEL, messages=MESSAGES, thinking={"type": "disabled"})  # type: ignore[arg-type]
        streamed: Any = list(client.chat_stream(model=MODEL, messages=MESSAGES))

        assert ["thinking", "text"] == [each.type for each in thinking.message.content]
        assert ["text"] == [each.type for each in silent.message.content]
        assert 2 == thinking.usage.cached_tokens
        assert 7 == thinking.usage.billed_units.output_tokens - silent.usage.billed_units.output_tokens
        assert thinking.message.content[1].text == texts(streamed)

    @pytest.mark.parametrize(
        ("answer", "stop", "reason"),
        [
            (Answer(finish="length"), [], "MAX_TOKENS"),
            (Answer(finish="content_filter"), [], "ERROR"),
            (Answer(refusal="I will not."), [], "COMPLETE"),
            (Answer(words=5), ["-3"], "STOP_SEQUENCE"),
        ],
    )
    def test_why_it_ended(
        self, server: FakeServer, client: cohere.ClientV2, answer: Answer, stop: list[str], reason: str
    ) -> None:
        """
        The reason is Cohere's word for it.
        """
        server.answer = answer

        assert reason == client.chat(model=MODEL, messages=MESSAGES, stop_sequences=stop).finish_reason

    def test_embeddings(self, server: FakeServer, client: cohere.ClientV2) -> None:
        """
        There is a vector for each text, in every format asked for.
        """
        formats: Any = ["float", "int8", "uint8", "binary", "ubinary", "base64"]
        found: Any = client.embed(
            model="embed-v4.0",
            input_type="search_query",
            texts=["a", "b"],
            embedding_types=formats,
            output_dimension=256,
        )
        vectors = found.embeddings

        assert [256, 256] == [len(each) for each in vectors.float_]
        assert all(-128 <= number <= 127 for each in vectors.int8 for number in each)
        assert [[number + 128 for number in each] for each in vectors.int8] == vectors.uint8
        assert [32, 32] == [len(each) for each in vectors.binary]
        assert [[number + 128 for number in each] for each in vectors.binary] == vectors.ubinary
        assert 2 == len(set(vectors.base64))
        assert account(server, client).input_tokens == found.meta.billed_units.input_tokens

    def test_embedded_images(self, client: cohere.ClientV2) -> None:
        """
        Images are billed as such.
        """
        image = "data:image/png;base64,aGk="
        found: Any = client.embed(model="embed-v4.0", input_type="image", images=[image])

        assert (1536, 1) == (len(found.embeddings.float_[0]), found.meta.billed_units.images)

    def test_reranked_documents(self, client: cohere.ClientV2) -> None:
        """
        Who shares the query's words comes first; searches are billed, and no more documents come than are wanted.
        """
        documents = ["a city on a river", "the capital of France", "nothing"]
        found: Any = client.rerank(model="rerank-v3.5", query="capital of France", documents=documents, top_n=2)

        assert (2, 1) == (len(found.results), found.results[0].index)
        assert 1 >= found.results[0].relevance_score > found.results[1].relevance_score >= 0
        assert 1 == found.meta.billed_units.search_units

    @pytest.mark.parametrize("text", ["tokenize me! :D", "né à Zürich 🙂", "a"])
    def test_tokens_become_the_text_again(self, server: FakeServer, client: cohere.ClientV2, text: str) -> None:
        """
        As many as are counted elsewhere, told apart by number and text, for nothing.
        """
        made = client.tokenize(text=text, model=MODEL, offline=False)
        back = client.detokenize(tokens=made.tokens, model=MODEL, offline=False)

        assert text == back.text
        assert count_tokens(text) == len(made.tokens) == len(made.token_strings)
        assert made.meta is not None
        assert made.meta.api_version is not None
        assert "1" == made.meta.api_version.version
        assert [("tokenize", 0), ("detokenize", 0)] == [(each.route, each.microdollars) for each in server.journal]

    async def test_tokens_of_the_asynchronous_client(self, server: FakeServer) -> None:
        """
        The same.
        """
        async with httpx.AsyncClient(timeout=10) as connections:
            base = f"http://127.0.0.1:{server.port}"
            made = cohere.AsyncClientV2(server.fake.keys[0], base_url=base, max_retries=0, httpx_client=connections)
            tokens = await made.tokenize(text="hello", model=MODEL, offline=False)
            back = await made.detokenize(tokens=tokens.tokens, model=MODEL, offline=False)

        assert ["hell", "o"] == tokens.token_strings
        assert "hello" == back.text

    @pytest.mark.parametrize("token", [0, -1, 1, 255, 1 << 8 << 32, 1 << 64])
    def test_what_is_no_token_is_refused(self, client: cohere.ClientV2, token: int) -> None:
        """
        So is a text that is empty or too long, and an unknown model.
        """
        with pytest.raises(cohere.BadRequestError, match="is not a token"):
            client.detokenize(tokens=[token], model=MODEL, offline=False)
        for text in ("", "x" * 65_537):
            with pytest.raises(cohere.BadRequestError, match="text must be at least 1"):
                client.tokenize(text=text, model=MODEL, offline=False)
        with pytest.raises(cohere.NotFoundError):
            client.tokenize(text="a", model="gpt-9", offline=False)

    def test_models(self, client: cohere.ClientV2) -> None:
        """
        They are listed by what they are for, and each can be looked up.
        """
        embedding = client.models.list(endpoint="embed")

        assert ["embed-english-v3.0", "embed-v4.0"] == [model.name for model in embedding.models]
        assert 256_000 == client.models.get(MODEL).context_length


class TestTroubles:
    @pytest.mark.parametrize("kind", sorted(TROUBLES | CLASSES.keys()))
    def test_every_trouble_is_an_exception(self, server: FakeServer, client: cohere.ClientV2, kind: str) -> None:
        """
        It has the class that the client has for its status, with the provider's status and message, also where the
        answer was to be streamed.
        """
        server.weather = Weather([always(_Saying(kind))])

        with pytest.raises(ApiError) as raised:
            client.chat(model=MODEL, messages=MESSAGES)
        with pytest.raises(ApiError) as streamed:
            list(client.chat_stream(model=MODEL, messages=MESSAGES))

        assert CLASSES.get(kind, ApiError) is type(raised.value) is type(streamed.value)
        assert server.journal[0].status == raised.value.status_code
        assert raised.value.body
        assert kind == "bad_gateway" or {"id", "message"} == raised.value.body.keys()

    def test_a_trial_key(self) -> None:
        """
        Its limits are in the headers of answers, and of the refusal nothing but the message tells of them.
        """
        with (
            serving(Fake(dialect="cohere", model=MODEL, limits=Limits(rpm=2))) as server,
            httpx.Client(timeout=10) as connections,
        ):
            base = f"http://127.0.0.1:{server.port}"
            client = cohere.ClientV2(server.fake.keys[0], base_url=base, max_retries=0, httpx_client=connections)
            for _ in range(2):
                client.chat(model=MODEL, messages=MESSAGES)
            with pytest.raises(cohere.TooManyRequestsError) as raised:
                client.chat(model=MODEL, messages=MESSAGES)

        first, _, refused = (dict(exchange.headers) for exchange in server.journal)
        assert raised.value.body["message"].startswith(
            "You are using a Trial key, which is limited to 2 API calls / minute."
        )
        assert ("2", "1") == (first["x-trial-endpoint-call-limit"], first["x-trial-endpoint-call-remaining"])
        assert "x-trial-endpoint-call-limit" not in refused

    def test_an_error_inside_a_stream(self, server: FakeServer, client: cohere.ClientV2) -> None:
        """
        It comes as the end of the message; the client raises nothing.
        """
        server.weather = Weather([always(MidstreamError(3))])

        *_, last = list[Any](client.chat_stream(model=MODEL, messages=MESSAGES))

        assert ("message-end", "ERROR") == (last.type, last.delta.finish_reason)
        assert "internal server error" in last.delta.error


class _Saying:
    """A fault that says no with one trouble."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, Trouble(self._kind))
