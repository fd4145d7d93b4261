from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rawsession import CLOSE, CONT, NONCE, PING, PONG, TEXT, Frame, frame, frames, messages

from brownout.fakes.ask import Request
from brownout.fakes.messages import Incoming, Outgoing, answer_offer, close_frame

OFFER = (
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-key", NONCE),
    ("sec-websocket-version", "13"),
)
TEXTS = st.lists(st.text(max_size=30), max_size=5)


def event(text: str) -> bytes:
    """A text as an event, in JSON so that it is one line."""
    return b"data: %b\n\n" % json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")


def said(*pieces: bytes) -> list[Frame]:
    """The frames of the pieces of a script."""
    outgoing = Outgoing()
    return list(frames(b"".join(map(outgoing.feed, pieces)) + outgoing.finish()))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Some bytes in pieces."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


class TestOutgoing:
    @given(TEXTS)
    def test_each_event_is_one_frame(self, texts: list[str]) -> None:
        """
        A whole event is one text message in one frame, its data, whatever else it has.
        """
        came = said(*(b"event: x\nid: 7\n" + event(text) for text in texts))

        assert [Frame(TEXT, event(text)[6:-2]) for text in texts] == came

    @given(TEXTS, st.lists(st.integers(0, 400), max_size=30))
    def test_any_cut_says_the_same(self, texts: list[str], places: list[int]) -> None:
        """
        However the events are cut, the messages are the same; every piece with some of their text is a frame.
        """
        data = b"".join(map(event, texts))

        came = said(*cut(data, places))

        assert [event(text)[6:-2] for text in texts] == list(messages(came))

    def test_a_piece_is_a_fragment(self) -> None:
        """
        The first is a text frame and not the last one, the others continue it; a blank line alone ends it empty.
        """
        assert [
            Frame(TEXT, b'{"a', last=False),
            Frame(CONT, b'":1}', last=False),
            Frame(CONT, b""),
        ] == said(b'event: x\ndata: {"a', b'":1}\n', b"\n")

    def test_lines_are_joined(self) -> None:
        """
        An event of several lines is one message with line feeds in it, as it is to a reader of events.
        """
        assert [Frame(TEXT, b"<html>\n <p>\n</html>")] == said(b"data: <html>\ndata:  <p>\ndata: </html>\n\n")

    def test_a_comment_is_a_ping(self) -> None:
        """
        It carries the comment, as much as a control frame holds, and may come within a message.
        """
        assert [Frame(PING, b"ping"), Frame(PING, b"x" * 125)] == said(b": ping\n\n", b": " + b"x" * 200 + b"\n\n")

    def test_the_end_ends_a_message(self) -> None:
        """
        A message whose event breaks off is ended by an empty frame; where none is under way nothing is sent.
        """
        assert [Frame(TEXT, b"ab", last=False), Frame(CONT, b"")] == said(b"data: ab")
        assert [] == said()
        assert [] == said(b"dat")

    def test_what_is_between_is_known(self) -> None:
        """
        Other messages may be put in before a message has begun and once it is over, and never within.
        """
        outgoing = Outgoing()
        between = [outgoing.between]
        for piece in (b"data", b": a", b"b\n", b"\n", b"data: c\n\n"):
            outgoing.feed(piece)
            between.append(outgoing.between)

        assert [True, True, False, False, True, True] == between

    def test_a_close_frame_holds_what_it_can(self) -> None:
        """
        Code and reason; a reason that is too long is cut, and never within a character.
        """
        assert [Frame(CLOSE, b"\x03\xf3going")] == list(frames(close_frame(1011, "going")))
        long = next(frames(close_frame(4000, "é" * 100))).data[2:]
        assert ("é" * 61).encode() == long


class TestIncoming:
    @given(
        st.lists(st.tuples(st.text(max_size=40), st.integers(1, 5), st.booleans()), max_size=5),
        st.lists(st.integers(0, 2000), max_size=20),
    )
    def test_fragments_and_pings_between_them_change_nothing(
        self, sent: list[tuple[str, int, bool]], places: list[int]
    ) -> None:
        """
        However messages are cut into frames and frames into reads, the same messages come; each ping has its pong.
        """
        data, pings = b"", 0
        for text, count, ping in sent:
            whole = text.encode()
            parts = cut(whole, [len(whole) * at // count for at in range(count)]) or [b""]
            for number, part in enumerate(parts):
                if ping:
                    data, pings = data + frame(PING, b"%d" % pings), pings + 1
                data += frame(CONT if number else TEXT, part, last=number == len(parts) - 1)
        incoming = Incoming()

        came = [message for piece in cut(data, places) for message in incoming.feed(piece)]

        assert [text for text, _, _ in sent] == came
        written, last = incoming.taken()
        assert [Frame(PONG, b"%d" % number) for number in range(pings)] == list(frames(written))
        assert not last

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"\x81\x02hi", 1002),
            (frame(CONT, b"x"), 1002),
            (frame(3, b""), 1002),
            (frame(TEXT, b"\xff"), 1007),
            (b"\x81\xff\x00\x00\x00\x00\xff\xff\xff\xff", 1009),
        ],
        ids=["unmasked", "continues nothing", "unknown", "no UTF-8", "too large"],
    )
    def test_what_breaks_the_protocol_is_told(self, data: bytes, code: int) -> None:
        """
        A close frame with the code that RFC 6455 has for it, and nothing more.
        """
        incoming = Incoming()

        assert [] == list(incoming.feed(data))
        written, last = incoming.taken()

        assert [code] == [int.from_bytes(each.data[:2], "big") for each in frames(written)]
        assert last

    def test_a_close_frame_is_echoed(self) -> None:
        """
        The echo has the client's own code and is the last that is written.
        """
        incoming = Incoming()
        list(incoming.feed(frame(CLOSE, b"\x03\xe8bye") + frame(TEXT, b"too late")))

        written, last = incoming.taken()

        assert ([Frame(CLOSE, b"\x03\xe8bye")], True) == (list(frames(written)), last)
        assert "" == incoming.failure

    @given(st.binary(max_size=200))
    def test_any_bytes_are_survived(self, data: bytes) -> None:
        """
        They are messages or a failure, never an exception.
        """
        incoming = Incoming()
        list(incoming.feed(data))
        incoming.taken()


class TestOffers:
    @pytest.mark.parametrize(
        ("changed", "status"),
        [
            ({}, 101),
            ({"sec-websocket-key": None}, 400),
            ({"sec-websocket-key": "short"}, 400),
            ({"sec-websocket-version": "8"}, 400),
            ({"sec-websocket-version": None}, 400),
            ({"upgrade": "h2c"}, 426),
            ({"connection": "close"}, 426),
        ],
        ids=repr,
    )
    def test_a_handshake_is_checked(self, changed: dict[str, str | None], status: int) -> None:
        """
        What RFC 6455 wants of it has to be there, or it is refused with the reason.
        """
        headers = tuple((name, changed.get(name, value)) for name, value in OFFER)
        request = Request("GET", "/x", "", tuple((name, value) for name, value in headers if value is not None), b"")

        found, _, why = answer_offer(request)

        assert status == found
        assert (found == 101) == (why == "")

    @pytest.mark.parametrize(
        ("offered", "taken"), [(None, None), ("realtime, other", "realtime"), ("a, b", None)], ids=repr
    )
    def test_a_known_subprotocol_is_taken(self, offered: str | None, taken: str | None) -> None:
        """
        One that both sides know, and none where there is no such.
        """
        headers = (*OFFER, ("sec-websocket-protocol", offered)) if offered else OFFER

        status, answered, _ = answer_offer(Request("GET", "/x", "", headers, b""), ["realtime"])

        assert (101, taken) == (status, dict(answered).get("sec-websocket-protocol"))
