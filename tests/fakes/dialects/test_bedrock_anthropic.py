"""Anthropic's own client for Bedrock against the fake: its signatures, its reading of frames, its exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from languages import LANGUAGES
from speaking import QUICK, billed, serving

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.fake import key_id
from brownout.fakes.faults import Fault
from brownout.fakes.faults.replies import ContextLength, InvalidKey, ModelGone, Overloaded, RateLimited, Status
from brownout.fakes.faults.segments import SplitBytes
from brownout.fakes.faults.stream import MidstreamError
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

MODEL = LANGUAGES["bedrock-anthropic"].model
ASKED: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "[bo:k7q2x9] Please answer."}],
}
TEXT = QUICK.whole("k7q2x9")
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake."""
    with serving(LANGUAGES["bedrock-anthropic"].fake()) as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[anthropic.AnthropicBedrock]:
    """The client, as it ships but for its retries, with another base URL."""
    key = server.fake.keys[0]
    account = {"aws_access_key": key_id(key), "aws_secret_key": key, "aws_region": "us-east-1"}
    with anthropic.AnthropicBedrock(**account, base_url=server.url, max_retries=0) as made:  # type: ignore[arg-type]
        yield made


def test_a_message(server: FakeServer, client: anthropic.AnthropicBedrock) -> None:
    """
    Text, reason and usage are what the fake said.
    """
    message = client.messages.create(**ASKED)
    exchange = billed(server)

    assert [TEXT] == [block.text for block in message.content if block.type == "text"]
    assert ("end_turn", exchange.output_tokens) == (message.stop_reason, message.usage.output_tokens)
    assert ("invoke", None) == (exchange.route, exchange.trouble)


@pytest.mark.parametrize("faults", [(), (SplitBytes(piece_bytes=5),)], ids=["fair", "split"])
def test_a_stream(server: FakeServer, client: anthropic.AnthropicBedrock, faults: tuple[Fault, ...]) -> None:
    """
    The client's own helper puts the same message together, however the bytes fall.
    """
    server.weather = Weather((always(*faults),)) if faults else Weather()
    with client.messages.stream(**ASKED) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()

    assert TEXT == "".join(pieces)
    assert ("end_turn", billed(server).output_tokens) == (message.stop_reason, message.usage.output_tokens)


def test_a_tool_is_called(server: FakeServer, client: anthropic.AnthropicBedrock) -> None:
    """
    Whole and in pieces, with the arguments that the scenario wants.
    """
    server.answer = Answer(tool_calls=(ToolCall("weather", {"city": "Oslo"}),), finish="tool_calls")
    whole = client.messages.create(**ASKED, tools=[TOOL])
    with client.messages.stream(**ASKED, tools=[TOOL]) as stream:
        streamed = stream.get_final_message()

    for message in (whole, streamed):
        assert [{"city": "Oslo"}] == [block.input for block in message.content if block.type == "tool_use"]


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (RateLimited(), anthropic.RateLimitError),
        (InvalidKey(), anthropic.PermissionDeniedError),
        (Overloaded(), anthropic.APIStatusError),
        (ContextLength(forced=True), anthropic.BadRequestError),
        (ModelGone(), anthropic.NotFoundError),
        (Status(status=500), anthropic.InternalServerError),
    ],
)
def test_troubles(
    server: FakeServer, client: anthropic.AnthropicBedrock, fault: Fault, raised: type[Exception]
) -> None:
    """
    Each is the exception that the client has for the status; the message is Bedrock's.
    """
    server.weather = Weather((always(fault),))

    with pytest.raises(raised, match="message"):
        client.messages.create(**ASKED)


def test_an_error_inside_a_stream(server: FakeServer, client: anthropic.AnthropicBedrock) -> None:
    """
    An exception in a frame is an error to this client too.
    """
    server.weather = Weather((always(MidstreamError(2)),))

    with (
        pytest.raises(anthropic.APIStatusError, match="internalServerException"),
        client.messages.stream(**ASKED) as stream,
    ):
        stream.get_final_message()
