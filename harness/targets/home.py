"""Where a target lives: its folder, its port, its environment, its rendered files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from random import SystemRandom
from tempfile import mkdtemp

from ...fakes.clock import Clock
from ..clock import WarpClock
from ..placeholders import fill
from ..target_file import Start
from . import Witness
from .output import LAST_LINES, LogFile, Source

_given: set[int] = set()


class Home:
    """Furnished at the first start, kept over a kill and a restart, removed at the end."""

    def __init__(self, start: Start, clock: Clock, witness: Witness) -> None:
        self._start = start
        self._clock = clock
        self._witness = witness
        self._logs: list[LogFile] = []
        self._followers: list[asyncio.Task[None]] = []
        self.inside: str | None = None
        """Where its folder is to be; the system's place for such folders where it is None."""
        self.warp: WarpClock | None = None
        """The clock that the target is to live on; None is real time."""
        self.places: dict[str, str] = {}
        """Every placeholder and what it stands for."""
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        """The last lines of output, whatever the source."""

    @property
    def workdir(self) -> str:
        """The target's own folder."""
        return self.places["workdir"]

    @property
    def cwd(self) -> str:
        """Where the target is started."""
        before, _, behind = self._start.cwd.partition("{workdir}")
        template = self._start.cwd if before == self._start.cwd else "{workdir}" + behind
        return fill(template, self.places)

    @property
    def env(self) -> dict[str, str]:
        """The harness's environment, over it what the target file gives, and its clock."""
        base = {**os.environ, **self.given}
        return base if self.warp is None else self.warp.environment(base)

    @property
    def given(self) -> dict[str, str]:
        """What the target file adds to the environment."""
        return {name: fill(value, self.places) for name, value in self._start.env.items()}

    def source(self, name: str) -> Source:
        """Somewhere lines come from."""
        return Source(name, self._witness, self.last)

    def furnish(self, places: Mapping[str, str]) -> None:
        """Make what the target needs before it is started; on a restart, nothing is made twice."""
        if self.places:
            self.places |= places
            return
        workdir = mkdtemp(prefix="brownout-", dir=self.inside)
        self.places = {**places, "workdir": workdir, "port": str(free_port())}
        for name, template in self._start.files.items():
            path = Path(workdir, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fill(Path(template).read_text("utf-8"), self.places), "utf-8")
        for log in self._start.logs:
            name = fill(log, self.places)
            self._logs.append(LogFile(Path(self.cwd, name), self.source(name), self._clock))
        self._followers = [asyncio.create_task(log.follow()) for log in self._logs]

    def hear(self) -> None:
        """Read what its logs have by now."""
        for log in self._logs:
            log.look()

    async def leave(self) -> None:
        """Read what is left in the logs, and remove the folder."""
        for follower in self._followers:
            follower.cancel()
        await asyncio.gather(*self._followers, return_exceptions=True)
        self._followers = []
        for log in self._logs:
            log.end()
        self._logs = []
        if self.places:
            _given.discard(int(self.places["port"]))
            shutil.rmtree(self.workdir, ignore_errors=True)
            self.places = {}


def free_port() -> int:
    """A port of the loopback that is free, and that no outgoing connection is given by the system."""
    first_given = 32768
    with contextlib.suppress(OSError, ValueError):
        first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    low, high = (first_given - 12000, first_given) if first_given > 22000 else (61000, 65535)
    random = SystemRandom()
    while True:
        port = random.randrange(low, high)
        if port in _given:
            continue
        with socket.socket() as tried:
            try:
                tried.bind(("", port))
            except OSError:
                continue
        _given.add(port)
        return port
