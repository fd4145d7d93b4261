"""What a real client makes of faults that change no meaning: the official one of OpenAI, as it ships."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import openai
import pytest
import rawsocket

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.faults import Fault
from brownout.fakes.faults.compression import Compressed
from brownout.fakes.faults.framing import Comments, Framing, Pings, RetryFields, UnknownEvents
from brownout.fakes.faults.payload import ReorderedKeys, UnknownFields
from brownout.fakes.faults.segments import JoinedFrames, SplitBytes, SplitCharacters
from brownout.fakes.faults.stream import NoSentinel
from brownout.fakes.faults.timing import Drip, Latency, Stall

SAYS = Answer(words=8, unicode=True, pace=Pace(0.0, 0.0))
PROMPT = f"say it [bo:{rawsocket.CANARY}]"
HARMLESS: list[Fault] = [
    Comments(),
    Pings(),
    RetryFields(),
    UnknownEvents(),
    Framing("crlf"),
    Framing("cr"),
    Framing("no_space"),
    Framing("multi_line"),
    Framing("bom"),
    UnknownFields(),
    ReorderedKeys(),
    SplitBytes(),
    SplitCharacters(pause=0.001),
    JoinedFrames(),
    Compressed("gzip"),
    Compressed("deflate"),
    Latency(first=0.01, between=0.001, early_head=True),
    Stall(seconds=0.05, heartbeat=0.1),
    Drip(piece_bytes=64, pause=0.0),
]


async def chat(client: openai.AsyncOpenAI, *, stream: bool) -> str:
    """The text of a chat completion."""
    model, said = "gpt-4o-mini", ""
    if not stream:
        whole = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": PROMPT}])
        return whole.choices[0].message.content or ""
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": PROMPT}]
    async for chunk in await client.chat.completions.create(model=model, messages=messages, stream=True):
        said += "".join(choice.delta.content or "" for choice in chunk.choices)
    return said


async def responses(client: openai.AsyncOpenAI, *, stream: bool) -> str:
    """The text of a response."""
    if not stream:
        return (await client.responses.create(model="gpt-4o-mini", input=PROMPT)).output_text
    said = ""
    async for event in await client.responses.create(model="gpt-4o-mini", input=PROMPT, stream=True):
        said += event.delta if event.type == "response.output_text.delta" else ""
    return said


Ask = Callable[..., Coroutine[Any, Any, str]]


def heard(fault: Fault, ask: Ask, *, stream: bool) -> tuple[str, int]:
    """The text that the client gets while a fault is in force, and how many attempts that took."""

    async def asked() -> tuple[str, int]:
        async with rawsocket.serving(fault, answer=SAYS, attempts=None) as server:
            key = server.fake.keys[0]
            async with openai.AsyncOpenAI(base_url=server.url, api_key=key) as client:
                return await ask(client, stream=stream), len(server.journal)

    return asyncio.run(asked())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("ask", [chat, responses])
@pytest.mark.parametrize("fault", HARMLESS, ids=repr)
def test_harmless_faults_harm_nobody(fault: Fault, ask: Ask, stream: bool) -> None:
    """
    The client gets the fair text, at the first attempt.
    """
    assert (SAYS.whole(rawsocket.CANARY), 1) == heard(fault, ask, stream=stream)


def test_a_missing_sentinel_is_no_loss() -> None:
    """
    A stream without `[DONE]` gives the client the whole text.
    """
    assert (SAYS.whole(rawsocket.CANARY), 1) == heard(NoSentinel(), chat, stream=True)
