"""The official client for Node against a fake on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from languages import LANGUAGES
from node import Calls, calling
from speaking import KEY, MESSAGES, QUICK, billed, serving

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import Ask, Trouble
from brownout.fakes.dialects.anthropic.troubles import TROUBLES
from brownout.fakes.faults.stream import MidstreamError
from brownout.fakes.script import Script
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

pytestmark = pytest.mark.slow
WHOLE = "k7q2x9-1 k7q2x9-2 k7q2x9-3 k7q2x9-4 k7q2x9-5 k7q2x9-6"
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
RAISED = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}


class Refuse:
    """A fault that says no with one kind of trouble."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, Trouble(self.kind))


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    """A fake in a thread of its own."""
    with serving(LANGUAGES["anthropic"].fake()) as served:
        yield served


@pytest.fixture(scope="module")
def node(server: FakeServer) -> Iterator[Calls]:
    """Calls the fake with the client, in a process that calls as often as it is told to."""
    with calling("anthropic_node.mjs") as call:

        def asking(*, stream: bool = False, **body: Any) -> dict[str, Any]:
            asked = {"model": server.fake.model, "max_tokens": 1024, "messages": MESSAGES, **body}
            return call(url=server.url, key=KEY, stream=stream, body=asked)

        yield asking


@pytest.fixture(autouse=True)
def _fair(server: FakeServer) -> None:
    """Fair weather and a short answer."""
    server.answer, server.weather = QUICK, Weather()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
class TestNode:
    def test_an_answer_is_heard(self, node: Calls, server: FakeServer, stream: bool) -> None:
        """
        Text, stop reason and usage are those that the fake has sent, in the newest version of the API.
        """
        said = node(stream=stream)
        exchange = billed(server)

        assert (WHOLE, "end_turn") == (said["text"], said["stop"])
        assert (exchange.input_tokens, exchange.output_tokens) == (
            said["usage"]["input_tokens"],
            said["usage"]["output_tokens"],
        )
        assert "2026-10-21" == dict(exchange.request_headers)["anthropic-version"]

    def test_tool_calls_are_heard(self, node: Calls, server: FakeServer, stream: bool) -> None:
        """
        Each tool call has its arguments as an object.
        """
        server.answer = Answer(tool_calls=(ToolCall("weather", {"city": "Zürich 🙂"}),))

        said = node(stream=stream, tools=[TOOL])

        assert ("tool_use", [["weather", {"city": "Zürich 🙂"}]]) == (said["stop"], said["tools"])

    def test_what_was_thought_is_no_text(self, node: Calls, server: FakeServer, stream: bool) -> None:
        """
        Thinking comes in blocks of its own, and its tokens are counted.
        """
        server.answer = Answer(words=6, reasoning_tokens=40)

        said = node(stream=stream, thinking={"type": "adaptive"})

        assert WHOLE == said["text"]
        assert 40 == said["usage"]["output_tokens_details"]["thinking_tokens"]

    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    def test_the_client_raises_its_own_exception(
        self, node: Calls, server: FakeServer, kind: str, stream: bool
    ) -> None:
        """
        Every trouble raises the client's exception for its status, with the type of the table.
        """
        server.weather = Weather((always(Refuse(kind)),))
        row = TROUBLES[kind]

        said = node(stream=stream)

        assert row.status == said["status"]
        assert row.html or row.type == said["type"]
        if row.status in RAISED:
            assert RAISED[row.status] == said["error"] or row.code


def test_an_error_in_the_middle_is_raised(node: Calls, server: FakeServer) -> None:
    """
    The event that tells of an error ends the stream as one.
    """
    server.weather = Weather((always(MidstreamError(2, "overloaded")),))

    said = node(stream=True)

    assert said["error"] is not None
    assert "overloaded_error" == said["type"]
