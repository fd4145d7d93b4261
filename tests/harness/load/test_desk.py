from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from brownout.fakes.clock import RealClock
from brownout.harness.history import Call
from brownout.harness.load.crowd import Crowd
from brownout.harness.load.desk import Desk
from brownout.harness.load.wire import Began, Hello, Leave, Made, Order, Said, Told, Welcome, begun, heard, line
from brownout.harness.protocol import CallEvent, CallRequest, ChunkEvent, Done

CROWD = Crowd([["I am Ann."]], restores=True)


class Slow:
    """A target that answers users by their names: `quick` at once, others never."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.asked = asyncio.Event()

    async def call(self, request: CallRequest) -> AsyncIterator[CallEvent]:
        """Two pieces and an end, or nothing."""
        self.asked.set()
        if request.user != "quick":
            await asyncio.Event().wait()
        yield ChunkEvent(request.id, "a")
        yield Done(request.id, "ab")

    async def cancel(self, call: str) -> None:
        """Remember who left."""
        self.cancelled.append(call)


class Locust:
    """The other side of the desk."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def say(self, message: Said) -> None:
        """A line."""
        self.writer.write(line(message))

    async def hear(self) -> Welcome | Told:
        """A line."""
        found: Welcome | Told = heard.decode(await self._reader.readline())
        return found


@asynccontextmanager
async def sitting(
    folder: Path, patience: float = 30.0
) -> AsyncIterator[tuple[Desk, Locust, Slow, asyncio.Queue[Call]]]:
    """A desk with one Locust process before it."""
    target = Slow()
    taken: asyncio.Queue[Call] = asyncio.Queue()
    desk = Desk(folder / "desk", target, RealClock(), 1000, patience, CROWD, taken.put_nowait)  # type: ignore[arg-type]
    await desk.start()
    locust = Locust(*await asyncio.open_unix_connection(folder / "desk"))
    try:
        locust.say(Hello())
        assert Welcome(0, CROWD) == await locust.hear()
        yield desk, locust, target, taken
    finally:
        await desk.stop()
        locust.writer.close()


async def test_an_order_is_made_and_told(tmp_path: Path) -> None:
    """
    The harness makes the call that a user orders, and takes in both what was said and when.
    """
    async with sitting(tmp_path) as (desk, locust, _, taken):
        locust.say(Began())
        locust.say(Order(7, "aaaaaa", "quick", "Hello.", stream=True))
        told = await locust.hear()
        call = taken.get_nowait()
        await asyncio.wait_for(desk.began.wait(), 5)

    assert isinstance(told, Told)
    assert (7, None, 2) == (told.number, told.error, told.characters)
    assert "[bo:aaaaaa] Hello." == call.messages[0]["content"]
    assert ("c1", "aaaaaa", "quick", True, "ab") == (
        call.id,
        call.canary,
        call.user,
        call.stream,
        call.text,
    )
    assert call.ended is not None
    assert call.ended > call.started


async def test_a_user_whose_patience_ends_gives_up(tmp_path: Path) -> None:
    """
    A call without an end is given up, and the target is told that its caller has left.
    """
    async with sitting(tmp_path, patience=0.05) as (_, locust, target, taken):
        locust.say(Order(1, "aaaaaa", "slow", "Hello.", stream=False))
        told = await locust.hear()
        call = taken.get_nowait()

    assert isinstance(told, Told)
    assert "gave up" == told.error
    assert call.given_up is not None
    assert ["c1"] == target.cancelled


@pytest.mark.parametrize("how", ["leave", "hang up"])
async def test_a_user_who_leaves_is_a_caller_who_left(tmp_path: Path, how: str) -> None:
    """
    Users who are stopped, and those whose process ends, have left their calls.
    """
    async with sitting(tmp_path) as (_, locust, target, taken):
        locust.say(Order(1, "aaaaaa", "slow", "Hello.", stream=False))
        await asyncio.wait_for(target.asked.wait(), 5)
        if how == "leave":
            locust.say(Leave(1))
            locust.say(Leave(2))
        else:
            locust.writer.close()
        call = await asyncio.wait_for(taken.get(), 5)

    assert call.cancelled is not None
    assert call.ended is None
    assert ["c1"] == target.cancelled


async def test_a_call_made_elsewhere_has_times_of_this_run(tmp_path: Path) -> None:
    """
    A user's own call is given a name, and its times count from the run's beginning.
    """
    made = begun("aaaaaa", "u1", stream=False)
    made.started, made.ended, made.text = 3000, 5000, "x"

    async with sitting(tmp_path) as (_, locust, _target, taken):
        locust.say(Made(made))
        call = await asyncio.wait_for(taken.get(), 5)

    assert ("c1", 2000, 4000, "x") == (call.id, call.started, call.ended, call.text)
