"""Frames as Amazon's own parser reads them."""

from __future__ import annotations

import json

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.frames import Frame, frame, split, texts, wrapping

HEADERS = st.dictionaries(st.from_regex(r"\A:?[a-z-]{1,40}\Z"), st.text(max_size=60), max_size=5).map(
    lambda found: tuple(found.items())
)
MESSAGES = st.lists(st.tuples(HEADERS, st.binary(max_size=300)), max_size=5)
PAYLOAD = b'{"bytes":"eyJhIjoxfQ==","p":"abc"}'


def written(messages: list[tuple[tuple[tuple[str, str], ...], bytes]]) -> bytes:
    """All of them, one behind the other."""
    return b"".join(frame(headers, payload) for headers, payload in messages)


def read(*pieces: bytes) -> list[tuple[tuple[tuple[str, str], ...], bytes]]:
    """What Amazon's parser makes of bytes that come piece by piece."""
    buffer, found = EventStreamBuffer(), []
    for piece in pieces:
        buffer.add_data(piece)
        found += [(tuple(event.headers.items()), event.payload) for event in buffer]
    return found


def test_the_smallest_frame() -> None:
    """
    A message without headers and payload has the sixteen bytes that are published for it.
    """
    assert bytes.fromhex("000000100000000005c248eb7d98c8ff") == frame((), b"")


@given(MESSAGES, st.data())
def test_amazon_reads_what_is_written(
    messages: list[tuple[tuple[tuple[str, str], ...], bytes]], data: st.DataObject
) -> None:
    """
    However the bytes are cut, the same messages come out.
    """
    whole = written(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert messages == read(*pieces)


@given(MESSAGES, st.binary(max_size=40))
def test_frames_are_split(messages: list[tuple[tuple[tuple[str, str], ...], bytes]], rest: bytes) -> None:
    """
    Every whole frame is found, with its payload and where that is; what follows is the rest.
    """
    whole = written(messages)
    found, left = split(whole + rest)

    assert [payload for _, payload in messages] == [each.payload for each in found]
    assert whole == b"".join(each.data for each in found)
    assert rest == left
    if messages:
        assert [payload for _, payload in messages] == [whole[start:end] for start, end in texts(whole)]


@given(MESSAGES.filter(bool), st.data())
def test_a_changed_byte_is_noticed(
    messages: list[tuple[tuple[tuple[str, str], ...], bytes]], data: st.DataObject
) -> None:
    """
    A frame in which one byte is another is none.
    """
    whole = bytearray(frame(*messages[0]))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))

    assert ([], bytes(whole)) == split(bytes(whole))


def test_a_wrong_sum_is_noticed_by_amazon_too() -> None:
    """
    Amazon's parser raises for a frame whose payload was changed.
    """
    with pytest.raises(ChecksumMismatch):
        read(frame((), b"abc").replace(b"abc", b"abd"))


class TestEventsOfOthers:
    def test_they_are_wrapped(self) -> None:
        """
        The event is in base64, beside the other fields.
        """
        assert json.loads(PAYLOAD) == json.loads(wrapping(b'{"a":1}', p="abc"))
        assert b'{"a":1}' == Frame(b"", PAYLOAD).said

    def test_they_can_be_changed(self) -> None:
        """
        What is changed is the event inside, and the other fields stay; elsewhere it is the payload.
        """
        inside = Frame(b"", PAYLOAD).saying(lambda event: event.replace(b"1", b"2"))

        assert b'{"a":2}' == inside.said
        assert "abc" == json.loads(inside.payload)["p"]
        assert b"xy" == Frame(b"", b"x").saying(lambda payload: payload + b"y").payload

    @pytest.mark.parametrize("payload", [b"", b"x", b"[]", b'{"bytes":1}', b'{"bytes":"not base64"}', b'"bytes"'])
    def test_what_holds_none_says_itself(self, payload: bytes) -> None:
        """
        Nothing else is taken for another provider's event.
        """
        assert payload == Frame(b"", payload).said
