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
    count, ticks, pages = 0, 0, 0
    sockets: set[bytes] = set()
    below = descendants(keeper)
    for pid in below:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
            pages += int(fields[21])
            count += 1
            sockets |= _sockets(pid)
    return Vitals(count, ticks / TICKS, pages * PAGE, len(sockets & _open(below)))


def busy_seconds(keeper: int) -> float:
    """Wall seconds that they have computed, or waited for a processor to compute: what a rate magnifies."""
    nanoseconds = 0
    for pid in descendants(keeper):
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                running, waiting, _ = (thread / "schedstat").read_bytes().split()
                nanoseconds += int(running) + int(waiting)
    return nanoseconds / 1e9


async def cpu_share(keeper: int, seconds: float, clock: Clock) -> float:
    """The part of one processor that they use, over so many wall seconds from here."""
    before = vitals(keeper).cpu_seconds
    began = clock.nanoseconds()
    await clock.sleep(seconds * clock.rate)
    passed = clock.wall((clock.nanoseconds() - began) / 1e9)
    return max(0.0, vitals(keeper).cpu_seconds - before) / passed


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
