"""The C library of target time, as far as the harness itself calls it."""

from __future__ import annotations

import ctypes
import functools
import ipaddress
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("libwarp.so")
VERSION = 7
SLOTS = 480
SEEN_READ, SEEN_WAIT = 1, 2
RATE_ONE = 1 << 32
A_PATH, NO_IPV4 = 1 << 63, 0xFFFFFFFF


class WarpUnavailableError(Exception):
    """Target time cannot be had here; the text says why, for the person who reads the run."""


@dataclass(frozen=True, slots=True)
class Line:
    """How wall time becomes target time: `target + (now - wall) * rate`, in whole nanoseconds."""

    wall: int
    target: int
    rate: int
    date_offset: int

    def at(self, wall: int) -> int:
        """The target time of a wall time, to the nanosecond what the target's own library computes."""
        return self.target + ((wall - self.wall) * self.rate >> 32)

    def wall_at(self, target: int) -> int:
        """The first wall time at which the target time has come."""
        return self.wall - ((self.target - target) * RATE_ONE // self.rate)


@dataclass(frozen=True, slots=True)
class Attached:
    """A process that shares a control block, and what it did with its clock since this was last asked."""

    pid: int
    has_read: bool
    has_waited: bool


class Library:
    """`libwarp.so`, called from this process, which stays in real time."""

    def __init__(self, path: Path = PATH) -> None:
        if sys.platform != "linux":
            raise WarpUnavailableError(f"target time needs Linux with glibc, and this is {sys.platform}")
        if not path.exists():
            raise WarpUnavailableError(
                f"{path.name} was not built when brownout was installed (a C compiler and glibc are needed)"
            )
        try:
            library = ctypes.CDLL(str(path), use_errno=True)
            version = library.brownout_clock_version()
        except (OSError, AttributeError) as error:
            raise WarpUnavailableError(f"{path.name} cannot be loaded: {error}") from None
        if version != VERSION:
            raise WarpUnavailableError(
                f"{path.name} is of version {version}, and {VERSION} is needed: install brownout again"
            )
        self.path = path
        self._map = library.brownout_clock_map
        self._map.restype = ctypes.c_void_p
        self._unmap = _function(library.brownout_clock_unmap, ctypes.c_void_p)
        self._create = library.brownout_clock_create
        self._line = _function(library.brownout_clock_line, ctypes.c_void_p, ctypes.c_void_p)
        self._change = _function(
            library.brownout_clock_change, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
        )
        self._attached = _function(library.brownout_clock_attached, *[ctypes.c_void_p] * 3)
        self._attaches = _function(library.brownout_clock_attaches, ctypes.c_void_p)
        self._attaches.restype = ctypes.c_uint32
        self._next = _function(library.brownout_clock_next, ctypes.c_void_p)
        self._next.restype = ctypes.c_int64
        self._runs = _function(library.brownout_clock_runs, ctypes.c_void_p, ctypes.c_int32)
        self._runs.restype = ctypes.c_int64
        self._stranger = _function(library.brownout_clock_stranger, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
        self._stranger.restype = ctypes.c_uint64
        self._pieces_wait = _function(library.brownout_pieces_wait, ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
        self._packets_wait = library.brownout_packets_wait
        self._asked = library.brownout_pieces_open()

    def packets_wait(self) -> bool | None:
        """Whether the kernel has packets of the loopback still to deliver; None where it does not say."""
        found = self._packets_wait()
        return None if found < 0 else bool(found)

    def pieces_wait(self, ports: Iterable[int]) -> bool | None:
        """Whether a piece is held back on its way from or to one of the ports; None where the kernel does not say."""
        numbers = _ports(ports)
        found = self._pieces_wait(self._asked, numbers, len(numbers))
        return None if found < 0 else bool(found)

    def create(self) -> tuple[int, int]:
        """A new control block in real time: its file, and the address it is mapped at."""
        file = self._create()
        if file < 0:
            raise WarpUnavailableError(f"no control block: {os.strerror(ctypes.get_errno())}")
        address = self._map(file)
        if address is None:
            os.close(file)
            raise WarpUnavailableError("the control block cannot be mapped")
        return file, address

    def unmap(self, address: int) -> None:
        """Forget a control block here; the processes that share it keep it."""
        self._unmap(address)

    def line(self, address: int) -> Line:
        """The line that holds, starting at this moment."""
        words = (ctypes.c_int64 * 4)()
        self._line(address, words)
        return Line(*words)

    def change(self, address: int, rate: int, leap: int) -> Line:
        """Set the rate and leap ahead, at once for every process that shares the block."""
        words = (ctypes.c_int64 * 4)()
        self._change(address, rate, leap, words)
        return Line(*words)

    def attached(self, address: int) -> list[Attached]:
        """The living processes that share the block."""
        pids, seen = (ctypes.c_int32 * SLOTS)(), (ctypes.c_uint32 * SLOTS)()
        count = self._attached(address, pids, seen)
        return [Attached(pids[i], bool(seen[i] & SEEN_READ), bool(seen[i] & SEEN_WAIT)) for i in range(count)]

    def next_wait(self, address: int) -> int | None:
        """The first moment of target time until which a process waits; None where that cannot be told."""
        moment = int(self._next(address))
        return None if moment < 0 else moment

    def runs(self, address: int, keeper: int) -> int | None:
        """How often the processes that share the block have run so far; None unless there are any, and all at rest."""
        runs = int(self._runs(address, keeper))
        return None if runs < 0 else runs

    def stranger(self, address: int, ports: Iterable[int]) -> str | None:
        """Somebody whom a process that shares the block has connected to, at none of the ports and in none of them."""
        numbers = _ports(ports)
        found = int(self._stranger(address, numbers, len(numbers)))
        if not found:
            return None
        host, port = found >> 16, found & 0xFFFF
        if found & A_PATH:
            return "somebody at a Unix socket"
        return f"somebody at port {port}" if host == NO_IPV4 else f"{ipaddress.IPv4Address(host)}:{port}"

    def attaches(self, address: int) -> int:
        """How many programs and forked processes have ever joined the block."""
        return int(self._attaches(address))

    @functools.cached_property
    def preload(self) -> str:
        """How the dynamic linker is to be told of the library; it splits its list at blanks and colons."""
        if not set(" :") & set(str(self.path)):
            return str(self.path)
        return f"/proc/{os.getpid()}/fd/{os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)}"


def _ports(ports: Iterable[int]) -> ctypes.Array[ctypes.c_uint16]:
    numbers = tuple(ports)
    return (ctypes.c_uint16 * len(numbers))(*numbers)


def _function(function: Any, *types: type[Any]) -> Any:
    function.argtypes = types
    return function


@functools.cache
def library() -> Library:
    """The installed library; raises `WarpUnavailableError` where there is none."""
    return Library()


def unavailable() -> str | None:
    """Why there is no target time here, or None when there is."""
    try:
        library()
    except WarpUnavailableError as error:
        return str(error)
    return None
