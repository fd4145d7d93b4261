"""TLS between a connection and its transport.

Both loops have TLS of their own. Theirs keeps bytes in buffers that nobody can look into, sends a FIN only when the
other side agrees, and comes too late for doors or too early for what the client says first. Here every byte that is
written goes to the kernel at once, a FIN is a close_notify and a FIN, and a RST is a RST. A connection is accepted
before hands are shaken, and doors meet it then.

    transport  --bytes-->  Tls  --what they say-->  connection
               <--------        <-------------------
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

READ_BYTES = 65536


class Tls(asyncio.Transport, asyncio.Protocol):
    """A transport to the connection above it, and the protocol of the transport below."""

    def __init__(self, below: asyncio.Transport, above: asyncio.Protocol, context: ssl.SSLContext) -> None:
        super().__init__()
        self._below = below
        self._above = above
        self._came, self._leaves = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._leaves, server_side=True)
        self._shaken = False
        below.set_protocol(self)

    # What comes from below.

    def data_received(self, data: bytes) -> None:
        """Bytes have come; those that break TLS end the connection, after an alert that says why."""
        self._came.write(data)
        said, over = b"", False
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            while piece := self._tls.read(READ_BYTES):
                said += piece
            over = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            over = True
        except ssl.SSLError:
            self._flush()
            self._below.close()
            return
        self._flush()
        if said:
            self._above.data_received(said)
        if over and not self._below.is_closing():
            self.eof_received()

    def eof_received(self) -> bool | None:
        """The other side has left."""
        return self._above.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._above.connection_lost(exc)

    def pause_writing(self) -> None:
        """The kernel has no room."""
        self._above.pause_writing()

    def resume_writing(self) -> None:
        """The kernel has taken everything."""
        self._above.resume_writing()

    # What comes from above.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        self._tls.write(data)
        self._flush()

    def can_write_eof(self) -> bool:
        """As without TLS."""
        return True

    def write_eof(self) -> None:
        """Say that nothing more comes, and send a FIN."""
        if self._shaken:
            # It would wait for the other side's goodbye; its own is written by then.
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._flush()
        self._below.write_eof()

    def abort(self) -> None:
        """Close at once."""
        self._below.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._below.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection below."""
        return self._below.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """How many bytes may wait before writing is paused."""
        self._below.set_write_buffer_limits(high, low)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another connection above."""
        assert isinstance(protocol, asyncio.Protocol)
        self._above = protocol

    def _flush(self) -> None:
        data = self._leaves.read()
        if data and not self._below.is_closing():
            self._below.write(data)
