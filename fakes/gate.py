"""The listening side of one fake: open, refusing, or a black hole.

A socket that is bound and never listens holds the port for the fake's whole life, so that nobody else gets it while it
refuses. Listeners share the port with it and come and go:

    open        a listener on which the loop accepts
    refuse      no listener: the kernel answers each SYN with a RST
    blackhole   a listener on which nobody accepts, its queue full: the kernel drops each SYN, and clients try again

Between two listeners the next one stands before the last one goes, so that no connection is refused by accident.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

BACKLOG = 1024


class Gate:
    """One port of the loopback, and how connections to it are met."""

    def __init__(self, protocol: Callable[[], asyncio.Protocol], port: int = 0) -> None:
        self._protocol = protocol
        self._holder = _bound(_free(port))
        self.port: int = self._holder.getsockname()[1]
        self.state = "refuse"
        self._server: asyncio.Server | None = None
        self._hole: list[socket.socket] = []

    async def enter(self, state: str) -> None:
        """Meet connections in another way."""
        if state == self.state:
            return
        self.state = state
        server, hole = self._server, self._hole
        self._server, self._hole = None, []
        if state == "open":
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._protocol, sock=_bound(self.port), backlog=BACKLOG)
        if state == "blackhole":
            self._hole = [_bound(self.port)]
            self._hole[0].listen(0)
        if server is not None:
            await _close(server)
        for one in hole:
            one.close()
        if state == "blackhole":
            # A queue of length 0 holds one connection. Whoever takes the place, it is taken.
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", self.port))
            self._hole.append(filler)

    async def close(self) -> None:
        """Give the port up."""
        await self.enter("refuse")
        self._holder.close()


async def _close(server: asyncio.Server) -> None:
    """End a listener, but no connection that it has accepted."""
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening)
    # asyncio makes a transport of what it accepted a turn later; of a closed server's, one that nobody ever closes.
    await asyncio.sleep(0)
    server.close()


def _free(port: int) -> int:
    """The same port; an OSError where somebody has it, since a shared port would be shared with them silently."""
    if port:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(("127.0.0.1", port))
    return port


def _bound(port: int) -> socket.socket:
    """A socket bound to a port of the loopback that it is willing to share."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    bound.setblocking(False)
    return bound
