"""How a target's processes are: what they burn, hold and have open."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from ...fakes.clock import Clock
from .keeper import descendants

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
# States of a TCP socket in /proc/net/tcp: established, and closed by the other side only.
OPEN = {b"01", b"08"}


@dataclass(frozen=True, slots=True)
class Vitals:
    """All processes of a target, taken together."""

    processes: int
    cpu_seconds: float
    """Processor time used since they began, their buried children's included."""
    rss_bytes: int
    connections: int
    """Open TCP connections, at either end of them."""


def vitals(keeper: int) -> Vitals:
    """Of everything that a keeper keeps."""
    count, seconds, pages = 0, 0.0, 0
    sockets: set[bytes] = set()
    below = descendants(keeper)
    for pid in below:
        with contextlib.suppress(OSError):
            fields = _fields(pid)
            seconds += sum(int(field) for field in fields[11:15]) / TICKS
            pages += int(fields[21])
            count += 1
            sockets |= _sockets(pid)
    return Vitals(count, seconds, pages * PAGE, len(sockets & _open(below)))


def busy_seconds(keeper: int) -> float:
    """Wall seconds that they have computed, or waited for a processor to compute: what a rate magnifies."""
    return sum(running + waiting for running, waiting in _threads(keeper).values())


async def cpu_share(keeper: int, seconds: float, clock: Clock) -> float:
    """The part of one processor that they use, over so many wall seconds from here.

    What a thread waits for a processor does not count: one that spins uses all that it gets, on a busy machine too.
    """
    before = _threads(keeper)
    began = clock.nanoseconds()
    await clock.sleep(seconds * clock.rate)
    passed = clock.wall((clock.nanoseconds() - began) / 1e9)
    return sum(_share(before.get(thread, (0.0, 0.0)), now, passed) for thread, now in _threads(keeper).items())


def _share(before: tuple[float, float], now: tuple[float, float], passed: float) -> float:
    running, waiting = (max(0.0, later - earlier) for later, earlier in zip(now, before, strict=True))
    running = min(running, passed)
    return running / max(passed - waiting, running) if running else 0.0


def _threads(keeper: int) -> dict[str, tuple[float, float]]:
    """What each of their threads has computed, and what it has waited for a processor to, in wall seconds."""
    found = {}
    for pid in descendants(keeper):
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                running, waiting, _ = (thread / "schedstat").read_bytes().split()
                found[thread.name] = (int(running) / 1e9, int(waiting) / 1e9)
    return found


def _fields(pid: int) -> list[bytes]:
    """What the kernel says about a process, from its state on."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()


def _sockets(pid: int) -> set[bytes]:
    """The inodes of a process's sockets."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            kind, _, rest = str(link.readlink()).partition(":[")
            if kind == "socket":
                found.add(rest.rstrip("]").encode())
    return found


def _open(below: list[int]) -> set[bytes]:
    """The inodes of open TCP sockets in the network that the processes live in."""
    for pid in below:
        with contextlib.suppress(OSError):
            lines = []
            for table in ("tcp", "tcp6"):
                with contextlib.suppress(FileNotFoundError):
                    lines += Path(f"/proc/{pid}/net/{table}").read_bytes().splitlines()[1:]
            return {line.split()[9] for line in lines if line.split()[3] in OPEN}
    return set()
