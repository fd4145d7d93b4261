"""Mistral's own client against the fake: every fair answer parsed, every trouble its own exception."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from languages import LANGUAGES
from mistralai.client import Mistral, errors
from mistralai.client.models import ChatCompletionResponse, CompletionChunk
from speaking import KEY, MESSAGES, QUICK, Provider, serving
from strict import sdk

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import Trouble
from brownout.fakes.dialects.mistral.troubles import TROUBLES
from brownout.fakes.fake import Fake
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

MODEL = "mistral-large-latest"
CHAT = "/v1/chat/completions"
TEXT = QUICK.whole("k7q2x9")
CHATS: Any = MESSAGES
TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CALLS = Answer(tool_calls=(ToolCall("weather", {"city": "Bern, the capital of the country"}),))
FORMAT: Any = {
    "type": "json_schema",
    "json_schema": {"name": "city", "schema": {"type": "object", "properties": {"name": {"type": "string"}}}},
}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


class Saying:
    """A fault that says no with one kind of trouble."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def rewrite(self, script: Any, ask: Any) -> Any:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, Trouble(self.kind))


def mistral(answer: Answer = QUICK) -> Provider:
    """A provider that speaks Mistral's dialect."""
    language = LANGUAGES["mistral"]
    return Provider(language.fake(), answer, language=language)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake of Mistral."""
    with serving(Fake(dialect="mistral", model=MODEL)) as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[Mistral]:
    """The client as it ships."""
    with Mistral(api_key=KEY, server_url=server.url, timeout_ms=10_000) as made:
        yield made


class TestFair:
    def test_a_completion(self, client: Mistral) -> None:
        """
        It has the words and says what it used.
        """
        made: Any = client.chat.complete(model=MODEL, messages=CHATS)

        assert (TEXT, "stop") == (made.choices[0].message.content, made.choices[0].finish_reason)
        assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens
        assert made.usage.completion_tokens

    def test_a_stream_has_its_usage_in_the_last_chunk(self, client: Mistral) -> None:
        """
        The pieces are the words; the chunk with the reason has the usage.
        """
        with client.chat.stream(model=MODEL, messages=CHATS) as stream:
            chunks = [event.data for event in stream]

        assert TEXT == "".join(str(chunk.choices[0].delta.content or "") for chunk in chunks)
        assert "stop" == chunks[-1].choices[0].finish_reason
        assert chunks[-1].usage
        assert not any(chunk.usage for chunk in chunks[:-1])

    def test_a_tool_is_called_in_one_piece(self, client: Mistral, server: FakeServer) -> None:
        """
        Whole and streamed, with an identifier of nine characters.
        """
        server.answer = CALLS
        made: Any = client.chat.complete(model=MODEL, messages=CHATS, tools=[TOOL], tool_choice="any")
        with client.chat.stream(model=MODEL, messages=CHATS, tools=[TOOL]) as stream:
            deltas: Any = [event.data.choices[0].delta for event in stream]

        streamed = [call for delta in deltas for call in delta.tool_calls or ()]
        assert 1 == len(streamed)
        for call in (made.choices[0].message.tool_calls[0], streamed[0]):
            assert CALLS.tool_calls[0].arguments == json.loads(call.function.arguments)
            assert 9 == len(call.id)

    def test_structure_embeddings_and_models(self, client: Mistral) -> None:
        """
        A structure is JSON, an embedding has its size, models have their capabilities.
        """
        made: Any = client.chat.complete(model=MODEL, messages=CHATS, response_format=FORMAT)
        usual: Any = client.embeddings.create(model="mistral-embed", inputs=["a", "b"])
        small: Any = client.embeddings.create(model="mistral-embed", inputs="a", output_dimension=16)
        listed: Any = client.models.list()
        one: Any = client.models.retrieve(model_id=MODEL)

        assert isinstance(json.loads(made.choices[0].message.content), dict)
        assert ([1024, 1024], 16) == ([len(each.embedding) for each in usual.data], len(small.data[0].embedding))
        assert MODEL in [each.id for each in listed.data]
        assert one.capabilities.completion_chat

    def test_a_model_that_declines_says_so(self) -> None:
        """
        A refusal is the content, whole and streamed.
        """
        for stream in (False, True):
            spoken = mistral(Answer(refusal="No.")).post(CHAT, {"model": MODEL, "messages": MESSAGES, "stream": stream})
            assert "No." in spoken.body.decode()
            assert "refusal" not in spoken.body.decode()

    @pytest.mark.parametrize("asked", [{"reasoning_effort": "high"}, {"prompt_mode": "reasoning"}])
    @pytest.mark.parametrize("choices", [1, 2])
    def test_what_was_thought_comes_before_the_text(
        self, client: Mistral, server: FakeServer, asked: dict[str, Any], choices: int
    ) -> None:
        """
        Where the model is to think, the content is a list of what it thought and what it says, whole and streamed.
        """
        server.answer = Answer(words=3, reasoning_tokens=7)
        made: Any = client.chat.complete(model=MODEL, messages=CHATS, n=choices, **asked)
        with client.chat.stream(model=MODEL, messages=CHATS, n=choices, **asked) as stream:
            deltas: Any = [each.delta.content for event in stream for each in event.data.choices if each.delta.content]

        for choice in made.choices:
            thought, text = choice.message.content
            assert ("thinking", "text", "k7q2x9-1 k7q2x9-2 k7q2x9-3") == (thought.type, text.type, text.text)
            assert thought.thinking[0].text
        thoughts = [block.thinking[0].text for delta in deltas if isinstance(delta, list) for block in delta]
        assert thought.thinking[0].text == "".join(thoughts[: len(thoughts) // choices])
        assert choices * text.text.count("k7q2x9") == sum(isinstance(delta, str) for delta in deltas)

    def test_nobody_hears_what_was_thought_unasked(self, client: Mistral, server: FakeServer) -> None:
        """
        It is counted all the same.
        """
        server.answer = Answer(words=3, reasoning_tokens=7)

        made: Any = client.chat.complete(model=MODEL, messages=CHATS, metadata={"number": 1})

        assert "k7q2x9-1 k7q2x9-2 k7q2x9-3" == made.choices[0].message.content
        assert made.usage.completion_tokens > 7

    async def test_the_asynchronous_client(self, server: FakeServer) -> None:
        """
        It hears the same: text, whole and streamed, tools, embeddings.
        """
        async with Mistral(api_key=KEY, server_url=server.url, timeout_ms=10_000) as client:
            made: Any = await client.chat.complete_async(model=MODEL, messages=CHATS)
            async with await client.chat.stream_async(model=MODEL, messages=CHATS) as stream:
                chunks: Any = [event.data.choices[0] async for event in stream]
            embedded: Any = await client.embeddings.create_async(model="mistral-embed", inputs=["a", "b"])
            server.answer = CALLS
            called: Any = await client.chat.complete_async(model=MODEL, messages=CHATS, tools=[TOOL])

        assert (TEXT, "stop") == (made.choices[0].message.content, made.choices[0].finish_reason)
        assert (TEXT, "stop") == ("".join(each.delta.content or "" for each in chunks), chunks[-1].finish_reason)
        assert [1024, 1024] == [len(each.embedding) for each in embedded.data]
        (call,) = called.choices[0].message.tool_calls
        assert CALLS.tool_calls[0].arguments == json.loads(call.function.arguments)


class TestTroubles:
    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    def test_the_client_raises_its_own_exception(self, server: FakeServer, client: Mistral, kind: str) -> None:
        """
        What is invalid raises a validation error, everything else an error of the SDK, after one attempt.
        """
        server.weather = Weather([always(Saying(kind))])
        status = TROUBLES[kind].status

        with pytest.raises(errors.HTTPValidationError if status == 422 else errors.SDKError) as raised:
            client.chat.complete(model=MODEL, messages=CHATS)

        assert status == raised.value.status_code
        assert 1 == len(server.journal)

    @pytest.mark.parametrize(
        ("path", "body", "key", "status"),
        [
            (CHAT, {"model": MODEL, "messages": MESSAGES}, None, 401),
            (CHAT, {"model": MODEL, "messages": MESSAGES}, "wrong", 401),
            (CHAT, {"model": "gpt-9", "messages": MESSAGES}, KEY, 400),
            (CHAT, {"model": MODEL}, KEY, 422),
            (CHAT, {"model": MODEL, "messages": [{"role": "user", "content": "x" * 1_100_000}]}, KEY, 400),
            ("/v1/ocr", {}, KEY, 404),
        ],
    )
    def test_what_is_wrong_is_refused(self, path: str, body: Any, key: str | None, status: int) -> None:
        """
        Keys, models, bodies, prompts and paths.
        """
        assert status == mistral().post(path, body, key=key).status

    def test_a_model_that_there_is_not(self) -> None:
        """
        It is refused by its name.
        """
        assert "Invalid model: gpt-9" == mistral().get("/v1/models/gpt-9").json["message"]

    def test_a_limit_says_what_is_left(self) -> None:
        """
        Nothing of the requests, and when to come back where that is said.
        """
        provider = mistral()
        ask = provider.post(CHAT, {"model": MODEL, "messages": MESSAGES}).ask
        head: Any = provider.speaks.trouble(ask, Trouble("rate_limited", retry_after=6.5))[0]
        headers = dict(head.headers)

        assert ("0", "7") == (headers["x-ratelimit-remaining-req-minute"], headers["retry-after"])


@given(
    body=st.fixed_dictionaries(
        {"messages": st.just(MESSAGES) | ANY, "model": st.just(MODEL) | ANY},
        optional={
            "n": st.integers(0, 3) | ANY,
            "stream": st.booleans() | ANY,
            "stream_options": ANY,
            "tools": st.just([TOOL]) | ANY,
            "tool_choice": st.just("any") | ANY,
            "reasoning_effort": st.just("high") | ANY,
            "prompt_mode": st.just("reasoning") | ANY,
            "metadata": ANY,
            "max_tokens": st.integers(-1, 30) | ANY,
            "response_format": st.just(FORMAT) | ANY,
            "unheard_of": ANY,
        },
    )
    | ANY,
    calls=st.booleans(),
    reasoning=st.integers(0, 9),
    how=st.sampled_from(["no_choices", "null_content"]),
)
def test_any_ask_is_answered_or_refused(body: Any, calls: bool, reasoning: int, how: str) -> None:
    """
    Every chunk and every answer fits the client's own models strictly, every refusal is an error or a list of details.
    """
    provider = mistral(replace(CALLS if calls else QUICK, reasoning_tokens=reasoning))
    spoken = provider.post(CHAT, body)
    if spoken.status != 200:
        assert spoken.json.get("detail") or spoken.json["message"]
        return
    assert provider.speaks.hollow(spoken.ask, how)
    values = spoken.chunks if spoken.ask.stream else [spoken.json]
    assert all(len(value["id"]) == 32 for value in values)
    for value in values:
        sdk(CompletionChunk if spoken.ask.stream else ChatCompletionResponse, value)
    assert values[-1]["usage"]
