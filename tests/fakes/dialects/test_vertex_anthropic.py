"""Anthropic's own client for its models on Vertex AI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import AnthropicVertex
from languages import LANGUAGES
from speaking import KEY, MESSAGES, QUICK, billed, serving

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import TROUBLES, Ask, Trouble
from brownout.fakes.faults.stream import GarbageEvent, MidstreamError
from brownout.fakes.script import Script
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

pytestmark = pytest.mark.slow
WHOLE = QUICK.whole("k7q2x9")
MODEL = LANGUAGES["vertex-anthropic"].model
TOOL: Any = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
RAISED = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    409: anthropic.ConflictError,
    422: anthropic.UnprocessableEntityError,
    429: anthropic.RateLimitError,
}


class Refuse:
    """A fault that says no with one kind of trouble."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, Trouble(self.kind))


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake in a thread of its own."""
    with serving(LANGUAGES["vertex-anthropic"].fake()) as served:
        yield served


@pytest.fixture
def client(server: FakeServer) -> Iterator[AnthropicVertex]:
    """The newest client, which never tries again."""
    place: Any = {"region": "us-east5", "project_id": "acme", "access_token": KEY, "base_url": f"{server.url}/v1"}
    with AnthropicVertex(**place, max_retries=0) as made:
        yield made


def asked(client: AnthropicVertex, *, stream: bool, **more: Any) -> anthropic.types.Message:
    """The message that it hears."""
    body: Any = {"model": MODEL, "max_tokens": 100, "messages": MESSAGES, **more}
    if not stream:
        return client.messages.create(**body)
    with client.messages.stream(**body) as streamed:
        return streamed.get_final_message()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
class TestMessages:
    def test_an_answer_is_heard(self, client: AnthropicVertex, server: FakeServer, stream: bool) -> None:
        """
        Text, stop reason and usage are those that the fake has sent.
        """
        said = asked(client, stream=stream)
        exchange = billed(server)

        assert [WHOLE] == [block.text for block in said.content if block.type == "text"]
        assert "end_turn" == said.stop_reason
        assert (exchange.input_tokens, exchange.output_tokens) == (said.usage.input_tokens, said.usage.output_tokens)

    def test_tool_calls_are_heard(self, client: AnthropicVertex, server: FakeServer, stream: bool) -> None:
        """
        Each tool call has its arguments as an object.
        """
        server.answer = Answer(tool_calls=(ToolCall("weather", {"city": "Zürich"}),))

        said = asked(client, stream=stream, tools=[TOOL])

        assert [{"city": "Zürich"}] == [block.input for block in said.content if block.type == "tool_use"]

    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    def test_every_trouble_raises_the_clients_own_exception(
        self, client: AnthropicVertex, server: FakeServer, kind: str, stream: bool
    ) -> None:
        """
        A refusal is the exception of its status.
        """
        server.weather = Weather((always(Refuse(kind)),))

        with pytest.raises(anthropic.APIStatusError) as raised:
            asked(client, stream=stream)

        status = server.journal[-1].status
        assert status == raised.value.status_code
        assert isinstance(raised.value, RAISED.get(status or 0, anthropic.APIStatusError))


def test_tokens_are_counted(client: AnthropicVertex, server: FakeServer) -> None:
    """
    Counting has a path of its own, and costs nothing.
    """
    counted = client.messages.count_tokens(model=MODEL, messages=MESSAGES)  # type: ignore[arg-type]
    asked(client, stream=False)

    assert (counted.input_tokens, 0) == (billed(server).input_tokens, server.journal[0].microdollars)


def test_what_the_newest_version_takes_no_longer_is_refused(client: AnthropicVertex) -> None:
    """
    The newest client asks in the newest version of the API, in which sampling cannot be set.
    """
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        asked(client, stream=False, extra_body={"temperature": 0.5})


def test_an_error_in_the_middle_is_raised(client: AnthropicVertex, server: FakeServer) -> None:
    """
    It comes in Anthropic's own words, under a status that says all is well.
    """
    server.weather = Weather((always(MidstreamError(2, "overloaded")),))

    with pytest.raises(anthropic.APIStatusError, match="Overloaded") as raised:
        asked(client, stream=True)

    assert 200 == raised.value.status_code


def test_garbage_is_an_event_that_is_no_json(client: AnthropicVertex, server: FakeServer) -> None:
    """
    It is framed as any other event.
    """
    server.weather = Weather((always(GarbageEvent(2)),))

    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        asked(client, stream=True)
