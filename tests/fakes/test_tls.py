from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx
import openai
import pytest
import rawsocket
from languages import LANGUAGES
from scripted import ScriptedServer, until

from brownout.fakes.authority import authority
from brownout.fakes.fake import Fake
from brownout.fakes.faults import AnyFault
from brownout.fakes.faults.connection import CloseBeforeHeaders, Cut, ResetOnAccept, StaleConnections
from brownout.fakes.journal import Exchange
from brownout.fakes.script import End, Head, Op, Send
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always, first

Run = Callable[[Any], Any]
CHAT = LANGUAGES["openai"]


def trusting() -> ssl.SSLContext:
    """A client's context that trusts the fakes' authority and nobody else."""
    return ssl.create_default_context(cadata=authority().pem.decode())


@asynccontextmanager
async def serving(*faults: AnyFault, http2: bool = False, attempts: int | None = 1) -> AsyncIterator[FakeServer]:
    """A fake over TLS whose first so many attempts of each call meet the faults."""
    rule = always(*faults) if attempts is None else first(attempts, *faults)
    server = FakeServer(Fake(tls=True, http2=http2), weather=Weather((rule,) if faults else ()))
    server.answer = rawsocket.QUICK
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def connected(
    server: FakeServer, **options: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection behind TLS that knows nothing but bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting(), **options)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def asked(server: FakeServer, **options: Any) -> tuple[bytes, str]:
    """What comes in answer to a request, and how it ends: open, fin or reset."""
    async with connected(server) as (reader, writer):
        writer.write(rawsocket.chat(server.fake, **options))
        heard = rawsocket.Heard()
        while not heard.how:
            try:
                async with asyncio.timeout(10.0):
                    data = await reader.read(65536)
            except ConnectionResetError:
                heard.how = "reset"
            else:
                heard.data += data
                heard.how = "open" if heard.whole else "" if data else "fin"
        return heard.data, heard.how


class TestHandshake:
    @pytest.mark.parametrize(
        ("offered", "http2", "spoken"),
        [(True, True, "HTTP/2"), (False, True, "HTTP/1.1"), (True, False, "HTTP/1.1")],
    )
    def test_both_sides_agree_on_what_is_spoken(self, run: Run, offered: bool, http2: bool, spoken: str) -> None:
        """
        HTTP/2 is spoken by ALPN where both sides offer it, else HTTP/1.1; the journal knows which.
        """

        async def ask() -> tuple[list[str], list[str]]:
            async with (
                serving(http2=http2) as server,
                httpx.AsyncClient(
                    base_url=server.url,
                    http2=offered,
                    verify=trusting(),
                    headers=dict(CHAT.credentials(server.fake.keys[0])),
                ) as client,
            ):
                said = []
                for stream in (False, True):
                    body = CHAT.body(server.fake.model, "[bo:abc123]", stream=stream)
                    response = await client.post("/chat/completions", json=body)
                    assert "abc123-6" in CHAT.words(response.content, streamed=stream)
                    said.append(response.http_version)
                assert 1 == len(server.arrivals)
                return said, [f"HTTP/{exchange.http}" for exchange in server.journal]

        assert ([spoken] * 2, [spoken] * 2) == run(ask())

    def test_who_does_not_trust_it_asks_nothing(self, run: Run) -> None:
        """
        A client without the authority's certificate ends the handshake; the connection is known, closed, and costs
        nobody else.
        """

        async def ask() -> FakeServer:
            async with serving() as server:
                async with httpx.AsyncClient(base_url=server.url) as stranger:
                    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                        await stranger.get("/models")
                await until(lambda: server.arrivals[0].closed is not None)
                assert "open" == (await asked(server))[1]
                return server

        server = run(ask())

        assert (2, 1) == (len(server.arrivals), len(server.journal))

    @pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"], ids=["silence", "http"])
    def test_who_shakes_no_hands_stops_nobody(self, run: Run, said: bytes) -> None:
        """
        A fake stops at once, whoever has not shaken hands yet, and who speaks in the clear is not answered.
        """

        async def ask() -> tuple[bytes, list[Exchange]]:
            async with serving() as server:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(said)
                await until(lambda: server.arrivals)
                if said:
                    await until(lambda: server.arrivals[0].closed is not None)
                async with asyncio.timeout(5.0):
                    await server.stop()
                try:
                    heard = await reader.read()
                except ConnectionResetError:
                    heard = b""
                writer.transport.abort()
                return heard, server.journal

        heard, journal = run(ask())

        assert b"HTTP" not in heard
        assert [] == journal

    def test_a_connection_is_reset_before_hands_are_shaken(self, run: Run) -> None:
        """
        A door meets connections as they are accepted.
        """

        async def ask() -> list[str]:
            async with serving(ResetOnAccept(), attempts=None) as server:
                with pytest.raises(OSError, match=r".*"):
                    async with connected(server):
                        pass
                return [arrival.door for arrival in server.arrivals]

        assert ["reset"] == run(ask())


class TestFaults:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize("how", ["fin", "reset"])
    def test_a_cut_ends_the_connection(self, run: Run, how: Literal["fin", "reset"], stream: bool) -> None:
        """
        The connection ends in the middle of the answer, by the end of TLS or by a RST.
        """

        async def ask() -> tuple[bytes, str, Exchange]:
            async with serving(Cut(how=how)) as server:
                return *await asked(server, stream=stream), server.journal[0]

        data, ended, exchange = run(ask())

        assert (how, "closed" if how == "fin" else "reset") == (ended, exchange.ended)
        assert b"abc123-1" in data or how == "reset"
        assert b'"usage"' not in data

    def test_nothing_comes_but_the_end(self, run: Run) -> None:
        """
        A connection that is closed before the headers brings no byte.
        """

        async def ask() -> tuple[bytes, str]:
            async with serving(CloseBeforeHeaders()) as server:
                return await asked(server)

        assert (b"", "fin") == run(ask())

    @pytest.mark.parametrize("how", ["fin", "reset"])
    def test_stale_connections(self, run: Run, how: Literal["fin", "reset"]) -> None:
        """
        An idle connection is closed when its time is over, or looks alive until a request rides it.
        """

        async def ask() -> tuple[bytes, list[str]]:
            async with serving(StaleConnections(idle=0.05, how=how), attempts=None) as server:
                async with connected(server) as (reader, writer):
                    writer.write(rawsocket.chat(server.fake))
                    await reader.readuntil(b"}")
                    await until(lambda: server.arrivals[0].door)
                    if how == "reset":
                        writer.write(rawsocket.chat(server.fake))
                    async with asyncio.timeout(10.0):
                        try:
                            await reader.read()
                        except ConnectionResetError:
                            assert "reset" == how
                        else:
                            assert "fin" == how
                return b"", [exchange.ended for exchange in server.journal]

        assert ["complete"] + ["reset"] * (how == "reset") == run(ask())[1]

    @pytest.mark.slow
    def test_a_client_that_stops_reading_stops_the_script(self, run: Run) -> None:
        """
        The script waits for the kernel behind TLS too, and goes on when somebody reads.
        """

        async def ask() -> tuple[int, int]:
            pieces, size = 2000, 16000
            server = ScriptedServer(Fake(tls=True))
            body: list[Op] = [Send(b"x" * size)] * pieces
            server.ops = (Head(200, (("content-length", str(pieces * size)),)), *body, End())
            await server.start()
            try:
                async with connected(server, limit=1024) as (reader, writer):
                    writer.write(rawsocket.chat(server.fake))
                    await until(lambda: server.journal and server.journal[0].script)
                    played = -1
                    while played != len(server.journal[0].script):
                        played = len(server.journal[0].script)
                        await asyncio.sleep(0.1)
                    await reader.readuntil(b"\r\n\r\n")
                    return played, len(await reader.readexactly(pieces * size))
            finally:
                await server.stop()

        played, came = run(ask())

        assert played < 2000
        assert 32_000_000 == came


class TestRealClients:
    @pytest.mark.parametrize("http2", [False, True])
    def test_the_official_client(self, run: Run, http2: bool) -> None:
        """
        OpenAI's own client is answered over https, in either HTTP.
        """

        async def ask() -> tuple[str, str]:
            async with serving(http2=http2) as server:
                async with openai.AsyncOpenAI(
                    base_url=server.url,
                    api_key=server.fake.keys[0],
                    http_client=openai.DefaultAsyncHttpxClient(http2=http2, verify=trusting()),
                ) as client:
                    prompt: Any = [{"role": "user", "content": "[bo:abc123]"}]
                    said = await client.chat.completions.create(model="gpt-4o-mini", messages=prompt)
                return said.choices[0].message.content or "", server.journal[0].http

        words, spoken = run(ask())

        assert words.endswith("abc123-6")
        assert ("2" if http2 else "1.1") == spoken
