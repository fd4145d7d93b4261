"""A fake that plays whatever script a test wants, and a client of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from rawsocket import RawSocket, chat

from brownout.fakes.ask import Request
from brownout.fakes.clock import Clock
from brownout.fakes.fake import Fake
from brownout.fakes.journal import Exchange
from brownout.fakes.responder import Reply
from brownout.fakes.script import Op
from brownout.fakes.server import FakeServer

CHUNKED = (("transfer-encoding", "chunked"),)


class ScriptedServer(FakeServer):
    """Plays the same operations for every request, whatever it asks."""

    ops: Iterable[Op] = ()

    def reply(self, exchange: Exchange, request: Request) -> Reply:
        """The operations."""
        self.read(exchange, request)
        return Reply(self.ops)


@asynccontextmanager
async def asked(
    *ops: Op, clock: Clock | None = None, request: bytes | None = None, receive_buffer: int | None = None
) -> AsyncIterator[tuple[ScriptedServer, RawSocket]]:
    """A fake that plays the operations for every request, and a client that has sent one."""
    server = ScriptedServer(Fake(), clock=clock)
    server.ops = ops
    await server.start()
    raw = RawSocket(server.port, receive_buffer=receive_buffer)
    try:
        await raw.connect()
        await raw.send(chat(server.fake) if request is None else request)
        yield server, raw
    finally:
        raw.close()
        await server.stop()


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that is bound to happen."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # the conditions are state of the code under test, which tells nobody
            await asyncio.sleep(0.001)
