"""Where the users of a load run report: every call that they have made, and every call that is to be made for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path

from ...fakes.clock import Clock
from ..history import Call, Chunk, hear
from ..protocol import CallRequest
from ..targets import Target
from .crowd import Crowd
from .wire import Began, Hello, Leave, Made, Order, Told, Welcome, begun, line, said

LINE_BYTES = 64 * 1024 * 1024
"""The longest line: a call with its whole answer."""


class Desk:
    """Listens on a socket in a folder; `take` is handed every call that is over."""

    def __init__(
        self,
        socket: Path,
        target: Target,
        clock: Clock,
        origin: int,
        patience: float,
        crowd: Crowd,
        take: Callable[[Call], None],
    ) -> None:
        self.socket = socket
        self.began = asyncio.Event()
        """When the first users have begun."""
        self._target = target
        self._clock = clock
        self._origin = origin
        self._patience = patience
        self._crowd = crowd
        self._take = take
        self._workers = count()
        self._calls = count(1)
        self._made: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self.socket, limit=LINE_BYTES)

    async def stop(self) -> None:
        """Have every user leave, and listen no more."""
        if self._server is not None:
            self._server.close()
        for task in list(self._made.values()):
            task.cancel()
        await asyncio.gather(*self._made.values(), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        worker = next(self._workers)
        try:
            while text := await reader.readline():
                match said.decode(text):
                    case Hello():
                        writer.write(line(Welcome(worker, self._crowd)))
                    case Began():
                        self.began.set()
                    case Made(call):
                        self._take(self._placed(call))
                    case Order() as order:
                        self._make(worker, order, writer)
                    case Leave(number):
                        self._leave(worker, number)
        except (OSError, asyncio.CancelledError):
            pass  # Locust has ended, or is about to
        finally:
            writer.close()
            for known, number in list(self._made):
                if known == worker:
                    self._leave(known, number)

    def _make(self, worker: int, order: Order, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._call(order, writer))
        self._made[worker, order.number] = task
        task.add_done_callback(lambda _: self._made.pop((worker, order.number), None))

    def _leave(self, worker: int, number: int) -> None:
        task = self._made.get((worker, number))
        if task is not None:
            task.cancel()

    async def _call(self, order: Order, writer: asyncio.StreamWriter) -> None:
        """Make a call for a user, to its end."""
        call = begun(order.canary, order.user, order.text, stream=order.stream)
        call.id, call.started = f"c{next(self._calls)}", self._elapsed()
        try:
            await asyncio.wait_for(self._read(call), self._patience)
        except TimeoutError:
            call.given_up = self._elapsed()
            await self._target.cancel(call.id)
        except asyncio.CancelledError:
            call.cancelled = self._elapsed()
            await self._target.cancel(call.id)
            raise
        finally:
            self._take(call)
        seconds = (self._elapsed() - call.started) / 1e9
        error = call.error if call.ended is not None else "gave up"
        if not writer.is_closing():
            writer.write(line(Told(order.number, seconds, error, len(call.text))))

    async def _read(self, call: Call) -> None:
        request = CallRequest(call.id, call.messages, call.stream, call.user)
        async for event in self._target.call(request):
            hear(call, event, self._elapsed())

    def _elapsed(self) -> int:
        return self._clock.nanoseconds() - self._origin

    def _placed(self, call: Call) -> Call:
        """A call that was made elsewhere on this machine, with a name and times of this run."""
        call.id = f"c{next(self._calls)}"
        call.started -= self._origin
        for name in ("ended", "cancelled", "given_up"):
            at = getattr(call, name)
            if at is not None:
                setattr(call, name, at - self._origin)
        call.chunks = [Chunk(chunk.at - self._origin, chunk.text) for chunk in call.chunks]
        return call
