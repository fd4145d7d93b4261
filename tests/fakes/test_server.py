from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import pytest
import virtual
from rawsocket import CANARY, Heard, RawSocket, chat, serving
from scripted import until

from brownout.fakes.fake import Fake
from brownout.fakes.faults.connection import Blackhole, Refuse, ResetOnAccept, StaleConnections
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Rule, Weather, When, always, during, first

Run = Callable[[Any], Any]


async def knock(port: int, patience: float = 0.2) -> str:
    """How a connection is met: accepted, refused, or not at all."""
    raw = RawSocket(port)
    try:
        await asyncio.wait_for(raw.connect(), patience)
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "nobody"
    else:
        return "accepted"
    finally:
        raw.close()


async def ask(server: FakeServer, raw: RawSocket | None = None) -> tuple[RawSocket, Heard]:
    """One fair request, on a new connection or on one that there is."""
    if raw is None:
        raw = RawSocket(server.port)
        await raw.connect()
    await raw.send(chat(server.fake))
    return raw, await raw.hear()


class TestStandingDoors:
    @pytest.mark.slow
    def test_refused_and_dropped_connections_are_met_again_in_fair_weather(self, run: Run) -> None:
        """
        As the weather changes, connections are refused with a RST, met by nobody, or accepted, on one port all along.
        """

        async def weathers() -> list[str]:
            async with serving() as server:
                met = [await knock(server.port)]
                for fault in (Refuse(), Blackhole(), Refuse(), None, Blackhole(), None):
                    await server.change(Weather((always(fault),) if fault else ()))
                    met.append(await knock(server.port))
                raw, heard = await ask(server)
                raw.close()
                assert "open" == heard.how
            return met

        expected = ["accepted", "refused", "nobody", "refused", "accepted", "nobody", "accepted"]
        assert expected == run(weathers())

    @pytest.mark.slow
    def test_a_dropped_connection_gets_through_when_the_weather_is_fair(self, run: Run) -> None:
        """
        A client that goes on trying to connect is accepted as soon as its next try meets fair weather; it is never
        refused in between.
        """

        async def wait() -> str:
            async with serving(Blackhole(), attempts=None) as server:
                trying = asyncio.create_task(knock(server.port, 10))
                await asyncio.sleep(0.05)
                assert not trying.done()
                await server.change(Weather())
                return await trying

        assert "accepted" == run(wait())

    @pytest.mark.parametrize("door", [Refuse(), Blackhole()])
    def test_idle_connections_are_dropped_when_the_door_shuts(self, run: Run, door: Refuse | Blackhole) -> None:
        """
        A kept connection that is idle gets a FIN, so that the next request needs a new connection; one that is busy
        gets its answer first.
        """

        async def shut() -> tuple[str, str, str]:
            async with serving() as server:
                idle, heard = await ask(server)
                assert "open" == heard.how
                server.answer = type(server.answer)(words=50)
                busy = RawSocket(server.port)
                await busy.connect()
                await busy.send(chat(server.fake, stream=True))
                await until(lambda: len(server.journal) == 2)
                await server.change(Weather((always(door),)))
                answer = await busy.hear()
                ends = (await idle.hear()).how, answer.words.split()[-1], (await busy.hear()).how
                idle.close()
                busy.close()
            return ends

        assert ("fin", f"{CANARY}-50", "fin") == run(shut())

    def test_a_door_for_another_fake_leaves_this_one_open(self, run: Run) -> None:
        """
        A rule about another provider or region does not shut this one's door.
        """

        async def knocks() -> list[str]:
            async with serving() as server:
                met = []
                for when in (When(provider="secondary"), When(region="eu"), When(provider="prim*")):
                    await server.change(Weather((Rule((Refuse(),), when),)))
                    met.append(await knock(server.port))
            return met

        assert ["accepted", "accepted", "refused"] == run(knocks())

    def test_a_door_shuts_and_opens_at_its_times(self) -> None:
        """
        Between its start and its end a door is shut, and it opens again by itself, a minute or a day later.
        """

        async def windows() -> list[str]:
            clock = virtual.VirtualClock()
            rules = (during(60, 120, Refuse()), during(86400, 90000, Refuse()))
            async with serving(clock=clock) as server:
                await server.change(Weather(rules))
                met, now = [], 0.0
                for at in (1, 59, 61, 119, 121, 86399, 86401, 90001):
                    await asyncio.sleep(at - now)
                    now = at
                    met.append(await knock(server.port))
            return met

        a, r = "accepted", "refused"
        assert [a, a, r, r, a, a, r, a] == virtual.run(windows())


class TestDoorsForOneConnection:
    def test_reset_on_accept_counts_connections(self, run: Run) -> None:
        """
        The first two connections since the weather was set are reset before anything was asked, the third is served;
        each is written down with how it was met.
        """

        async def knocks() -> tuple[list[str], list[str]]:
            async with serving() as server:
                raw, _ = await ask(server)
                raw.close()
                await server.change(Weather((first(2, ResetOnAccept()),)))
                hows = []
                for _ in range(2):
                    raw = RawSocket(server.port)
                    await raw.connect()
                    hows.append((await raw.hear()).how)
                    raw.close()
                raw, heard = await ask(server)
                raw.close()
                await until(lambda: not server.connections)
                assert all(arrival.closed is not None for arrival in server.arrivals)
            return [*hows, heard.how], [arrival.door for arrival in server.arrivals]

        assert (["reset", "reset", "open"], ["", "reset", "reset", ""]) == run(knocks())

    def test_a_stale_connection_is_closed_while_idle(self, run: Run) -> None:
        """
        With "fin" an idle connection gets a FIN by itself, and nothing of it is an exchange.
        """

        async def idle() -> tuple[str, list[str], int]:
            async with serving(StaleConnections(0.02, "fin"), attempts=None) as server:
                raw, _ = await ask(server)
                how = (await raw.hear()).how
                raw.close()
            return how, [arrival.door for arrival in server.arrivals], len(server.journal)

        assert ("fin", ["stale"], 1) == run(idle())

    def test_a_stale_connection_looks_alive_until_a_request_rides_it(self, run: Run) -> None:
        """
        With "reset" nothing comes until the next request; that one is met with a RST, and is in the journal with its
        canary, its end and the fault.
        """

        async def ride() -> tuple[str, Heard, FakeServer]:
            async with serving(StaleConnections(0.02, "reset"), attempts=None) as server:
                raw, _ = await ask(server)
                silent = (await raw.hear(0.1)).how
                raw, heard = await ask(server, raw)
                raw.close()
                raw, again = await ask(server)
                raw.close()
                assert "open" == again.how
            return silent, heard, server

        silent, heard, server = run(ride())
        exchange = server.journal[1]

        assert ("silence", "reset", b"") == (silent, heard.how, heard.data)
        assert ("reset", ("stale_connections",), CANARY) == (exchange.ended, exchange.faults, exchange.canary)
        assert [1, 2, 3] == [exchange.attempt for exchange in server.journal]

    def test_a_stale_connection_breaks_at_the_first_bytes(self, run: Run) -> None:
        """
        The reset does not wait for the whole request: half a head is enough, and it is in the journal.
        """

        async def ride() -> tuple[Heard, FakeServer]:
            async with serving(StaleConnections(0.01, "reset"), attempts=None) as server:
                raw, _ = await ask(server)
                await until(lambda: server.arrivals[0].door)
                await raw.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost")
                heard = await raw.hear()
                raw.close()
            return heard, server

        heard, server = run(ride())
        exchange = server.journal[1]

        assert "reset" == heard.how
        assert ("reset", ("stale_connections",), "/v1/chat/completions") == (
            exchange.ended,
            exchange.faults,
            exchange.path,
        )

    def test_only_the_connections_that_are_meant_grow_stale(self, run: Run) -> None:
        """
        A rule for the first stale connection lets the second one live.
        """

        async def ride() -> list[str]:
            async with serving() as server:
                await server.change(Weather((first(1, StaleConnections(0.01, "fin")),)))
                hows = []
                for _ in range(2):
                    raw, _ = await ask(server)
                    hows.append((await raw.hear(0.1)).how)
                    raw.close()
            return hows

        assert ["fin", "silence"] == run(ride())

    def test_a_connection_that_is_used_does_not_grow_stale(self) -> None:
        """
        Only rest makes a connection stale: one that is used each second outlives an idle time of two.
        """

        async def use() -> str:
            clock = virtual.VirtualClock()
            async with serving(StaleConnections(2.0, "fin"), attempts=None, clock=clock) as server:
                raw = RawSocket(server.port, clock)
                await raw.connect()
                for _ in range(5):
                    _, heard = await ask(server, raw)
                    await asyncio.sleep(1)
                raw.close()
            return heard.how

        assert "open" == virtual.run(use())

    def test_fair_weather_makes_connections_fresh_again(self, run: Run) -> None:
        """
        A connection that has grown stale is served when the weather has become fair before the next request.
        """

        async def freshen() -> str:
            async with serving(StaleConnections(0.01, "reset"), attempts=None) as server:
                raw, _ = await ask(server)
                await until(lambda: server.arrivals[0].door)
                await server.change(Weather())
                raw, heard = await ask(server, raw)
                raw.close()
            return heard.how

        assert "open" == run(freshen())


class TestChange:
    def test_many_changes_at_once_end_with_the_last(self, run: Run) -> None:
        """
        Changes that come while another is under way take their turn, and the last one counts.
        """

        async def change() -> str:
            async with serving() as server:
                doors = [Refuse(), Blackhole()] * 5
                await asyncio.gather(
                    *(server.change(Weather((always(door),))) for door in doors), server.change(Weather())
                )
                return await knock(server.port)

        assert "accepted" == run(change())

    @pytest.mark.parametrize("turns", range(5))
    def test_who_comes_as_the_fake_stops_is_turned_away(self, run: Run, turns: int) -> None:
        """
        A connection that is accepted in the last turns of the loop is closed when the fake has stopped.
        """

        async def come() -> None:
            async with serving() as server:
                with socket.create_connection(("127.0.0.1", server.port)) as client:
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    await server.stop()
                    client.setblocking(False)
                    with contextlib.suppress(ConnectionResetError):
                        assert b"" == client.recv(1)

        run(come())

    def test_a_fake_may_stop_before_it_starts_and_twice(self, run: Run) -> None:
        """
        To stop a fake that never started, or once more, is harmless.
        """

        async def stop() -> None:
            server = FakeServer(Fake())
            await server.stop()
            await server.start()
            await server.stop()
            await server.stop()

        run(stop())
