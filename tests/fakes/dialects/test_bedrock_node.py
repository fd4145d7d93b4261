"""Amazon's client for Node against the fake: another signer and another reader of frames than Python's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from languages import LANGUAGES
from node import calling
from speaking import PROMPT, QUICK, billed, serving

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import TROUBLES, Ask, Trouble
from brownout.fakes.dialects.bedrock.troubles import TROUBLES as TABLE
from brownout.fakes.fake import key_id
from brownout.fakes.faults import Fault
from brownout.fakes.faults.connection import Cut
from brownout.fakes.faults.framing import Pings, UnknownEvents
from brownout.fakes.faults.payload import ReorderedKeys, UnknownFields, UnknownValues
from brownout.fakes.faults.segments import JoinedFrames, SplitBytes
from brownout.fakes.faults.stream import MidstreamError
from brownout.fakes.script import Script
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

pytestmark = pytest.mark.slow
LANGUAGE = LANGUAGES["bedrock"]
TEXT = QUICK.whole("k7q2x9")
MESSAGES = LANGUAGE.body(LANGUAGE.model, PROMPT, stream=False)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}
Call = Callable[..., dict[str, Any]]


class Saying:
    """A fault that says no with one trouble."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, Trouble(self._kind))


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    """A fake in a thread of its own."""
    with serving(LANGUAGE.fake()) as served:
        yield served


@pytest.fixture(scope="module")
def node(server: FakeServer) -> Iterator[Call]:
    """Calls an operation of the fake's."""
    key = server.fake.keys[0]
    with calling("bedrock_node.mjs") as call:

        def ask(operation: str, **body: Any) -> dict[str, Any]:
            asked = {"modelId": server.fake.model, **body}
            return call(url=server.url, id=key_id(key), key=key, operation=operation, body=asked)

        yield ask


@pytest.fixture(autouse=True)
def _fair(server: FakeServer) -> None:
    """Fair weather and a short answer."""
    server.answer, server.weather = QUICK, Weather()


@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
def test_a_conversation_is_heard(node: Call, server: FakeServer, operation: str) -> None:
    """
    Text, reason and usage are those that the fake has sent, to a request whose signature is good.
    """
    said = node(operation, **MESSAGES)
    exchange = billed(server)

    assert (TEXT, "end_turn", None) == (said["text"], said["stop"], exchange.trouble)
    assert (exchange.input_tokens, exchange.output_tokens) == (
        said["usage"]["inputTokens"],
        said["usage"]["outputTokens"],
    )


def test_an_invocation_is_heard(node: Call) -> None:
    """
    The chunks hold the events of the vendor.
    """
    language = LANGUAGES["bedrock-anthropic"]
    body = language.body(language.model, PROMPT, stream=True)
    said = node("InvokeModelWithResponseStream", body=json.dumps(body))

    assert (TEXT, "end_turn") == (said["text"], said["stop"])


def test_a_tool_is_called(node: Call, server: FakeServer) -> None:
    """
    Its arguments are an object.
    """
    server.answer = Answer(tool_calls=(ToolCall("weather", {"city": "Zürich 🙂"}),))

    assert [["weather", {"city": "Zürich 🙂"}]] == node("Converse", **MESSAGES, toolConfig=TOOLS)["tools"]


@pytest.mark.parametrize(
    "fault",
    [SplitBytes(3), JoinedFrames(), Pings(), UnknownEvents(), UnknownFields(), UnknownValues(), ReorderedKeys()],
    ids=repr,
)
def test_a_stream_however_it_comes(node: Call, server: FakeServer, fault: Fault) -> None:
    """
    What harms nobody does not harm this client.
    """
    server.weather = Weather((always(fault),))
    said = node("ConverseStream", **MESSAGES)

    assert (None, TEXT) == (said["error"], said["text"])


@pytest.mark.parametrize("kind", sorted(TROUBLES))
def test_every_trouble_has_its_name(node: Call, server: FakeServer, kind: str) -> None:
    """
    The client raises what the header names, under the status of the table.
    """
    server.weather = Weather((always(Saying(kind)),))
    said = node("Converse", **MESSAGES)

    assert TABLE[kind].status == said["status"]
    assert TABLE[kind].html or TABLE[kind].type == said["error"]


def test_an_error_inside_a_stream(node: Call, server: FakeServer) -> None:
    """
    The exception in the frame is raised behind the words before it.
    """
    server.weather = Weather((always(MidstreamError(2, "rate_limited")),))
    said = node("ConverseStream", **MESSAGES)

    assert ("k7q2x9-1 k7q2x9-2", "ThrottlingException") == (said["text"], said["error"])


@pytest.mark.parametrize("inside", [None, "event", "prelude"])
@pytest.mark.parametrize("how", ["clean", "fin", "reset"])
def test_a_cut_stream(node: Call, server: FakeServer, how: Any, inside: Any) -> None:
    """
    A broken connection is an error; what ends properly is one only within a frame.
    """
    server.weather = Weather((always(Cut(3, how=how, inside=inside)),))
    said = node("ConverseStream", **MESSAGES)

    assert (how != "clean" or inside is not None) == (said["error"] is not None)
    assert None is said["stop"]
