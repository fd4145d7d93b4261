from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import rawsocket

from brownout.fakes.faults import Door
from brownout.fakes.faults.connection import Blackhole, Refuse, ResetOnAccept, StaleConnections
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather

Run = Callable[[Coroutine[Any, Any, None]], None]
SHORT = 0.3


@pytest.fixture(params=rawsocket.LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine on one of the event loops."""

    def running(coroutine: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=rawsocket.LOOPS[request.param]) as runner:
            runner.run(coroutine)

    return running


@asynccontextmanager
async def socket_to(server: FakeServer) -> AsyncIterator[rawsocket.RawSocket]:
    """A socket that is not connected yet, and is closed in the end."""
    raw = rawsocket.RawSocket(server.port)
    try:
        yield raw
    finally:
        raw.close()


async def answered(server: FakeServer) -> str:
    """How a request on a connection of its own ends."""
    async with socket_to(server) as raw:
        await raw.connect()
        await raw.send(rawsocket.chat(server.fake))
        return (await raw.hear()).how


class TestStandingDoors:
    def test_refused_connections_are_never_accepted(self, run: Run) -> None:
        """
        To connect fails with ECONNREFUSED, and succeeds again when the weather is fair.
        """

        async def knock() -> None:
            async with rawsocket.serving(Refuse(), attempts=None) as server:
                async with socket_to(server) as raw:
                    with pytest.raises(ConnectionRefusedError):
                        await raw.connect()
                await server.change(Weather())

                assert "open" == await answered(server)

        run(knock())

    def test_a_black_hole_answers_nothing(self, run: Run) -> None:
        """
        To connect neither succeeds nor fails; in fair weather the port is there again.
        """

        async def knock() -> None:
            async with rawsocket.serving(Blackhole(), attempts=None) as server:
                for _ in range(3):
                    async with socket_to(server) as raw:
                        with pytest.raises(TimeoutError):
                            await asyncio.wait_for(raw.connect(), SHORT)
                await server.change(Weather())

                assert "open" == await answered(server)
                assert 1 == len(server.journal)

        run(knock())

    @pytest.mark.parametrize("door", [Refuse(), Blackhole()], ids=["refuse", "blackhole"])
    def test_the_weather_can_turn(self, run: Run, door: Door) -> None:
        """
        Who is answered in fair weather meets the door once it is in force, and fair weather after it.
        """

        async def knock() -> None:
            async with rawsocket.serving(attempts=None) as server, rawsocket.serving(door, attempts=None) as other:
                assert "open" == await answered(server)
                await server.change(other.weather)
                async with socket_to(server) as raw:
                    with pytest.raises((ConnectionRefusedError, TimeoutError)):
                        await asyncio.wait_for(raw.connect(), SHORT)
                await server.change(Weather())

                assert "open" == await answered(server)

        run(knock())


class TestResetOnAccept:
    def test_the_reset_comes_before_a_request_is_sent(self, run: Run) -> None:
        """
        The connection is accepted, and a RST comes though nothing was asked.
        """

        async def knock() -> None:
            async with rawsocket.serving(ResetOnAccept(), attempts=None) as server, socket_to(server) as raw:
                await raw.connect()
                heard = await raw.hear()

                assert ("reset", b"") == (heard.how, heard.data)
                assert [] == server.journal

        run(knock())

    def test_only_the_first_connections_can_meet_it(self, run: Run) -> None:
        """
        With a limit of one the first connection is reset and the second answered.
        """

        async def knock() -> None:
            async with rawsocket.serving(ResetOnAccept(), attempts=1) as server:
                async with socket_to(server) as raw:
                    await raw.connect()
                    assert "reset" == (await raw.hear()).how

                assert "open" == await answered(server)

        run(knock())


class TestStaleConnections:
    def test_idle_connections_are_closed(self, run: Run) -> None:
        """
        After a whole answer and the idle time a FIN comes, and not before.
        """

        async def knock() -> None:
            door = StaleConnections(idle=SHORT, how="fin")
            async with rawsocket.serving(door, attempts=None) as server, socket_to(server) as raw:
                await raw.connect()
                await raw.send(rawsocket.chat(server.fake))
                assert "open" == (await raw.hear()).how
                idle = await raw.hear()

                assert ("fin", b"") == (idle.how, idle.data)
                assert SHORT - 0.05 <= idle.seconds

        run(knock())

    def test_a_dead_connection_looks_alive_until_it_is_ridden(self, run: Run) -> None:
        """
        After the idle time nothing has come; the next request on the connection is met with a RST and no byte, and one
        on another connection is answered.
        """

        async def knock() -> None:
            door = StaleConnections(idle=SHORT / 3, how="reset")
            async with rawsocket.serving(door, attempts=None) as server, socket_to(server) as raw:
                await raw.connect()
                await raw.send(rawsocket.chat(server.fake))
                assert "open" == (await raw.hear()).how
                assert "silence" == (await raw.hear(SHORT)).how
                await raw.send(rawsocket.chat(server.fake))
                ridden = await raw.hear()

                assert ("reset", b"") == (ridden.how, ridden.data)
                assert ("stale_connections",) == server.journal[-1].faults
                assert "open" == await answered(server)

        run(knock())

    def test_connections_in_use_are_not_stale(self, run: Run) -> None:
        """
        Requests that follow at once are answered on the same connection.
        """

        async def knock() -> None:
            door = StaleConnections(idle=5.0, how="reset")
            async with rawsocket.serving(door, attempts=None) as server, socket_to(server) as raw:
                await raw.connect()
                for _ in range(3):
                    await raw.send(rawsocket.chat(server.fake))
                    assert "open" == (await raw.hear()).how

        run(knock())
