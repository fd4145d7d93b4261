"""The official clients for Node, and the AI SDK with its providers, against the fakes on real sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from languages import LANGUAGES, Language
from node import Calls, calling
from speaking import KEY, PROMPT, billed, serving

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import Ask, Trouble
from brownout.fakes.dialects import dialect
from brownout.fakes.dialects.cohere.chat import UNBILLED_INPUT, UNBILLED_OUTPUT
from brownout.fakes.faults.connection import Cut
from brownout.fakes.faults.replies import RateLimited
from brownout.fakes.faults.stream import MidstreamError
from brownout.fakes.script import Head, Script
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

pytestmark = pytest.mark.slow
WHOLE = "k7q2x9-1 k7q2x9-2 k7q2x9-3 k7q2x9-4 k7q2x9-5 k7q2x9-6"
CITY = {"city": "Zürich 🙂"}
TOOL = {
    "name": "weather",
    "schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
OPENAI = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}


@dataclass(frozen=True)
class Client:
    """A way in which a program calls a fake."""

    program: str
    api: str
    call: str
    speaks: str
    """The name of the language."""
    finish: str = "stop"
    """Its word for an answer that has ended, and for one that calls a tool."""
    finish_calling: str = "tool-calls"

    @property
    def language(self) -> Language:
        """How the fake is made."""
        return LANGUAGES[self.speaks]

    def raises(self, status: int) -> str:
        """The class of its exception for a status."""
        if self.program == "openai_node.mjs":
            return OPENAI.get(status, "InternalServerError" if status >= 500 else "APIError")
        return "ApiError" if self.program == "genai_node.mjs" else "AI_APICallError"


SILENT = "openai_compatible-vllm-mlx"
"""Whose streams do not say why they ended, which the AI SDK takes for broken ones."""
CLIENTS = [
    Client("openai_node.mjs", "openai", "chat", "openai", finish_calling="tool_calls"),
    Client("openai_node.mjs", "openai", "responses", "openai-responses", "completed", "completed"),
    Client("openai_node.mjs", "azure", "chat", "azure_openai", finish_calling="tool_calls"),
    Client("genai_node.mjs", "gemini", "generate", "gemini", "STOP", "STOP"),
    Client("genai_node.mjs", "vertex", "generate", "vertex", "STOP", "STOP"),
    Client("ai_sdk_node.mjs", "openai", "generate", "openai"),
    Client("ai_sdk_node.mjs", "responses", "generate", "openai-responses"),
    Client("ai_sdk_node.mjs", "azure", "generate", "azure_openai"),
    Client("ai_sdk_node.mjs", "azure-responses", "generate", "azure_openai-responses"),
    Client("ai_sdk_node.mjs", "anthropic", "generate", "anthropic"),
    Client("ai_sdk_node.mjs", "google", "generate", "gemini"),
    Client("ai_sdk_node.mjs", "mistral", "generate", "mistral"),
    Client("ai_sdk_node.mjs", "cohere", "generate", "cohere"),
    *(
        Client("ai_sdk_node.mjs", "compatible", "generate", name)
        for name in LANGUAGES
        if name.startswith("openai_compatible") and name != SILENT
    ),
]
UNCOUNTED = {"openai_compatible", "openai_compatible-groq"}
"""Whose streams do not say what was used, or say it where this client does not look."""
NO_ERROR = {"openai-responses", "azure_openai-responses"}
"""Whose error in a stream is an event as any other to OpenAI's client."""
DISAGREES = {("ai_sdk_node.mjs", "mistral"), ("ai_sdk_node.mjs", "cohere"), ("ai_sdk_node.mjs", "openai_compatible")}
"""Whose error in a stream has a shape that this client does not know: it says so in place of the error."""


class Refuse:
    """A fault that says no with one kind of trouble."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.status = 0

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's refusal."""
        ops = ask.dialect.trouble(ask, Trouble(self.kind))
        self.status = next(op.status for op in ops if isinstance(op, Head))
        return ops


@pytest.fixture(scope="module")
def program() -> Iterator[Callable[[str], Calls]]:
    """The process of a program."""
    with ExitStack() as running:
        yield cache(lambda name: running.enter_context(calling(name)))


@pytest.fixture(params=CLIENTS, ids=lambda client: f"{client.program.partition('_node')[0]}-{client.speaks}")
def client(request: pytest.FixtureRequest) -> Client:
    """One of the clients."""
    found: Client = request.param
    return found


@pytest.fixture
def server(client: Client) -> Iterator[FakeServer]:
    """A fake that is asked so, in a thread of its own."""
    with serving(client.language.fake()) as served:
        yield served


@pytest.fixture
def node(client: Client, server: FakeServer, program: Callable[[str], Calls]) -> Calls:
    """Calls the fake with the client."""
    where = {"api": client.api, "url": server.url, "key": KEY, "model": client.language.model}

    def call(**asked: Any) -> dict[str, Any]:
        return program(client.program)(**{"call": client.call, "prompt": PROMPT, **where, **asked})

    return call


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
class TestNode:
    def test_an_answer_is_heard(self, client: Client, node: Calls, server: FakeServer, stream: bool) -> None:
        """
        Text, ending and usage are those that the fake has sent.
        """
        said = node(stream=stream)
        exchange = billed(server)

        assert (None, WHOLE, client.finish) == (said["error"], said["text"], said["finish"])
        if not (stream and client.speaks in UNCOUNTED):
            more = (UNBILLED_INPUT, UNBILLED_OUTPUT) if client.speaks == "cohere" else (0, 0)
            assert [exchange.input_tokens + more[0], exchange.output_tokens + more[1]] == said["usage"]

    def test_tool_calls_are_heard(self, client: Client, node: Calls, server: FakeServer, stream: bool) -> None:
        """
        Each tool call has its arguments as an object.
        """
        server.answer = Answer(tool_calls=(ToolCall("weather", CITY),))

        said = node(stream=stream, tool=TOOL)

        assert (None, [["weather", CITY]]) == (said["error"], said["tools"])
        assert client.finish_calling == said["finish"]

    def test_structured_output_is_heard(self, client: Client, node: Calls, stream: bool) -> None:
        """
        A schema is answered with an object that fits it.
        """
        said = node(stream=stream, schema=SCHEMA)

        assert said["error"] is None
        assert {"city": WHOLE, "days": 1} == json.loads(said["text"])
        assert said.get("object", json.loads(said["text"])) == json.loads(said["text"])

    def test_every_trouble_raises_the_clients_own_exception(
        self, client: Client, node: Calls, server: FakeServer, stream: bool
    ) -> None:
        """
        A refusal is the client's exception for its status, and one attempt where none else is asked for.
        """
        found, right = {}, {}
        for kind in sorted(dialect(client.language.dialect).troubles):
            fault = Refuse(kind)
            server.weather = Weather((always(fault),))
            asked = len(server.journal)
            said = node(stream=stream)
            found[kind] = (said["error"], said["status"], len(server.journal) - asked)
            right[kind] = (client.raises(fault.status), fault.status, 1)
            if fault.status == 200:  # Google says so in a response without an answer
                del found[kind], right[kind]

        assert right == found


def test_an_error_in_the_middle_is_raised(client: Client, node: Calls, server: FakeServer) -> None:
    """
    The event that tells of an error ends the stream as one, after what was said before.
    """
    server.weather = Weather((always(MidstreamError(2, "overloaded")),))

    said = node(stream=True)

    assert "k7q2x9-1 k7q2x9-2" == said["text"]
    if client.speaks in NO_ERROR and client.program == "openai_node.mjs":
        assert (None, "failed") == (said["error"], said["finish"])
    elif (client.program, client.speaks) in DISAGREES:
        assert "AI_TypeValidationError" == said["error"]
    else:
        assert {"openai": "APIError", "genai": "ApiError"}.get(
            client.program.partition("_")[0], "AI_StreamProviderError"
        ) == said["error"]


def test_a_broken_connection_is_raised(client: Client, node: Calls, server: FakeServer) -> None:
    """
    A stream that is reset never passes for a whole one.
    """
    server.weather = Weather((always(Cut(3, how="reset")),))

    assert node(stream=True)["error"] is not None


@pytest.mark.parametrize(("hint", "least", "most"), [("1", 1.0, 30.0), ("61", 0.375, 30.0), ("-1", 0.375, 30.0)])
def test_openai_s_client_waits_a_minute_at_most(
    hint: str, least: float, most: float, program: Callable[[str], Calls]
) -> None:
    """
    What is longer it takes for no hint, and comes back as if nobody had asked.
    """
    with serving(LANGUAGES["openai"].fake()) as server:
        server.weather = Weather((always(RateLimited(literal=hint)),))
        where = {"url": server.url, "key": KEY, "model": server.fake.model, "prompt": PROMPT}
        said = program("openai_node.mjs")(call="chat", api="openai", retries=1, **where)
        one, other = server.journal

    assert "RateLimitError" == said["error"]
    assert least - 0.001 <= (other.started - one.started) / 1e9 < most


EMBEDDING = [
    ("openai_node.mjs", "openai", "openai", "text-embedding-3-small"),
    ("genai_node.mjs", "gemini", "gemini", "gemini-embedding-001"),
    ("ai_sdk_node.mjs", "openai", "openai", "text-embedding-3-small"),
    ("ai_sdk_node.mjs", "google", "gemini", "gemini-embedding-001"),
    ("ai_sdk_node.mjs", "mistral", "mistral", "mistral-embed"),
    ("ai_sdk_node.mjs", "cohere", "cohere", "embed-v4.0"),
]


@pytest.mark.parametrize(("name", "api", "speaks", "model"), EMBEDDING)
def test_a_text_is_embedded(name: str, api: str, speaks: str, model: str, program: Callable[[str], Calls]) -> None:
    """
    A text has one vector, whose length is one.
    """
    with serving(LANGUAGES[speaks].fake()) as server:
        said = program(name)(call="embed", api=api, url=server.url, key=KEY, model=model, prompt=PROMPT)

    assert said["error"] is None, said
    [vector] = said["vectors"]
    assert 1.0 == pytest.approx(sum(value * value for value in vector), abs=1e-3)


def test_a_stream_that_never_says_why_it_ended_is_a_broken_one(program: Callable[[str], Calls]) -> None:
    """
    The AI SDK does not take `[DONE]` for the end of an answer.
    """
    language = LANGUAGES[SILENT]
    with serving(language.fake()) as server:
        where = {"api": "compatible", "url": server.url, "key": KEY, "model": language.model, "prompt": PROMPT}
        streamed, plain = (program("ai_sdk_node.mjs")(call="generate", stream=each, **where) for each in (True, False))

    assert "AI_InvalidResponseDataError" == streamed["error"]
    assert (None, WHOLE) == (plain["error"], plain["text"])
