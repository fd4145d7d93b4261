"""Writes `docs/exceptions.md`: what each official client raises for each trouble, and after how many attempts.

    python docs/exceptions.py > docs/exceptions.md          or: nox -s exceptions

Nothing in the table is copied from documentation: every cell is measured, with the client's own defaults, against a
fake on a real socket. A dialect adds its clients to `CLIENTS`; a client that is not installed has no column. Clients
for Node are called by the programs that the tests call them by; where there is no Node they have no table.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.ask import TROUBLES, Ask, Trouble
from brownout.fakes.dialects import dialect
from brownout.fakes.fake import Fake, key_id
from brownout.fakes.faults import AnyFault
from brownout.fakes.faults.body import EmptyBody, ErrorInOk, HtmlPage, MalformedJson
from brownout.fakes.faults.connection import Cut, Refuse, ResetBeforeHeaders
from brownout.fakes.faults.stream import GarbageEvent, MidstreamError
from brownout.fakes.script import Script
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

Call = Callable[[bool], Awaitable[object]]
"""A call, streamed or not, to its end."""
PROMPT = "Say it. [bo:k7q2x9]"


@dataclass(frozen=True)
class Client:
    """An official client: its package, the dialect and model of its fake, and how it is called."""

    package: str
    dialect: str
    model: str
    calling: Callable[[FakeServer], AbstractAsyncContextManager[Call]]
    of: str = ""
    """Which of several clients of the package it is."""
    release: str = ""
    """Its version, where it is not installed here."""

    @property
    def title(self) -> str:
        """The head of its column."""
        return f"{self.package} {self.release or _version(self.package)}" + (f", {self.of}" if self.of else "")


@dataclass(frozen=True)
class Say:
    """A fault that says no with one kind of trouble."""

    kind: str

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, Trouble(self.kind))


@asynccontextmanager
async def _openai(server: FakeServer) -> AsyncIterator[Call]:
    from openai import AsyncOpenAI  # noqa: PLC0415  # it need not be installed

    async with AsyncOpenAI(base_url=server.url, api_key=server.fake.keys[0]) as client:

        async def call(stream: bool) -> object:
            messages = [{"role": "user", "content": PROMPT}]
            made = await client.chat.completions.create(model=server.fake.model, messages=messages, stream=stream)  # type: ignore[call-overload]
            return [chunk async for chunk in made] if stream else made

        yield call


@asynccontextmanager
async def _anthropic(server: FakeServer) -> AsyncIterator[Call]:
    from anthropic import AsyncAnthropic  # noqa: PLC0415  # it need not be installed

    async with AsyncAnthropic(base_url=server.url, api_key=server.fake.keys[0]) as client:

        async def call(stream: bool) -> object:
            messages = [{"role": "user", "content": PROMPT}]
            made = await client.messages.create(  # type: ignore[call-overload]
                model=server.fake.model, max_tokens=1024, messages=messages, stream=stream
            )
            return [event async for event in made] if stream else made

        yield call


@asynccontextmanager
async def _bedrock(server: FakeServer) -> AsyncIterator[Call]:
    import boto3  # noqa: PLC0415  # it need not be installed

    key = server.fake.keys[0]
    account = {"aws_access_key_id": key_id(key), "aws_secret_access_key": key, "region_name": "us-east-1"}
    client = await asyncio.to_thread(boto3.Session(**account).client, "bedrock-runtime", endpoint_url=server.url)

    def ask(stream: bool) -> object:
        asked = {"modelId": server.fake.model, "messages": [{"role": "user", "content": [{"text": PROMPT}]}]}
        if not stream:
            return client.converse(**asked)
        events = client.converse_stream(**asked)["stream"]
        try:
            return list(events)
        finally:
            events.close()

    try:
        yield lambda stream: asyncio.to_thread(ask, stream)
    finally:
        client.close()


@asynccontextmanager
async def _azure(server: FakeServer) -> AsyncIterator[Call]:
    from openai import AsyncAzureOpenAI  # noqa: PLC0415  # it need not be installed

    key = server.fake.keys[0]
    async with AsyncAzureOpenAI(azure_endpoint=server.url, api_key=key, api_version="2024-10-21") as client:

        async def call(stream: bool) -> object:
            messages = [{"role": "user", "content": PROMPT}]
            made = await client.chat.completions.create(model=server.fake.model, messages=messages, stream=stream)  # type: ignore[call-overload]
            return [chunk async for chunk in made] if stream else made

        yield call


@asynccontextmanager
async def _google(server: FakeServer) -> AsyncIterator[Call]:
    from google import genai  # noqa: PLC0415  # it need not be installed
    from google.genai.types import HttpOptions  # noqa: PLC0415

    client = genai.Client(api_key=server.fake.keys[0], http_options=HttpOptions(base_url=server.url)).aio

    async def call(stream: bool) -> object:
        if stream:
            made = await client.models.generate_content_stream(model=server.fake.model, contents=PROMPT)
            return [chunk async for chunk in made]
        return await client.models.generate_content(model=server.fake.model, contents=PROMPT)

    yield call
    await client.aclose()


@asynccontextmanager
async def _cohere(server: FakeServer) -> AsyncIterator[Call]:
    from cohere import AsyncClientV2, UserChatMessageV2  # noqa: PLC0415  # it need not be installed

    async with AsyncClientV2(base_url=server.url, api_key=server.fake.keys[0]) as client:
        messages = [UserChatMessageV2(content=PROMPT)]

        async def call(stream: bool) -> object:
            if stream:
                return [event async for event in client.chat_stream(model=server.fake.model, messages=messages)]
            return await client.chat(model=server.fake.model, messages=messages)

        yield call


@asynccontextmanager
async def _mistral(server: FakeServer) -> AsyncIterator[Call]:
    from mistralai.client import Mistral  # noqa: PLC0415  # it need not be installed
    from mistralai.client.models import UserMessage  # noqa: PLC0415

    async with Mistral(api_key=server.fake.keys[0], server_url=server.url) as client:

        async def call(stream: bool) -> object:
            asked: Any = {"model": server.fake.model, "messages": [UserMessage(content=PROMPT)]}
            if stream:
                return [event async for event in await client.chat.stream_async(**asked)]
            return await client.chat.complete_async(**asked)

        yield call


CLIENTS = (
    Client("openai", "openai", "gpt-4o-mini", _openai),
    Client("openai", "azure_openai", "gpt-4o-mini", _azure, "AzureOpenAI"),
    Client("anthropic", "anthropic", "claude-sonnet-5-5", _anthropic),
    Client("google-genai", "gemini", "gemini-2.5-flash", _google),
    Client("cohere", "cohere", "command-a-03-2025", _cohere),
    Client("mistralai", "mistral", "mistral-large-latest", _mistral),
    Client("boto3", "bedrock", "anthropic.claude-haiku-4-5-20251001-v1:0", _bedrock),
)


def node(program: str, speaks: str, model: str, of: str = "", **asked: Any) -> Callable[[ExitStack], Client]:
    """A client for Node, once it runs: what the program is asked may hang on the model and on whether it streams."""

    def running(stack: ExitStack) -> Client:
        from node import PACKAGES, calling  # noqa: PLC0415  # of the tests

        program_call = stack.enter_context(calling(program))
        package, _, release = PACKAGES[program][0].rpartition("@")

        @asynccontextmanager
        async def called(server: FakeServer) -> AsyncIterator[Call]:
            key = server.fake.keys[0]
            where = {"url": server.url, "key": key, "id": key_id(key), "model": model, "prompt": PROMPT}

            async def call(stream: bool) -> object:
                more = {name: value(model, stream) if callable(value) else value for name, value in asked.items()}
                said = await asyncio.to_thread(program_call, **where, stream=stream, retries=None, **more)
                if said["error"] is not None:
                    raise type(said["error"], (Exception,), {})
                return said

            yield call

        return Client(package, speaks, model, called, of, release)

    return running


MESSAGES = [{"role": "user", "content": PROMPT}]
NODE_CLIENTS = (
    node("openai_node.mjs", "openai", "gpt-4o-mini", api="openai", call="chat"),
    node(
        "anthropic_node.mjs",
        "anthropic",
        "claude-sonnet-5-5",
        body=lambda model, stream: {"model": model, "max_tokens": 1024, "messages": MESSAGES},
    ),
    node("genai_node.mjs", "gemini", "gemini-2.5-flash", api="gemini", call="generate"),
    node(
        "bedrock_node.mjs",
        "bedrock",
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        body=lambda model, stream: {"modelId": model, "messages": [{"role": "user", "content": [{"text": PROMPT}]}]},
        operation=lambda model, stream: "ConverseStream" if stream else "Converse",
    ),
    node("ai_sdk_node.mjs", "openai", "gpt-4o-mini", "@ai-sdk/openai", api="openai", call="generate"),
)
BROKEN: dict[str, tuple[AnyFault, bool]] = {
    "connection refused": (Refuse(), False),
    "connection reset before the headers": (ResetBeforeHeaders(), False),
    "200 with a web page": (HtmlPage(), False),
    "200 without a body": (EmptyBody(), False),
    "200 with broken JSON": (MalformedJson(), False),
    "200 with an error": (ErrorInOk(), False),
    "200 with an error, where a stream was asked for": (ErrorInOk(), True),
    "stream: an error event": (MidstreamError(3, "overloaded"), True),
    "stream: an event that is no JSON": (GarbageEvent(3), True),
    "stream: ended properly before its own end": (Cut(3, how="clean"), True),
    "stream: closed before its end": (Cut(3, how="fin"), True),
    "stream: reset": (Cut(3, how="reset"), True),
}


async def met(client: Client, fault: AnyFault, *, stream: bool) -> str:
    """What a client makes of a fault: the exception it raises, or none, and how often it has asked."""
    server = FakeServer(Fake(dialect=client.dialect, model=client.model), weather=Weather((always(fault),)))
    server.answer = Answer(words=6, pace=Pace(0.0, 0.0))
    await server.start()
    try:
        async with client.calling(server) as call:
            try:
                await call(stream)
            except Exception as error:
                raised = f"`{type(error).__name__}`"
            else:
                raised = "*no exception*"
        attempts = len(server.journal)
    finally:
        await server.stop()
    return raised if attempts <= 1 else f"{raised}, {attempts} attempts"


async def rows(clients: Sequence[Client]) -> AsyncIterator[tuple[str, ...]]:
    """The head of a table of these clients, and each of its rows."""
    yield ("", *(client.title for client in clients))
    kinds = sorted({kind for client in clients for kind in dialect(client.dialect).troubles})
    for kind in sorted(kinds, key=lambda kind: (kind not in TROUBLES, kind)):
        knows = [kind in dialect(client.dialect).troubles for client in clients]
        cells = (met(client, Say(kind), stream=False) for client, known in zip(clients, knows, strict=True) if known)
        found = iter(await asyncio.gather(*cells))
        yield (f"`{kind}`", *(next(found) if known else "" for known in knows))
    for name, (fault, stream) in BROKEN.items():
        yield (name, *await asyncio.gather(*(met(client, fault, stream=stream) for client in clients)))


async def table(clients: Sequence[Client]) -> str:
    """The table, as Markdown."""
    head, *body = [row async for row in rows(clients)]
    lines = (head, ("---",) * len(head), *body)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


HEAD = """# What the official clients raise

Each row is a trouble that a provider says no with, or something that breaks on the way; each column an official client
with its own defaults. Where a client has tried again by itself, the attempts it made are counted; where it notices
nothing, it raises no exception, and its caller is given half an answer or something else than one. What a provider does
not know has no cell.

Measured by `docs/exceptions.py` (`nox -s exceptions`) against the fakes.

"""


NODE = """

## From Node

The AI SDK tells of what goes wrong in a stream by a callback; an error that it is called with counts here. Where an
answer is of another shape, a `TypeError` comes to whoever reads it first: the client, or its caller.

"""
TESTS = Path(__file__).parents[1] / "tests" / "fakes"


def main() -> None:
    """Write the page."""
    sys.stdout.write(HEAD + asyncio.run(table([client for client in CLIENTS if _version(client.package)])))
    if shutil.which("npm"):
        sys.path.insert(0, str(TESTS))
        with ExitStack() as running:
            sys.stdout.write(NODE + asyncio.run(table([started(running) for started in NODE_CLIENTS])))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
