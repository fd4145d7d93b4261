"""Google's own client against the fake: every fair answer parsed, every trouble its own exception."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials
from speaking import QUICK, billed, serving

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import TROUBLES, Trouble
from brownout.fakes.fake import Fake
from brownout.fakes.faults.replies import RateLimited
from brownout.fakes.faults.segments import JoinedFrames, SplitBytes
from brownout.fakes.faults.stream import MidstreamError
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

MODEL = "gemini-2.5-flash"
PROMPT = "[bo:k7q2x9] Please answer."
TEXT = QUICK.whole("k7q2x9")
FUNCTION = types.FunctionDeclaration(
    name="weather",
    parameters=types.Schema(
        type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}, required=["city"]
    ),
)


OPEN: list[genai.Client] = []
"""Google's client closes its connections when nobody holds it any more, whoever holds a part of it."""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def client(server: FakeServer, **options: Any) -> genai.Client:
    """Google's client, as it ships, with another base URL."""
    OPEN.append(_client(server, **options))
    return OPEN[-1]


def _client(server: FakeServer, **options: Any) -> genai.Client:
    http = types.HttpOptions(base_url=f"http://127.0.0.1:{server.port}", **options)
    if server.fake.dialect == "gemini":
        return genai.Client(api_key=server.fake.keys[0], http_options=http)
    expiry = dt.datetime(2099, 1, 1)  # noqa: DTZ001  # the library compares it with a naive date
    token = Credentials(token=server.fake.keys[0], expiry=expiry)  # type: ignore[no-untyped-call]
    return genai.Client(vertexai=True, project="acme", location="europe-west4", credentials=token, http_options=http)


@pytest.fixture(params=["gemini", "vertex"])
def server(request: pytest.FixtureRequest) -> Iterator[FakeServer]:
    """A fake of either of Google's dialects."""
    with serving(Fake(dialect=request.param, model=MODEL)) as running:
        yield running


class TestFair:
    @pytest.mark.parametrize("version", ["v1", "v1beta"])
    def test_content(self, version: str) -> None:
        """
        Text, reason, model and usage are what the fake said, in either version of the API.
        """
        with serving(Fake(dialect="gemini", model=MODEL)) as server:
            found = client(server, api_version=version).models.generate_content(model=MODEL, contents=PROMPT)
        exchange = server.journal[0]

        assert found.text == TEXT
        assert found.candidates is not None
        assert types.FinishReason.STOP == found.candidates[0].finish_reason
        assert found.usage_metadata is not None
        assert found.usage_metadata.prompt_token_count == exchange.input_tokens
        assert found.usage_metadata.candidates_token_count == exchange.output_tokens
        assert MODEL == found.model_version

    def test_a_stream(self, server: FakeServer) -> None:
        """
        The pieces are the text, and the last one says why it ended and what it took.
        """
        found = list(client(server).models.generate_content_stream(model=MODEL, contents=PROMPT))

        assert TEXT == "".join(each.text or "" for each in found)
        assert [types.FinishReason.STOP] == [
            one.finish_reason for each in found for one in each.candidates or () if one.finish_reason
        ]
        usage = found[-1].usage_metadata
        assert usage is not None
        assert billed(server).output_tokens == usage.candidates_token_count

    @pytest.mark.parametrize("fault", [SplitBytes(), JoinedFrames()])
    def test_a_stream_in_any_segments(self, server: FakeServer, fault: Any) -> None:
        """
        However the bytes fall, the text is the same.
        """
        server.weather = Weather([always(fault)])
        server.answer = Answer(words=8, unicode=True)

        found = client(server).models.generate_content_stream(model=MODEL, contents=PROMPT)

        assert server.answer.whole("k7q2x9") == "".join(each.text or "" for each in found)

    async def test_the_asynchronous_client(self, server: FakeServer) -> None:
        """
        It reads the same, whole and streamed.
        """
        async with client(server).aio as google:
            whole = await google.models.generate_content(model=MODEL, contents=PROMPT)
            stream = await google.models.generate_content_stream(model=MODEL, contents=PROMPT)
            pieces = [each.text or "" async for each in stream]

        assert (TEXT, TEXT) == (whole.text, "".join(pieces))

    def test_a_function_call_and_what_came_of_it(self, server: FakeServer) -> None:
        """
        The call has its arguments as an object; told the result, the model talks.
        """
        server.answer = Answer(tool_calls=(ToolCall("weather", {"city": "Bonn"}),))
        models = client(server).models
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[FUNCTION])])

        called = models.generate_content(model=MODEL, contents=PROMPT, config=config)
        assert called.function_calls is not None
        assert [("weather", {"city": "Bonn"})] == [(each.name, each.args) for each in called.function_calls]
        assert called.candidates is not None
        assert called.candidates[0].content is not None
        result = types.Part.from_function_response(name="weather", response={"degrees": 21})
        turns = [
            types.Content(role="user", parts=[types.Part(text=PROMPT)]),
            called.candidates[0].content,
            types.Content(role="user", parts=[result]),
        ]
        told = models.generate_content(model=MODEL, contents=turns, config=config)  # type: ignore[arg-type]

        assert server.answer.whole("k7q2x9") == told.text
        streamed = list(models.generate_content_stream(model=MODEL, contents=PROMPT, config=config))
        assert ["weather"] == [each.name for chunk in streamed for each in chunk.function_calls or ()]

    def test_structured_output(self, server: FakeServer) -> None:
        """
        The answer fits the schema, in Google's own form of one and as JSON Schema.
        """
        schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
        models = client(server).models
        for config in ({"response_schema": FUNCTION.parameters}, {"response_json_schema": schema}):
            wanted = types.GenerateContentConfig(response_mime_type="application/json", **config)
            found = models.generate_content(model=MODEL, contents=PROMPT, config=wanted)
            assert ["city"] == list(json.loads(found.text or ""))

    def test_thoughts_and_cached_tokens(self, server: FakeServer) -> None:
        """
        What was thought is told apart from what is said, and counted apart, as is what came from the cache.
        """
        server.answer = Answer(words=3, reasoning_tokens=7, cached_tokens=2)
        thinking = types.ThinkingConfig(include_thoughts=True)
        config = types.GenerateContentConfig(thinking_config=thinking)

        found = client(server).models.generate_content(model=MODEL, contents=PROMPT, config=config)

        assert found.parts is not None
        assert [True, None] == [part.thought for part in found.parts]
        assert found.usage_metadata is not None
        assert (7, 2) == (found.usage_metadata.thoughts_token_count, found.usage_metadata.cached_content_token_count)

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (Answer(finish="length"), types.FinishReason.MAX_TOKENS),
            (Answer(finish="content_filter"), types.FinishReason.SAFETY),
            (Answer(refusal="no"), types.FinishReason.PROHIBITED_CONTENT),
        ],
    )
    def test_why_it_ended(self, server: FakeServer, answer: Answer, reason: types.FinishReason) -> None:
        """
        The reason is Google's word for it; what was blocked is not said.
        """
        server.answer = answer

        found = client(server).models.generate_content(model=MODEL, contents=PROMPT)

        assert found.candidates is not None
        assert reason == found.candidates[0].finish_reason
        assert (answer.refusal is None) == bool(found.text)

    def test_tokens_embeddings_and_models(self, server: FakeServer) -> None:
        """
        Prompts are counted, texts embedded and models listed, on either API.
        """
        models = client(server).models
        counted = models.count_tokens(model=MODEL, contents=PROMPT)
        assert 7 == counted.total_tokens
        if server.fake.dialect == "vertex":
            (computed,) = models.compute_tokens(model=MODEL, contents=PROMPT).tokens_info or ()
            assert PROMPT.encode() == b"".join(computed.tokens or ())
            assert 7 == len(computed.token_ids or ())
        embedded = models.embed_content(model="gemini-embedding-001", contents="hello")  # type: ignore[attr-defined]
        assert embedded.embeddings
        assert embedded.embeddings[0].values
        name = f"models/{MODEL}" if server.fake.dialect == "gemini" else f"publishers/google/models/{MODEL}"
        assert name in [model.name for model in models.list(config={"page_size": 2})]
        assert name == models.get(model=MODEL).name

    def test_what_the_client_can_ask_for_is_known(self, server: FakeServer) -> None:
        """
        No field that the client writes is foreign to the API that it writes it for.
        """
        config = types.GenerateContentConfig(
            audio_transcription_config=types.AudioTranscriptionConfig(),
            enable_enhanced_civic_answers=None if server.fake.dialect == "vertex" else True,
            model_armor_config=None if server.fake.dialect == "gemini" else types.ModelArmorConfig(),
            labels={"a": "b"},
            max_output_tokens=99,
            response_logprobs=True,
            logprobs=2,
            seed=1,
            temperature=0.0,
        )

        made = client(server).models.generate_content(model=MODEL, contents=PROMPT, config=config)

        assert TEXT == made.text


class TestTroubles:
    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    def test_every_trouble_is_an_exception_of_its_own(self, server: FakeServer, kind: str) -> None:
        """
        Errors of the caller are `ClientError`, those of the server `ServerError`, with the provider's status; a prompt
        that is refused for what it says is a response without candidates.
        """
        server.weather = Weather([always(_Saying(kind))])
        models = client(server).models

        if kind == "content_policy":
            found = models.generate_content(model=MODEL, contents=PROMPT)
            assert found.text is None
            assert found.prompt_feedback is not None
            assert types.BlockedReason.PROHIBITED_CONTENT == found.prompt_feedback.block_reason
            return
        with pytest.raises(errors.APIError) as raised:
            models.generate_content(model=MODEL, contents=PROMPT)

        expected = errors.ServerError if raised.value.code >= 500 else errors.ClientError
        assert type(raised.value) is expected
        assert server.journal[0].status == raised.value.code
        assert 1 == len(server.journal)

    def test_a_rate_limit_says_when_to_come_back(self) -> None:
        """
        The delay is among the details and in no header; the limit that was met has its name there.
        """
        with serving(Fake(dialect="gemini", model=MODEL)) as server:
            server.weather = Weather([always(RateLimited(retry_after=3, form="own"))])
            with pytest.raises(errors.ClientError) as raised:
                client(server).models.generate_content(model=MODEL, contents=PROMPT)

        details = {each["@type"].rpartition(".")[2]: each for each in raised.value.details["error"]["details"]}
        assert "3s" == details["RetryInfo"]["retryDelay"]
        (violation,) = details["QuotaFailure"]["violations"]
        assert "GenerateRequestsPerMinutePerProjectPerModel" == violation["quotaId"]
        assert "retry-after" not in dict(server.journal[0].headers)

    def test_an_error_inside_a_stream(self, server: FakeServer) -> None:
        """
        The client raises it after what came before.
        """
        server.weather = Weather([always(MidstreamError(3))])
        stream = client(server).models.generate_content_stream(model=MODEL, contents=PROMPT)

        assert "k7q2x9-1" == next(stream).text
        with pytest.raises(errors.APIError):
            list(stream)


class _Saying:
    """A fault that says no with one trouble."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def rewrite(self, script: Any, ask: Any) -> Any:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, Trouble(self._kind))
