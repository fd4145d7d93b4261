from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.events import payloads, unframed, with_payloads
from brownout.fakes.frames import frame, wrapping

SAID = [b'{"a":1}', b"[DONE]", b"{"]
FRAMES = b"".join(frame(((":event-type", "chunk"),), payload) for payload in SAID)
WRAPPED = b"".join(frame((), wrapping(payload)) for payload in SAID)
SERVER_SENT = b"".join(b"event: x\ndata: %b\n\n" % payload for payload in SAID)


@pytest.mark.parametrize("body", [FRAMES, WRAPPED, SERVER_SENT], ids=["frames", "wrapped", "server-sent"])
class TestEvents:
    def test_what_they_say(self, body: bytes) -> None:
        """
        The same, however they are written.
        """
        assert SAID == list(payloads(body))

    def test_they_can_say_something_else(self, body: bytes) -> None:
        """
        What is changed is what they say, and they can still be read.
        """
        assert [b"x" + said for said in SAID] == list(payloads(with_payloads(body, lambda said: b"x" + said.strip())))

    def test_an_unchanged_payload_changes_nothing(self, body: bytes) -> None:
        """
        The bytes are the same.
        """
        assert body == with_payloads(body, lambda said: said)


def test_what_is_left_of_a_broken_frame_is_something_else() -> None:
    """
    It is told behind the whole ones, and is never JSON.
    """
    *whole, rest = payloads(FRAMES[:-5])

    assert SAID[:2] == whole
    assert FRAMES.endswith(rest + FRAMES[-5:])
    assert unframed(FRAMES[:-5]).endswith(rest)


@given(st.binary(max_size=80))
def test_a_body_that_holds_no_events_is_its_own(body: bytes) -> None:
    """
    It is told as it is, and changed as a whole.
    """
    if b"data:" not in body:
        assert [body.removeprefix(b"\xef\xbb\xbf")] == [each.removeprefix(b"\xef\xbb\xbf") for each in payloads(body)]
        assert b"x" + body == with_payloads(body, lambda said: b"x" + said)
        assert body == unframed(body)
