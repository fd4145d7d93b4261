"""Half an answer is never passed off as whole."""

from __future__ import annotations

import asyncio

from ..fakes.answer import Pace, ToolCall
from ..fakes.dialects import NAMES, finishes
from ..fakes.faults import Fault
from ..fakes.faults.answers import NoText, StopReason
from ..fakes.faults.connection import Cut
from ..fakes.faults.framing import Comments, Framing, Pings, RetryFields, UnknownEvents
from ..fakes.faults.segments import JoinedFrames, SplitBytes, SplitCharacters
from ..fakes.faults.stream import GarbageEvent, MidstreamError, NoSentinel
from ..fakes.weather import always, first
from ..harness.checks.contents import nothing_invented
from ..harness.checks.processes import memory_grows_little
from ..harness.checks.streams import (
    ended_once,
    finish_tells,
    first_token_is_not_held,
    text_is_a_beginning,
    told_of_the_break,
    told_promptly,
    tool_calls_are_whole,
)
from ..harness.history import Call
from ..harness.scenario import MUST, SHOULD, Case, scenario
from ..harness.stage import Stage, expect

SSE = "WHATWG HTML 9.2"
FRAMED = ("bedrock",)
SERVER_SENT = tuple(name for name in NAMES if name not in FRAMED)
"""Whose streams are made of server-sent events, and not of binary frames."""
CHUNKED = "RFC 9112 8: a chunked message without its last chunk is incomplete"


async def _broken_stream(stage: Stage, fault: Fault) -> Call:
    """A stream that breaks every time: whoever tries again breaks off again."""
    await stage.weather(always(fault))
    call = await stage.call(stream=True)
    expect(call).ended().to(told_of_the_break).to(text_is_a_beginning).to(ended_once)
    return call


async def _whole_stream(stage: Stage, fault: Fault) -> Call:
    """A stream that is odd to look at and says everything."""
    await stage.weather(always(fault))
    call = await stage.call(stream=True)
    expect(call).answered().to(ended_once)
    return call


@scenario("stream.whole", MUST, needs="stream", streamed=True)
async def whole(stage: Stage) -> None:
    """A streamed answer reaches the caller byte for byte, in order, once.

    Words of two, three and four bytes and a joined emoji are among it.
    """
    stage.answer(words=80, unicode=True)
    call = await stage.call(stream=True)
    expect(call).answered().to(ended_once)


@scenario(
    "stream.cut-clean",
    MUST,
    needs="stream",
    streamed=True,
    cases={f"after-{chunks}": Cut(chunks, how="clean") for chunks in (1, 7)},
    source="provider documentation: a stream ends with a finish reason and the provider's own end",
)
async def cut_clean(stage: Stage, fault: Fault) -> None:
    """A stream that ends properly as HTTP and without the provider's own end is not a whole answer.

    Proxies and load balancers end streams like this; nothing below the provider's own protocol shows it.
    """
    await _broken_stream(stage, fault)


@scenario(
    "stream.cut-fin",
    MUST,
    needs="stream",
    streamed=True,
    cases={f"after-{chunks}": Cut(chunks, how="fin") for chunks in (1, 7)},
    source=CHUNKED,
)
async def cut_fin(stage: Stage, fault: Fault) -> None:
    """A stream whose connection is closed before its last chunk is not a whole answer."""
    await _broken_stream(stage, fault)


@scenario(
    "stream.cut-rst",
    MUST,
    needs="stream",
    streamed=True,
    cases={f"after-{chunks}": Cut(chunks, how="reset") for chunks in (1, 7)},
    source=CHUNKED,
)
async def cut_rst(stage: Stage, fault: Fault) -> None:
    """A stream whose connection is reset is not a whole answer."""
    await _broken_stream(stage, fault)


@scenario(
    "stream.cut-in-event",
    MUST,
    needs="stream",
    streamed=True,
    cases={
        f"{inside}-{how}": Cut(5, how=how, inside=inside)
        for inside in ("event", "character")
        for how in ("clean", "fin", "reset")
    }
    | {f"frame-{how}": Case(Cut(5, how=how, inside="prelude"), dialects=FRAMED) for how in ("clean", "fin", "reset")},
    source=SSE,
)
async def cut_in_event(stage: Stage, fault: Fault) -> None:
    """A stream that is cut inside an event, a character or the lengths of a binary frame is not a whole answer.

    What has come of the event is no text of the answer either.
    """
    stage.answer(unicode=True)
    await _broken_stream(stage, fault)


@scenario(
    "stream.no-sentinel",
    MUST,
    needs="stream",
    streamed=True,
    dialects=("openai", "azure_openai", "mistral", "cohere", "openai_compatible"),
)
async def no_sentinel(stage: Stage) -> None:
    """A whole answer with its finish reason is delivered promptly, though the sentinel is missing.

    Compatible providers leave `[DONE]` out; to cry wolf here costs a good answer. An end that a provider's own protocol
    demands, such as Anthropic's `message_stop`, is nothing that a client could be blamed for waiting for.
    """
    probe = stage.exchanges(await stage.call(stream=True))
    if probe and not any(piece.part == "sentinel" for exchange in probe for piece in exchange.pieces):
        stage.does_not_apply("the provider's streams have no sentinel")
    call = await _whole_stream(stage, NoSentinel())
    expect(call).to(told_promptly, within=2.0)


@scenario(
    "stream.error-event",
    MUST,
    needs="stream",
    streamed=True,
    cases={kind: MidstreamError(5, kind) for kind in ("server_error", "rate_limited", "overloaded")},
)
async def error_event(stage: Stage, fault: Fault) -> None:
    """An error that the provider reports inside a stream reaches the caller as an error."""
    await _broken_stream(stage, fault)


@scenario(
    "stream.no-duplicate",
    MUST,
    needs="stream",
    streamed=True,
    cases={how: Cut(7, how=how) for how in ("clean", "fin", "reset")},
)
async def no_duplicate(stage: Stage, fault: Fault) -> None:
    """When a cut stream is tried again, no piece of the caller's text is repeated or spliced.

    A second answer does not continue the first: what was said once must not be said again.
    """
    await stage.weather(first(1, fault))
    call = await stage.call(stream=True)
    expect(call).ended().to(told_of_the_break).to(text_is_a_beginning).to(ended_once)


@scenario("stream.garbage", MUST, needs="stream", streamed=True)
async def garbage(stage: Stage) -> None:
    """An event that cannot be parsed is a break: the caller is told, and the next call works."""
    await _broken_stream(stage, GarbageEvent(5))
    await stage.weather()
    expect(await stage.call(stream=True)).answered()


@scenario(
    "stream.split-bytes",
    MUST,
    needs="stream",
    streamed=True,
    cases={"every-byte": SplitBytes(), "inside-characters": SplitCharacters()},
    source=SSE,
)
async def split_bytes(stage: Stage, fault: Fault) -> None:
    """However the bytes of a stream fall into segments, the text is the same."""
    stage.answer(unicode=True)
    await _whole_stream(stage, fault)


@scenario("stream.joined-frames", MUST, needs="stream", streamed=True, source=SSE)
async def joined_frames(stage: Stage) -> None:
    """All events in one segment are all events."""
    await _whole_stream(stage, JoinedFrames())


@scenario(
    "stream.comments",
    MUST,
    needs="stream",
    streamed=True,
    cases={
        "comments": Case(Comments(), dialects=SERVER_SENT),
        "pings": Pings(),
        "retry-fields": Case(RetryFields(), dialects=SERVER_SENT),
        # Where events have types at all.
        "unknown-events": Case(
            UnknownEvents(every=3),
            dialects=("openai", "azure_openai", "anthropic", "bedrock", "cohere", "openai_compatible"),
        ),
    },
    source=SSE,
)
async def comments(stage: Stage, fault: Fault) -> None:
    """Comments, pings, `retry:` fields and unknown events between the frames are ignored."""
    await _whole_stream(stage, fault)


@scenario(
    "stream.framing",
    SHOULD,
    needs="stream",
    streamed=True,
    dialects=SERVER_SENT,
    cases={style: Framing(style) for style in ("crlf", "cr", "no_space", "multi_line", "bom")},
    source=SSE,
)
async def framing(stage: Stage, fault: Fault) -> None:
    """Every framing that the standard allows carries the same text."""
    await _whole_stream(stage, fault)


@scenario("stream.prompt-first-token", MUST, needs="stream", streamed=True, seconds=9)
async def prompt_first_token(stage: Stage) -> None:
    """The first token reaches the caller when it is sent, not when the answer is whole.

    Streaming that is buffered on the way is no streaming to whoever waits in front of the screen. What a target does
    once, when the first stream comes, is no part of it.
    """
    await stage.call(stream=True)
    pause = stage.within_deadline(8.0) / 16
    stage.answer(words=16, pace=Pace(first=pause, between=pause))
    call = await stage.call(stream=True)
    expect(call).answered().to(first_token_is_not_held, within=0.25)


@scenario(
    "stream.stop-reason",
    SHOULD,
    needs="stream",
    streamed=True,
    cases={"length": "length", "content-filter": "content_filter"},
)
async def stop_reason(stage: Stage, reason: str) -> None:
    """The caller can tell an answer that was cut short by the provider from a whole one."""
    await stage.weather(always(StopReason("length" if reason == "length" else "content_filter")))
    call = await stage.call(stream=True)
    known = finishes(*{"length": ["length"], "content_filter": ["content_filter", "refusal"]}[reason])
    told = {"length": ["context", "invalid"], "content_filter": ["content_policy"]}
    expect(call).ended().to(finish_tells, finishes=known, errors=told[reason])


@scenario(
    "stream.tool-call-cut",
    MUST,
    needs="stream.tools",
    streamed=True,
    cases={how: Cut(4, how=how) for how in ("clean", "fin", "reset")},
)
async def tool_call_cut(stage: Stage, fault: Fault) -> None:
    """A tool is never called with a part of its arguments."""
    arguments = {"account": "7731-4410", "amount": 120, "currency": "EUR", "note": "the second half of the invoice"}
    stage.answer(tool_calls=(ToolCall("transfer", arguments),), finish="tool_calls")
    schema = {"type": "object", "properties": {name: {} for name in arguments}}
    tool = {"type": "function", "function": {"name": "transfer", "description": "Move money.", "parameters": schema}}
    whole_call = await stage.call(stream=True, tools=[tool])
    await stage.weather(always(fault))
    cut_call = await stage.call(stream=True, tools=[tool])
    expect([whole_call, cut_call]).to(tool_calls_are_whole, name="transfer", arguments=arguments)
    expect(cut_call).ended().to(told_of_the_break)


@scenario("stream.empty", SHOULD, needs="stream", streamed=True)
async def empty(stage: Stage) -> None:
    """A stream that ends properly and says nothing is an empty answer or an error, and nothing hangs."""
    await stage.weather(always(NoText()))
    call = await stage.call(stream=True)
    expect(call).ended().to(nothing_invented)


@scenario("stream.backpressure", SHOULD, needs="stream", streamed=True, seconds=12)
async def backpressure(stage: Stage) -> None:
    """A caller who reads slowly does not make the target hold the whole stream in memory.

    A chunk a second of a stream of 75 MiB: whoever reads on regardless keeps it somewhere.
    """
    await stage.call(stream=True)
    stage.answer(words=300, padding=256 * 1024, pace=Pace(between=0.0))
    stage.vitals()
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(stage.call(stream=True, read_every=1.0, leave_after=10.0))
        while not reading.done():
            await stage.sleep(0.5)
            stage.vitals()
    expect(stage.history).to(memory_grows_little, at_most_bytes=32 * 1024 * 1024)


@scenario(
    "stream.after-cut-usable",
    MUST,
    needs="stream",
    streamed=True,
    cases={how: Cut(3, how=how) for how in ("clean", "fin", "reset")},
)
async def after_cut_usable(stage: Stage, fault: Fault) -> None:
    """After a cut the next twenty calls all succeed: no connection in the pool is poisoned."""
    await stage.weather(always(fault))
    await stage.call(stream=True)
    await stage.weather()
    for _ in range(4):
        expect(await stage.calls(5, stream=True)).answered()
