"""Waits until a target takes calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any

import httpx

from ...fakes.clock import Clock
from . import TargetFailed, Witness
from .home import Home
from .process import Process

LOOK_EVERY = 0.05
"""Wall seconds between two looks."""


class Ear:
    """Passes on what a witness is told, and listens for a piece of a line."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._piece: str | None = None
        self._heard: asyncio.Future[None] | None = None

    def wait_for(self, piece: str | None) -> asyncio.Future[None]:
        """Done once a line has the piece in it."""
        self._piece, self._heard = piece, asyncio.get_running_loop().create_future()
        return self._heard

    def log(self, source: str, text: str) -> None:
        """A line."""
        self._witness.log(source, text)
        if self._piece is not None and self._piece in text and self._heard is not None and not self._heard.done():
            self._heard.set_result(None)

    def note(self, what: str, **details: Any) -> None:
        """Something that happened."""
        self._witness.note(what, **details)


async def until_ready(process: Process, home: Home, clock: Clock, within: float, ready: Awaitable[Any]) -> None:
    """Wait for `ready`; `TargetFailed` when the target ends first, or is not ready `within` wall seconds."""
    waiting = asyncio.ensure_future(ready)
    timer = asyncio.ensure_future(clock.sleep(within * clock.rate))
    try:
        await asyncio.wait({waiting, timer, process.dead}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done() and waiting.exception() is None:
            return
        why = f"the target ended before it was ready: {process.end}"
        if not process.dead.done():
            why = f"the target was not ready within {within:g} s"
        if waiting.done():
            why = str(waiting.exception())
    finally:
        for future in (waiting, timer):
            future.cancel()
        await asyncio.gather(waiting, timer, return_exceptions=True)
    await process.stop()
    raise TargetFailed(why + told(home))


def told(home: Home) -> str:
    """The target's last lines of output, as the end of a message."""
    return "; its last lines:\n" + "\n".join(f"  {line}" for line in home.last) if home.last else "; it printed nothing"


async def answers(url: str, clock: Clock) -> None:
    """Return once a GET of the url has a status below 400."""
    async with httpx.AsyncClient(trust_env=False, timeout=2.0, verify=False) as client:  # noqa: S501  # readiness, not trust
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(url)).status_code < 400:
                    return
            await clock.sleep(LOOK_EVERY * clock.rate)


async def listens(host: str, port: int, clock: Clock) -> None:
    """Return once somebody listens there."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return
        await clock.sleep(LOOK_EVERY * clock.rate)
