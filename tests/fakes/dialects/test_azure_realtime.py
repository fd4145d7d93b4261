"""Realtime at Azure OpenAI: OpenAI's session behind a gateway that refuses in HTTP."""

from __future__ import annotations

import asyncio
import json

import pytest
from openai import AsyncOpenAI
from rawsession import MODEL, RawSession, answers, where
from rawsocket import CANARY, QUICK, chat

from brownout.fakes.fake import Fake
from brownout.fakes.server import FakeServer

PATH = f"/openai/v1/realtime?model={MODEL}"
KEY = Fake().keys[0]


async def azure() -> FakeServer:
    """A resource with a deployment for Realtime."""
    server = FakeServer(Fake(dialect="azure_openai", model=MODEL))
    server.answer = QUICK
    await server.start()
    return server


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (PATH, f"api-key: {KEY}\r\n"),
        (PATH, f"authorization: Bearer {KEY}\r\n"),
        (f"{PATH}&api-key={KEY}", ""),
    ],
    ids=["api-key", "bearer", "query"],
)
def test_a_session_by_every_kind_of_key(path: str, headers: str) -> None:
    """
    The same session as OpenAI's; the key stands nowhere in the journal.
    """

    async def talk() -> None:
        server = await azure()
        raw = RawSession(server)
        assert 101 == (await raw.offer(path, headers)).status
        await raw.hear("session.created")
        await raw.ask()
        assert QUICK.whole(CANARY) == (await raw.hear("response.done")).words
        raw.close()
        await server.stop()
        assert KEY not in str(server.journal)
        assert answers(server)[0].key == server.journal[0].key

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (PATH, "api-key: wrong\r\n", 401, "401"),
        ("/openai/v1/realtime?model=none", f"api-key: {KEY}\r\n", 404, "DeploymentNotFound"),
        ("/openai/v1/realtime?model=gpt-4o", f"api-key: {KEY}\r\n", 400, "OpperationNotSupported"),
        ("/openai/v1/responses", f"api-key: {KEY}\r\n", 404, "404"),
    ],
    ids=["wrong key", "no deployment", "not realtime", "no such session"],
)
def test_the_gateway_refuses_in_http(path: str, headers: str, status: int, code: str) -> None:
    """
    With its own short error; the connection serves the next request.
    """

    async def talk() -> None:
        server = await azure()
        raw = RawSession(server)
        heard = await raw.offer(path, headers)
        while not heard.whole:
            heard = await raw._more(heard)
        assert (status, code) == (heard.status, json.loads(heard.body)["error"]["code"])
        await raw.raw.send(chat(server.fake))
        assert 200 == (await raw.raw.hear()).status
        raw.close()
        await server.stop()

    asyncio.run(talk())


def test_the_official_client() -> None:
    """
    With Azure's address of the first version as its base, and the key as a bearer.
    """

    async def talk() -> None:
        server = await azure()
        async with (
            AsyncOpenAI(api_key=KEY, **where(f"{server.url}/openai/v1")) as client,
            client.realtime.connect(model=MODEL) as connection,
        ):
            await connection.response.create(response={"instructions": f"say it [bo:{CANARY}]"})
            words = ""
            async for event in connection:
                words += event.delta if event.type == "response.output_text.delta" else ""
                if event.type == "response.done":
                    break
            assert QUICK.whole(CANARY) == words
        await server.stop()

    asyncio.run(talk())
