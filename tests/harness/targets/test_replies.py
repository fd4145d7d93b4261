from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brownout.harness.protocol import CallEvent, CallRequest, ChunkEvent, Done, Error, sound
from brownout.harness.target_file import HttpCall
from brownout.harness.targets import openai_caller
from brownout.harness.targets.callers import CALLERS, Caller
from brownout.harness.targets.output import LINE_BYTES, Cutter
from brownout.harness.targets.replies import Reading
from brownout.harness.targets.selectors import MISSING, select, selector
from brownout.harness.targets.shape import Selectors, render
from brownout.harness.targets.sse import EventReader

SHAPE = Selectors(HttpCall("http://x", body="{}", answer="$.a", chunk="$.c", done="[DONE]", error="$.error.message"))
KINDS = st.sampled_from(["text/event-stream", "application/json", "application/x-ndjson", "text/plain", ""])
# Halves of characters too: JSON can say them, and no history can hold them.
ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "error",
                    "usage",
                    "model",
                    "tool_calls",
                    "index",
                    "a",
                    "c",
                    "type",
                    "text",
                    "content_block",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
TYPES = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop", "ping", "error"]
)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"index": 0, "delta": value}


BODIES = (
    st.binary()
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.lists(JSON, max_size=4).map(
        lambda values: b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)
    )
    | st.lists(st.tuples(TYPES, JSON), max_size=4).map(
        lambda events: b"".join(
            b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **_dict(value)}).encode())
            for kind, value in events
        )
    )
)


def read(reading: Reading, pieces: list[bytes]) -> list[CallEvent]:
    """Everything that a reply comes to, as the caller reads it."""
    found: list[CallEvent] = []
    for piece in pieces:
        for event in reading.feed(piece):
            found.append(event)
            if isinstance(event, Done | Error):
                return found
    return [*found, reading.end()]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces."""
    ends = sorted({min(place, len(data)) for place in places} | {len(data)})
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def joined(found: list[CallEvent]) -> list[CallEvent]:
    """The same with neighbouring pieces of text as one."""
    text = "".join(event.text for event in found if isinstance(event, ChunkEvent))
    return [ChunkEvent("c1", text), found[-1]]


class TestReadings:
    @given(
        BODIES,
        st.lists(st.integers(0, 200)),
        st.integers(200, 599),
        KINDS,
        st.booleans(),
        st.sampled_from([SHAPE, *CALLERS.values()]),
    )
    def test_every_reply_ends_once_and_the_same_however_it_is_cut(
        self, body: bytes, places: list[int], status: int, kind: str, stream: bool, reader: Caller
    ) -> None:
        """
        Whatever bytes a target sends, its caller has pieces of text and one end, wherever the bytes are cut.
        """
        request = CallRequest("c1", [], stream)

        def reading() -> Reading:
            return reader.read(request, status, kind)

        whole, in_pieces = read(reading(), [body]), read(reading(), cut(body, places))

        assert [isinstance(event, Done | Error) for event in whole] == [False] * (len(whole) - 1) + [True]
        assert joined(whole) == joined(in_pieces)
        for event in whole:
            sound(event)
        msgspec.json.encode(whole)

    @pytest.mark.parametrize("status", [200, 500])
    def test_halves_of_characters_are_replaced(self, status: int) -> None:
        """
        JSON can say half a character, in text, in an error, in a tool call; a history is none the worse for it.
        """
        half = "a\ud800"
        message = {"content": half, "tool_calls": [{"function": {half: half}}]}
        body = {"choices": [{"message": message}], "error": {"message": half}}
        found = read(openai_caller.read(CallRequest("c1", []), status, ""), [json.dumps(body).encode()])

        sound(found[-1])

        assert b"a\xef\xbf\xbd" in msgspec.json.encode(found)


class TestEventReader:
    @given(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")), min_size=1),
        st.lists(st.integers(0, 300)),
        st.sampled_from(["\n", "\r\n", "\r"]),
    )
    @example(["🙂"], [7, 8, 9], "\r\n")
    def test_events_are_whole_wherever_they_are_cut(self, texts: list[str], places: list[int], line: str) -> None:
        """
        Each line's end, each character and each event may be cut in two.
        """
        data = "".join(f": ping{line}event: x{line}data: {text}{line}{line}" for text in texts).encode()
        reader = EventReader()

        found = [event for piece in cut(data, places) for event in reader.feed(piece)] + reader.end()

        assert texts == [event.data for event in found]

    def test_an_event_without_its_blank_line_is_none(self) -> None:
        """
        What the end of the body leaves unfinished was never dispatched.
        """
        reader = EventReader()

        assert reader.feed(b"data: a\n") == []
        assert reader.end() == []


class TestCutter:
    @given(st.binary(), st.lists(st.integers(0, 100)))
    def test_lines_are_those_of_the_whole(self, data: bytes, places: list[int]) -> None:
        """
        However the bytes are cut, the lines are the same.
        """
        cutter = Cutter()

        found = [line for piece in cut(data, places) for line, _ in cutter.feed(piece)] + [
            line for line, _ in cutter.end()
        ]

        expected = data.split(b"\n")
        assert found == (expected if expected[-1] else expected[:-1])

    def test_a_line_that_is_json_may_be_longer(self) -> None:
        """
        An answer may be long; a line of the log is cut.
        """
        cutter = Cutter(limit=2 * LINE_BYTES)
        long = b"{" + b"x" * 3 * LINE_BYTES

        assert [len(line) for line, _ in cutter.feed(long + b"\n" + long[1:] + b"\n")] == [2 * LINE_BYTES, LINE_BYTES]


class TestFinish:
    def test_a_shape_may_say_why_an_answer_ended(self) -> None:
        """
        Whole or streamed, the reason that the reply gives is the caller's; the end of a stream without one is ordinary.
        """
        shape = Selectors(HttpCall("http://x", body="{}", answer="$.a", chunk="$.c", done="[DONE]", finish="$.why"))
        streamed = [b'data: {"c": "half"}\n\n', b'data: {"c": "", "why": "length"}\n\n', b"data: [DONE]\n\n"]
        asked = CallRequest("c1", [], stream=True, user=None)

        (plain,) = read(
            shape.read(msgspec.structs.replace(asked, stream=False), 200, ""), [b'{"a": "half", "why": "length"}']
        )
        *_, cut_short = read(shape.read(asked, 200, "text/event-stream"), streamed)
        *_, usual = read(shape.read(asked, 200, "text/event-stream"), [streamed[0], streamed[2]])

        assert ["length", "length", "stop"] == [
            found.finish for found in (plain, cut_short, usual) if isinstance(found, Done)
        ]


class TestSelectors:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("$", {"a": [{"b c": 1}]}),
            ("$.a[0]['b c']", 1),
            ('$.a[-1]["b c"]', 1),
            ("$.a.b", MISSING),
            ("$.a[1]", MISSING),
            ("$[0]", MISSING),
        ],
    )
    def test_select(self, text: str, found: Any) -> None:
        """
        A selector finds what stands there, or that nothing does.
        """
        assert select({"a": [{"b c": 1}]}, selector(text)) == found

    @pytest.mark.parametrize("text", ["answer", "$answer", "$.a[b]", "$..a", "$.a[", ""])
    def test_what_is_no_selector_is_refused(self, text: str) -> None:
        """
        A selector that cannot be understood says how one is written.
        """
        with pytest.raises(ValueError, match="is no selector"):
            selector(text)


class TestRender:
    @given(st.text(), st.text())
    def test_a_body_is_json_whatever_is_said(self, prompt: str, user: str) -> None:
        """
        Whatever the caller says, the body says it, inside a string and as a value.
        """
        body = render('{"q": {prompt}, "w": "<{user}> \\"{prompt}\\""}', {"prompt": prompt, "user": user})

        assert json.loads(body) == {"q": prompt, "w": f'<{user}> "{prompt}"'}
