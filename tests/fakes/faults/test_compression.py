from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Literal

import brotli  # type: ignore[import-untyped]
import pytest
from rawsocket import Play

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.faults.compression import Compressed

LONG = Answer(words=9000, unicode=True, pace=Pace(0.0, 0.0))
DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
}


class TestCompressed:
    @pytest.mark.parametrize("encoding", DECODERS)
    def test_a_whole_answer_is_what_it_was(self, play: Play, encoding: Literal["gzip", "deflate", "br"]) -> None:
        """
        The body names its encoding, has the length it announces, and a decoder gives back the answer, long as it is.
        """
        played = play(Compressed(encoding), answer=LONG, headers="accept-encoding: deflate, br, gzip\r\n")

        assert ("open", encoding) == (played.heard.how, played.heard.headers["content-encoding"])
        assert played.fair.body == DECODERS[encoding](played.heard.body)
        assert played.heard.body != played.fair.body

    @pytest.mark.parametrize("encoding", DECODERS)
    def test_each_event_can_be_read_when_it_comes(self, play: Play, encoding: Literal["gzip", "deflate", "br"]) -> None:
        """
        A decoder that is fed chunk by chunk gives one whole event for each, and ends where the stream does.
        """
        played = play(Compressed(encoding), stream=True, headers=f"accept-encoding: {encoding}\r\n")
        decode = {
            "gzip": lambda: zlib.decompressobj(31).decompress,
            "deflate": lambda: zlib.decompressobj().decompress,
            "br": lambda: brotli.Decompressor().process,  # type: ignore[no-untyped-call]
        }[encoding]()
        events = [decode(chunk) for chunk in played.heard.chunks if chunk]

        assert all(event.endswith(b"\n\n") for event in events)
        assert played.fair.body == b"".join(events)
        assert played.fair.body == DECODERS[encoding](played.heard.body)

    @pytest.mark.parametrize(
        ("accepted", "encoding"),
        [
            ("accept-encoding: gzip, deflate, br\r\n", "gzip"),
            ("accept-encoding: br;q=1.0, gzip;q=0.5\r\n", "br"),
            ("Accept-Encoding: zstd, DEFLATE\r\n", "deflate"),
            ("accept-encoding: gzip;q=0, br\r\n", "br"),
            ("accept-encoding: identity\r\n", None),
            ("accept-encoding: gzip; q=0.000\r\n", None),
            ("", None),
        ],
    )
    def test_only_what_the_client_accepts(self, play: Play, accepted: str, encoding: str | None) -> None:
        """
        The encoding is the first that the client accepts; one that accepts none meets no fault.
        """
        played = play(Compressed(), headers=accepted)

        assert encoding == played.heard.headers.get("content-encoding")
        assert (("compressed",) if encoding else ()) == played.exchange.faults
