"""Starts Locust, waits for it, and ends it: whatever happens, nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from ..targets import TargetFailed
from .wire import SETTINGS, Settings

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
# -P, because a folder may hold a module that is named like one of Locust's.
LOCUST = (sys.executable, "-P", "-m", "locust", "-f", str(LOCUSTFILE))
GRACE = 5.0
"""Seconds that Locust has to end when it is asked to."""
LAST_CHARACTERS = 2000
HERE = "127.0.0.1"
"""Where a master and its workers meet: they report by one socket and on one clock, so all live on this machine."""
PORT = 5557
"""Locust's own."""


class NoLocust(Exception):  # the message says everything
    """The extra that `brownout load` needs is not installed."""


class LocustFailed(TargetFailed):
    """Locust has ended by itself, in error; the message holds its last lines."""


def installed() -> None:
    """See that Locust is there, without importing it: that would patch every socket of this process."""
    if importlib.util.find_spec("locust") is None:
        raise NoLocust(
            "brownout load makes its users with Locust, which is not installed\n  pip install 'brownout[load]'"
        )


def free_port() -> int:
    """A port of the loopback that nobody has: two load runs on one machine must not meet."""
    with socket.socket() as one:
        one.bind((HERE, 0))
        port: int = one.getsockname()[1]
    return port


def join(port: int, more: Sequence[str] = ()) -> NoReturn:
    """Become a worker of the master on that port, which tells it everything else."""
    words = [*LOCUST, "--worker", "--master-host", HERE, "--master-port", str(port), *more]
    os.execve(words[0], words, _environment())  # noqa: S606  # in the place of this process, so that nothing is left


def _environment() -> dict[str, str]:
    """Without what Locust would read as options."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}


class Swarm:
    """One Locust, with all of its processes; what it prints goes to a file."""

    def __init__(self, settings: Settings, log: Path, more: Sequence[str] = (), *, master: int | None = None) -> None:
        self._settings = settings
        self._log = log
        self._more = more
        self._master = master
        """The port on which it waits for workers that are started by hand; None where it makes them itself."""
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, in a session of its own, so that Ctrl-C reaches it by us alone."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        env = _environment()
        env[SETTINGS] = msgspec.json.encode(self._settings).decode()
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command(),
                env=env,
                cwd=self._log.parent,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def command(self) -> list[str]:
        """What is run."""
        made = [*LOCUST, "--headless", "--only-summary"]
        made += ["--exit-code-on-error", "0", "--stop-timeout", f"{self._settings.patience + GRACE:g}"]
        processes = str(self._settings.processes)
        if self._master is not None:
            made += ["--master", "--master-bind-host", HERE, "--master-bind-port", str(self._master)]
            made += ["--expect-workers", processes]
        elif self._settings.processes > 1:
            port = str(free_port())
            made += ["--processes", processes, "--master-bind-host", HERE, "--master-host", HERE]
            made += ["--master-bind-port", port, "--master-port", port]
        return [*made, *self._more]

    async def wait(self) -> None:
        """Wait for its end; `LocustFailed` where it ended in error."""
        assert self._process is not None
        code = await self._process.wait()
        if code:
            last = self._log.read_text("utf-8", "replace")[-LAST_CHARACTERS:]
            raise LocustFailed(f"Locust has ended with code {code}; its last words, in {self._log}:\n{last}")

    async def stop(self) -> None:
        """End all of it: politely, then firmly."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE)
        self._signal(signal.SIGKILL)  # its children, too
        await process.wait()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
