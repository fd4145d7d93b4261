"""The official client for Azure OpenAI against the fake, and what Azure says otherwise than OpenAI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from languages import LANGUAGES
from openai import AzureOpenAI, OpenAI
from pydantic import BaseModel
from speaking import KEY, MESSAGES, PROMPT, QUICK, Provider, serving

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import Trouble
from brownout.fakes.dialects.azure_openai.troubles import TROUBLES, from_gateway
from brownout.fakes.fake import Fake
from brownout.fakes.faults.replies import ContentPolicy, RateLimited
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

MODEL = "gpt-4o-mini"
VERSION = "2024-10-21"
CHAT = f"/openai/deployments/{MODEL}/chat/completions?api-version={VERSION}"
TEXT = QUICK.whole("k7q2x9")
TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CHATS: Any = MESSAGES
RAISED = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


class City(BaseModel):
    """What the model is told to answer with."""

    name: str


class Saying:
    """A fault that says no with one kind of trouble."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def rewrite(self, script: Any, ask: Any) -> Any:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, Trouble(self.kind))


def azure(answer: Answer = QUICK) -> Provider:
    """A provider that speaks Azure's dialect."""
    language = LANGUAGES["azure_openai"]
    return Provider(language.fake(), answer, language=language)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake of Azure."""
    with serving(Fake(dialect="azure_openai")) as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[AzureOpenAI]:
    """The client as it is used with an endpoint and a version."""
    with AzureOpenAI(azure_endpoint=server.url, api_version=VERSION, api_key=KEY, max_retries=0, timeout=10) as made:
        yield made


class TestFair:
    def test_a_completion_is_judged(self, client: AzureOpenAI) -> None:
        """
        It has the words, the filter's judgement of prompt and answer, and the gateway's headers.
        """
        raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=CHATS)
        made: Any = raw.parse()

        assert TEXT == made.choices[0].message.content
        assert not made.choices[0].content_filter_results["hate"]["filtered"]
        assert 0 == made.prompt_filter_results[0]["prompt_index"]
        assert "East US" == raw.headers["x-ms-region"]
        assert raw.headers["apim-request-id"]
        assert MODEL == raw.headers["x-ms-deployment-name"]
        assert "openai-organization" not in raw.headers

    def test_a_stream_begins_with_a_chunk_without_choices(self, client: AzureOpenAI) -> None:
        """
        The first chunk has the judgement of the prompt, the others the words.
        """
        first, *rest = list(client.chat.completions.create(model=MODEL, messages=CHATS, stream=True))

        assert ([], "") == (first.choices, first.id)
        assert first.model_extra
        assert first.model_extra["prompt_filter_results"]
        assert TEXT == "".join(chunk.choices[0].delta.content or "" for chunk in rest)

    def test_tools_and_structure(self, client: AzureOpenAI, server: FakeServer) -> None:
        """
        A structured answer parses, a tool is called, whole and streamed.
        """
        parsed = client.chat.completions.parse(model=MODEL, messages=CHATS, response_format=City)
        server.answer = Answer(tool_calls=(ToolCall("weather", {"city": "Bern"}),))
        called = client.chat.completions.create(model=MODEL, messages=CHATS, tools=[TOOL])
        with client.chat.completions.stream(model=MODEL, messages=CHATS, tools=[TOOL]) as stream:
            final: Any = stream.get_final_completion()

        assert parsed.choices[0].message.parsed == City(name=TEXT)
        for made in (called, final):
            [call] = made.choices[0].message.tool_calls or ()
            assert ("weather", {"city": "Bern"}) == (call.function.name, json.loads(call.function.arguments))

    def test_embeddings_models_and_responses(self, client: AzureOpenAI) -> None:
        """
        Embeddings belong to a deployment; models and responses do not.
        """
        made = client.embeddings.create(model="text-embedding-3-small", input="a")
        response = client.responses.create(model=MODEL, input=PROMPT)
        events = list(client.responses.create(model=MODEL, input=PROMPT, stream=True))

        assert 1536 == len(made.data[0].embedding)
        assert MODEL in [each.id for each in client.models.list()]
        assert TEXT == response.output_text
        assert TEXT == client.responses.retrieve(response.id).output_text
        assert "response.completed" == events[-1].type

    def test_the_plain_client_speaks_v1(self, server: FakeServer) -> None:
        """
        Under `v1` no version is needed, the model is in the body, and a bearer's key is good.
        """
        with OpenAI(base_url=f"{server.url}/openai/v1/", api_key=KEY, max_retries=0) as client:
            assert TEXT == client.chat.completions.create(model=MODEL, messages=CHATS).choices[0].message.content

    def test_the_deployment_in_the_path_is_the_model(self, server: FakeServer) -> None:
        """
        Whatever the body names, the deployment answers.
        """
        with AzureOpenAI(
            azure_endpoint=server.url, api_version=VERSION, api_key=KEY, azure_deployment="gpt-4o", max_retries=0
        ) as client:
            assert "gpt-4o" == client.chat.completions.create(model="anything", messages=CHATS).model

    def test_a_filtered_answer_says_so(self) -> None:
        """
        The choice names the category.
        """
        choice = azure(Answer(words=3, finish="content_filter")).post(CHAT, {"messages": MESSAGES}).json["choices"][0]

        assert "content_filter" == choice["finish_reason"]
        assert choice["content_filter_results"]["violence"]["filtered"]


class TestTroubles:
    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    def test_the_client_raises_its_own_exception(self, server: FakeServer, client: AzureOpenAI, kind: str) -> None:
        """
        Every trouble has the status and code of the table; the gateway's have neither type nor parameter.
        """
        server.weather = Weather([always(Saying(kind))])
        row = TROUBLES[kind]
        usual = openai.InternalServerError if row.status >= 500 else openai.APIStatusError

        with pytest.raises(RAISED.get(row.status, usual)) as raised:
            client.chat.completions.create(model=MODEL, messages=CHATS)

        assert row.status == raised.value.status_code
        assert row.html or row.code == raised.value.code
        assert row.html or not from_gateway(Trouble(kind)) or {"code", "message"} == set(raised.value.body or ())  # type: ignore[call-overload]

    def test_the_filter_says_what_it_found(self, server: FakeServer, client: AzureOpenAI) -> None:
        """
        A refused prompt is a 400 with an inner error that names the category.
        """
        server.weather = Weather([always(ContentPolicy())])

        with pytest.raises(openai.BadRequestError) as raised:
            client.chat.completions.create(model=MODEL, messages=CHATS)

        body: Any = raised.value.body
        assert ("content_filter", "prompt") == (body["code"], body["param"])
        assert "ResponsibleAIPolicyViolation" == body["innererror"]["code"]
        assert body["innererror"]["content_filter_result"]["violence"]["filtered"]

    @pytest.mark.parametrize("kind", ["rate_limited", "rate_limited_tokens"])
    def test_a_limit_says_when_to_come_back(self, kind: str) -> None:
        """
        In seconds and in milliseconds, in the message too, and the reset is a plain number.
        """
        provider = azure()
        ask = provider.post(CHAT, {"messages": MESSAGES}).ask
        head: Any = provider.speaks.trouble(ask, Trouble(kind, retry_after=6.5))[0]
        headers = dict(head.headers)
        family = "tokens" if kind == "rate_limited_tokens" else "requests"

        assert ("7", "6500") == (headers["retry-after"], headers["retry-after-ms"])
        assert ("0", "7") == (headers[f"x-ratelimit-remaining-{family}"], headers[f"x-ratelimit-reset-{family}"])
        assert b"retry after 7 seconds" in provider.speaks.error_envelope(ask, Trouble(kind, retry_after=6.5))

    def test_the_client_waits_for_milliseconds(self, server: FakeServer) -> None:
        """
        The client retries after a limit and is answered.
        """
        server.weather = Weather([always(RateLimited(retry_after=0.05), attempts=(1, 1))])
        with AzureOpenAI(azure_endpoint=server.url, api_version=VERSION, api_key=KEY) as client:
            client.chat.completions.create(model=MODEL, messages=CHATS)

        assert [429, 200] == [exchange.status for exchange in server.journal]

    @pytest.mark.parametrize(
        ("path", "key", "status", "code"),
        [
            (CHAT, "wrong", 401, "401"),
            (CHAT, None, 401, "401"),
            (CHAT.replace(MODEL, "gpt-9"), KEY, 404, "DeploymentNotFound"),
            (CHAT.partition("?")[0], KEY, 404, "404"),
            ("/v1/chat/completions?api-version=x", KEY, 404, "404"),
            ("/openai/moderations?api-version=x", KEY, 404, "404"),
        ],
    )
    def test_the_gateway_refuses_in_its_own_words(self, path: str, key: str | None, status: int, code: str) -> None:
        """
        Keys, deployments, paths and a missing version.
        """
        spoken = azure().post(path, {"messages": MESSAGES}, key=key)

        assert (status, code) == (spoken.status, spoken.json["error"]["code"])
        assert {"code", "message"} == set(spoken.json["error"])
        assert spoken.header("apim-request-id")

    def test_what_fits_no_table_row_is_said_all_the_same(self) -> None:
        """
        A trouble sent with a foreign status looks like that status's own.
        """
        provider = azure()
        ask = provider.post(CHAT, {"messages": MESSAGES}).ask
        spoken = json.loads(provider.speaks.error_envelope(ask, Trouble("server_error", status=429)))

        assert "429" == spoken["error"]["code"]

    def test_a_prompt_too_long_is_the_model_s_to_refuse(self) -> None:
        """
        In OpenAI's own form, with the headers of a model's error.
        """
        spoken = azure().post(CHAT, {"messages": [{"role": "user", "content": "x" * 800_000}]})

        assert (400, "context_length_exceeded") == (spoken.status, spoken.json["error"]["code"])
        assert "invalid_request_error" == spoken.json["error"]["type"]
        assert "400" == spoken.header("ms-azureml-model-error-statuscode")


@given(
    body=st.fixed_dictionaries(
        {"messages": st.just(MESSAGES) | ANY},
        optional={
            "model": ANY,
            "n": st.integers(0, 3) | ANY,
            "stream": st.booleans() | ANY,
            "tools": st.just([TOOL]) | ANY,
            "max_tokens": st.integers(-1, 30) | ANY,
            "response_format": st.just({"type": "json_object"}) | ANY,
            "unheard_of": ANY,
        },
    )
    | ANY,
    how=st.sampled_from(["chat", "v1", "no_choices", "null_content"]),
)
def test_any_ask_is_answered_or_refused(body: Any, how: str) -> None:
    """
    Every chunk has judged choices, every refusal its error object.
    """
    provider = azure()
    spoken = provider.post("/openai/v1/chat/completions" if how == "v1" else CHAT, body)
    if spoken.status != 200:
        assert spoken.json["error"]["message"]
        return
    if how in {"no_choices", "null_content"}:
        assert provider.speaks.hollow(spoken.ask, how)
    values = spoken.chunks if spoken.ask.stream else [spoken.json]
    assert values[0]["prompt_filter_results"]
    assert all("content_filter_results" in choice for value in values for choice in value["choices"])
