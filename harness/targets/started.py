"""What a target that the harness starts has, whatever it is called through: a home, a process, an end."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from ...fakes.clock import Clock
from ..clock import WarpClock
from ..target_file import Start
from . import TargetFailed, Witness
from .home import Home
from .process import Process


class Started:
    """A target's process, from its start over kills and restarts to its end."""

    def __init__(self, start: Start, clock: Clock, witness: Witness) -> None:
        self._start = start
        self._clock = clock
        self._witness = witness
        self._home = Home(start, clock, witness)
        self._process: Process | None = None

    def live_on(self, clock: WarpClock) -> None:
        """Have its processes share a clock, from the next start on; what the harness itself waits for stays real."""
        self._home.warp = clock

    def _hears(self) -> AbstractContextManager[None]:
        """While something is still to be heard of the target in wall time, its own time does not leap."""
        return nullcontext() if self._home.warp is None else self._home.warp.held()

    @property
    def pid(self) -> int | None:
        """The process that leads the target."""
        return None if self._process is None else self._process.life.pid

    @property
    def ports(self) -> set[int]:
        """Where it listens, as far as this is known: at the port that it was given."""
        return {int(self._home.places["port"])} if self._home.places else set()

    @property
    def keeper(self) -> int | None:
        """The process below which all processes of the target are."""
        return None if self._process is None else self._process.life.keeper

    @property
    def presented(self) -> tuple[str | None, str | None]:
        """Nothing that it is called through says its name and version."""
        return None, None

    @property
    def cancels(self) -> bool:
        """Whether a call that says nothing yet can be told that its caller has left: by closing the connection."""
        return True

    async def kill(self) -> None:
        """Kill -9, for all of it."""
        if self._process is None:
            raise TargetFailed("the harness has not started the target and cannot kill it")
        self._witness.note("killed", pid=self.pid)
        await self._process.kill()
        self._close()

    def hear(self) -> None:
        """Read what has been written into its log files by now."""
        self._home.hear()

    async def stop(self) -> None:
        """Ask it to quit, TERM, KILL; nothing of it is left."""
        try:
            if self._process is not None:
                await self._quit(self._process)
                await self._process.stop()
        finally:
            self._close()
            await self._home.leave()

    async def _quit(self, process: Process) -> None:
        """Say that no more calls will come."""

    def _close(self) -> None:
        """Let go of what the conversation needs."""
