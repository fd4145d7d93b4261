"""Chat completions of providers that are not OpenAI: read by OpenAI's client, different where they say so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from languages import Compatible
from speaking import MESSAGES, PROMPT, QUICK, Provider, Spoken, serving

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import TROUBLES, Ask, Trouble
from brownout.fakes.dialects.openai.troubles import TROUBLES as ROWS
from brownout.fakes.faults.stream import MidstreamError
from brownout.fakes.script import Script
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

PATH = "/v1/chat/completions"
NAMES = ["bare", "groq", "ollama", "openrouter", "together", "vllm", "vllm-mlx"]
TEXT = QUICK.whole("k7q2x9")
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}


def provider(name: str, answer: Answer = QUICK) -> Provider:
    """One of them, in memory."""
    language = Compatible(name)
    return Provider(language.fake(), answer, language=language)


def chat(name: str, answer: Answer = QUICK, **body: Any) -> Spoken:
    """What one of them says."""
    asked = {"model": f"{name}/llama-3.3-70b", "messages": MESSAGES, **body}
    return provider(name, answer).post(PATH, asked)


@pytest.fixture(params=NAMES)
def server(request: pytest.FixtureRequest) -> Iterator[FakeServer]:
    """A fake of each of them."""
    with serving(Compatible(request.param).fake()) as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[openai.OpenAI]:
    """OpenAI's client, as it ships, with another base URL and without its own retries."""
    base = f"http://127.0.0.1:{server.port}/v1"
    with openai.OpenAI(api_key=server.fake.keys[0], base_url=base, max_retries=0) as ready:
        yield ready


class TestClient:
    def test_a_completion_and_a_stream(self, server: FakeServer, client: openai.OpenAI) -> None:
        """
        Text and reason are what the fake said, whoever the provider is.
        """
        completions: Any = client.chat.completions
        asked: Any = {"model": server.fake.model, "messages": MESSAGES}
        whole = completions.create(**asked)
        chunks = list(completions.create(**asked, stream=True))
        choices = [choice for chunk in chunks for choice in chunk.choices]

        assert (TEXT, "stop") == (whole.choices[0].message.content, whole.choices[0].finish_reason)
        assert TEXT == "".join(choice.delta.content or "" for choice in choices)
        told = [choice.finish_reason for choice in choices if choice.finish_reason]
        assert ([] if server.fake.model.startswith("vllm-mlx/") else ["stop"]) == told
        assert whole.usage.prompt_tokens > 0

    def test_a_tool_call(self, server: FakeServer, client: openai.OpenAI) -> None:
        """
        It comes whole and in pieces.
        """
        server.answer = Answer(tool_calls=(ToolCall("weather", {"city": "Bonn"}),))
        completions: Any = client.chat.completions
        asked: Any = {"model": server.fake.model, "messages": MESSAGES, "tools": TOOLS}
        (call,) = completions.create(**asked).choices[0].message.tool_calls
        deltas = [
            each.function.arguments
            for chunk in completions.create(**asked, stream=True)
            for choice in chunk.choices
            for each in choice.delta.tool_calls or ()
        ]

        assert ("weather", '{"city":"Bonn"}') == (call.function.name, call.function.arguments)
        assert call.function.arguments == "".join(deltas)

    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    def test_every_trouble_is_an_exception(self, server: FakeServer, client: openai.OpenAI, kind: str) -> None:
        """
        The shape of the body does not matter to the client: the class follows from the status.
        """
        server.weather = Weather([always(_Saying(kind))])
        with pytest.raises(openai.APIStatusError) as raised:
            client.chat.completions.create(model=server.fake.model, messages=MESSAGES)  # type: ignore[arg-type]

        status = raised.value.status_code
        usual = openai.InternalServerError if status >= 500 else openai.APIStatusError
        assert CLASSES.get(status, usual) is type(raised.value)
        assert status == (402 if kind == "quota_exhausted" else ROWS[kind].status)

    def test_an_error_inside_a_stream(self, server: FakeServer, client: openai.OpenAI) -> None:
        """
        The client raises it after what came before.
        """
        server.weather = Weather([always(MidstreamError(3))])
        stream = client.chat.completions.create(
            model=server.fake.model,
            messages=MESSAGES,  # type: ignore[arg-type]
            stream=True,
        )

        with pytest.raises(openai.APIError):
            list(stream)

    def test_models_and_embeddings(self, server: FakeServer, client: openai.OpenAI) -> None:
        """
        Models are listed with the one that is served; a text is embedded.
        """
        embedded = client.embeddings.create(model=server.fake.model, input="hello", encoding_format="float")

        assert server.fake.model in [model.id for model in client.models.list()]
        assert server.fake.model == client.models.retrieve(server.fake.model).id
        assert embedded.data[0].embedding


class TestWire:
    @pytest.mark.parametrize(
        ("name", "place"), [("openrouter", "usage"), ("groq", "finish"), ("together", "finish"), ("vllm", "finish")]
    )
    def test_usage_comes_unasked(self, name: str, place: str) -> None:
        """
        In a chunk of its own or in the one that says why it ended, and in no other.
        """
        spoken = chat(name, stream=True)
        told = [chunk.get("usage") or chunk.get("x_groq", {}).get("usage") for chunk in spoken.chunks]
        parts = [part for part in spoken.parts if part not in {"comment", "sentinel"}]

        assert [place] == [part for part, usage in zip(parts, told, strict=True) if usage]
        assert [spoken.ask.output_tokens] == [usage["completion_tokens"] for usage in told if usage]

    def test_a_bare_server_says_the_least(self) -> None:
        """
        No usage in its streams, no null but a text's, no sentinel; its errors are a text.
        """
        spoken = chat("bare", stream=True)

        assert "sentinel" not in spoken.parts
        assert "usage" not in spoken.parts
        assert b"null" not in spoken.body
        assert {"error": "The model `llama-9` does not exist or you do not have access to it."} == provider(
            "bare"
        ).post(PATH, {"model": "llama-9", "messages": MESSAGES}).json

    @pytest.mark.parametrize(("more", "told"), [({}, []), ({"max_tokens": 3}, ["length"])])
    def test_a_silent_server_ends_by_its_sentinel_alone(self, more: dict[str, Any], told: list[str]) -> None:
        """
        Where nothing else has ended it, the last chunk says null and `[DONE]` has the whole meaning.
        """
        spoken = chat("vllm-mlx", stream=True, **more)
        reasons = [choice["finish_reason"] for chunk in spoken.chunks for choice in chunk["choices"]]

        assert told == [reason for reason in reasons if reason]
        assert spoken.body.endswith(b"data: [DONE]\n\n")
        assert ("sentinel" in spoken.parts) is bool(told)

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("stream", [False, True])
    def test_what_was_thought_has_a_field_of_its_own(self, name: str, stream: bool) -> None:
        """
        Beside the content, where the provider shows it; a bare server does not.
        """
        spoken = chat(name, Answer(words=3, reasoning_tokens=9), stream=stream)
        field = "delta" if stream else "message"
        values = spoken.chunks if stream else [spoken.json]
        said = [choice[field] for value in values for choice in value["choices"]]
        thought = "".join(each.get("reasoning") or each.get("reasoning_content") or "" for each in said)

        assert "k7q2x9-1 k7q2x9-2 k7q2x9-3" == "".join(each.get("content") or "" for each in said)
        assert ("" if name == "bare" else "I am asked to say something, so I say it.") == thought

    def test_a_comment_comes_before_the_first_chunk(self) -> None:
        """
        OpenRouter's.
        """
        assert chat("openrouter", stream=True).body.startswith(b": OPENROUTER PROCESSING\n\ndata: {")
        assert ": OPENROUTER" not in chat("groq", stream=True).body.decode()

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("openrouter", {"message", "code"}),
            ("groq", {"message", "type"}),
            ("together", {"message", "type", "param", "code"}),
            ("ollama", {"message", "type", "param", "code"}),
            ("vllm", {"message", "type", "param", "code"}),
        ],
    )
    def test_errors_have_the_provider_s_own_shape(self, name: str, error: set[str]) -> None:
        """
        A status for a code, no parameter, or a class for a type.
        """
        said = chat(name, messages=[]).json["error"]

        assert error <= set(said)
        assert {"openrouter": 400, "vllm": 400}.get(name, said.get("code")) == said.get("code")
        assert name != "vllm" or said["type"] == "BadRequestError"

    @pytest.mark.parametrize("name", NAMES)
    def test_headers(self, name: str) -> None:
        """
        None is OpenAI's own, and Groq alone tells of limits.
        """
        names = [header for header, _ in chat(name).head.headers]

        assert not [header for header in names if header.startswith("openai-")]
        assert ("x-ratelimit-limit-requests" in names) is (name == "groq")

    @pytest.mark.parametrize(("name", "status"), [("ollama", 200), ("vllm", 200), ("groq", 401)])
    def test_some_want_no_key(self, name: str, status: int) -> None:
        """
        What runs on one's own machine asks for none.
        """
        asked = {"model": f"{name}/llama-3.3-70b", "messages": MESSAGES}

        assert status == provider(name).post(PATH, asked, key=None).status

    def test_other_operations_are_not_there(self) -> None:
        """
        Responses are OpenAI's own.
        """
        assert 404 == provider("groq").post("/v1/responses", {"model": "groq/llama-3.3-70b", "input": PROMPT}).status

    @given(
        st.sampled_from(NAMES),
        st.fixed_dictionaries(
            {},
            optional={
                "n": st.integers(0, 3),
                "stream": st.booleans(),
                "max_tokens": st.integers(-1, 9),
                "stop": st.text(max_size=2),
                "messages": st.just(MESSAGES) | st.text(),
                "stream_options": st.none() | st.just({"include_usage": False}),
                "tools": st.just(TOOLS),
                "tool_choice": st.sampled_from(["none", "auto", "required"]),
            },
        ),
        st.integers(0, 5),
    )
    def test_any_ask_is_answered_or_refused(self, name: str, body: dict[str, Any], words: int) -> None:
        """
        An answer has choices, a stream has a reason for its end for each unless it is silent, a refusal is an error.
        """
        spoken = chat(name, Answer(words=words), **body)

        if spoken.status != 200:
            assert "error" in spoken.json
        elif body.get("stream"):
            choices = [choice for chunk in spoken.chunks for choice in chunk["choices"]]
            told = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
            assert body.get("n", 1) == len(told) or (name == "vllm-mlx" and not told)
        else:
            assert body.get("n", 1) == len(spoken.json["choices"])


class _Saying:
    """A fault that says no with one trouble."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, Trouble(self._kind))
