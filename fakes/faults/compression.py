"""Bodies in another encoding."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..script import Head, Op, Send, header, with_headers
from . import fault
from .pieces import sliced

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script

# What windowBits is called for by zlib, to get the format that the encoding names.
WINDOW_BITS = {"gzip": 31, "deflate": 15}
BROTLI_BLOCK_BYTES = 65536
REFUSED = re.compile(r"q\s*=\s*0(\.0*)?")


@fault
@dataclass(frozen=True, slots=True)
class Compressed:
    """Compress the body with an `encoding` that the client accepts; None takes the first that it names.

    A client that accepts none is answered as it is. Each piece of a stream can be read as soon as it comes. Put it
    after whatever changes the body.
    """

    encoding: Literal["gzip", "deflate", "br"] | None = None

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The same body in other bytes."""
        ops = list(script)
        encoding = self._agreed(header(ask.request.headers, "accept-encoding") or "")
        empty = not any(isinstance(op, Send) for op in ops)
        return ops if encoding is None or empty else list(_compressed(ops, encoding))

    def _agreed(self, accepted: str) -> str | None:
        for offer in accepted.lower().split(","):
            name, *parameters = (part.strip() for part in offer.split(";"))
            refused = any(REFUSED.fullmatch(parameter) for parameter in parameters)
            if name in {"gzip", "deflate", "br"} and self.encoding in {None, name} and not refused:
                return name
        return None


def _compressed(ops: list[Op], encoding: str) -> Iterator[Op]:
    write, finish = _brotli() if encoding == "br" else _zlib(WINDOW_BITS[encoding])
    last = max(index for index, op in enumerate(ops) if isinstance(op, Send))
    for index, op in enumerate(ops):
        match op:
            case Head():
                yield with_headers(op, ("content-encoding", encoding), ("vary", "accept-encoding"))
            case Send(data, part):
                # What ends the encoding leaves with the last piece: a reader of exactly the bytes needs no more.
                yield Send(write(data) + (finish() if index == last else b""), part)
            case _:
                yield op


def _zlib(window_bits: int) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    compressor = zlib.compressobj(wbits=window_bits)
    return lambda data: compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH), compressor.flush


def _brotli() -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """Brotli as RFC 7932 allows it without compressing: uncompressed meta-blocks, so that no library is needed.

    A stream begins with its window size, here one bit 0 for 16 bits. Each block has the bits 0 (not the last), 00 (its
    length takes four nibbles), the length less one, 1 (uncompressed), and begins its data at the next whole byte. Two
    bits 1 end the stream. Bits fill a byte from its lowest.
    """
    window = [0]

    def write(data: bytes) -> bytes:
        out = b""
        for block in sliced(data, BROTLI_BLOCK_BYTES):
            bits = (len(block) - 1) << 3 | 1 << 19
            if window:
                bits <<= len(window)
                window.clear()
            out += bits.to_bytes(3, "little") + block
        return out

    return write, lambda: b"\x03"
