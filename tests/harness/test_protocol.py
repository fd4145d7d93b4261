from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.harness.protocol import (
    CallRequest,
    Cancel,
    ChunkEvent,
    Done,
    Error,
    Quit,
    Ready,
    Usage,
    decode_event,
    encode,
    mend_event,
)

# Text that JSON can carry both ways.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
MAYBE = st.none() | TEXT
EVENTS = st.one_of(
    st.builds(Ready, MAYBE, MAYBE),
    st.builds(ChunkEvent, TEXT, TEXT),
    st.builds(Done, TEXT, MAYBE, MAYBE, MAYBE, MAYBE, st.booleans(), st.none() | st.builds(Usage, st.integers(0, 9))),
    st.builds(Error, TEXT, TEXT, TEXT, st.booleans()),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(["id", "event", "text", "finish", "usage", "cost", "kind", "message", "partial", "tool_calls"])


class TestDecode:
    @given(EVENTS)
    def test_what_is_written_is_read(self, event: Any) -> None:
        """
        Every event is one line, and the line means the event.
        """
        line = encode(event)

        assert line.index(b"\n") == len(line) - 1
        assert decode_event(line) == event
        assert mend_event(line) == (event, [])

    @given(st.binary() | st.text().map(str.encode))
    def test_no_line_does_harm(self, line: bytes) -> None:
        """
        Whatever a target prints is an event or a line of the log.
        """
        assert decode_event(line) is None
        assert mend_event(line)[0] is None

    @given(st.dictionaries(FIELDS, JSON), st.sampled_from(["ready", "chunk", "done", "error", "other"]))
    def test_an_end_with_an_id_is_an_end(self, fields: dict[str, Any], event: str) -> None:
        """
        Whatever else is wrong with it, an end that names its call ends it; an unknown event is a line of the log.
        """
        line = json.dumps({**fields, "id": "c1", "event": event}).encode()

        found, wrong = mend_event(line)

        if event in {"done", "error"}:
            assert isinstance(found, Done | Error)
            assert found.id == "c1"
        if event == "other":
            assert (found, wrong) == (None, [])

    @pytest.mark.parametrize(
        ("line", "event"),
        [
            (b'{"id":"c1","event":"done","text":7}', Done("c1", text="7")),
            (b'{"id":"c1","event":"done","text":["a"]}', Done("c1", text='["a"]')),
            (b'{"id":"c1","event":"done","cost":"0.1","unheard":true}', Done("c1")),
            (b'{"id":"c1","event":"done","text":"\xff"}', Done("c1", text="\ufffd")),
            (b'{"id":"c1","event":"error","kind":null,"message":{}}', Error("c1")),
            (b'{"id":"c1","event":"chunk"}', None),
            (b'{"id":7,"event":"done"}', None),
            (b'["event"]', None),
            (b'{"event":' + b"[" * 100_000, None),
        ],
    )
    def test_leniency(self, line: bytes, event: Any) -> None:
        """
        A wrong field is dropped, a text that is none is given as JSON, and what cannot be an event is none.
        """
        assert mend_event(line)[0] == event


class TestEncode:
    def test_operations(self) -> None:
        """
        The lines are those of the published protocol.
        """
        call = CallRequest("c1", [{"role": "user", "content": "hi"}], stream=True, user="u1")

        assert json.loads(encode(call)) == {
            "op": "call",
            "id": "c1",
            "messages": [{"role": "user", "content": "hi"}],
            "stream": True,
            "user": "u1",
            "model": None,
            "max_tokens": None,
            "temperature": None,
            "tools": None,
            "metadata": {},
        }
        assert encode(Cancel("c1")) == b'{"op":"cancel","id":"c1"}\n'
        assert encode(Quit()) == b'{"op":"quit"}\n'
