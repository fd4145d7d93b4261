from __future__ import annotations

import json
import re
from typing import Any, Literal

import pytest
from rawsocket import Heard, Play

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.faults import Fault
from brownout.fakes.faults.framing import Comments, Framing, Pings, RetryFields, UnknownEvents

UNICODE = Answer(words=6, unicode=True, pace=Pace(0.0, 0.0))
Style = Literal["crlf", "cr", "no_space", "multi_line", "bom"]
STYLES: list[Style] = ["crlf", "cr", "no_space", "multi_line", "bom"]


def read(heard: Heard) -> list[tuple[str, str]]:
    """The events of a stream, type and data, read as the HTML standard says, section 9.2.6."""
    events: list[tuple[str, str]] = []
    kind, data = "message", list[str]()
    for line in re.split(r"\r\n|\n|\r", heard.body.decode("utf-8-sig")):
        field, _, value = line.partition(":")
        if not line:
            if data:
                events.append((kind, "\n".join(data)))
            kind, data = "message", []
        elif field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            kind = value.removeprefix(" ")
    return events


def parsed(heard: Heard) -> list[Any]:
    """The values of the events of the usual type."""
    return [data if data == "[DONE]" else json.loads(data) for kind, data in read(heard) if kind == "message"]


class TestFraming:
    @pytest.mark.parametrize("style", STYLES)
    def test_the_events_are_the_same(self, play: Play, style: Style) -> None:
        """
        Who reads the stream as the standard says reads the fair events, in other bytes.
        """
        played = play(Framing(style), stream=True, answer=UNICODE)

        assert parsed(played.fair) == parsed(played.heard)
        assert played.fair.body != played.heard.body
        assert ("framing",) == played.exchange.faults

    @pytest.mark.parametrize(
        ("style", "there", "missing"),
        [
            ("crlf", rb"data: \[DONE\]\r\n\r\n\Z", rb"[^\r]\n"),
            ("cr", rb"data: \[DONE\]\r\r\Z", rb"\n"),
            ("no_space", rb"data:\{", rb"data: "),
            ("multi_line", rb"data: \{\ndata:  ", rb"data: \{[^\n]"),
            ("bom", rb"\A\xef\xbb\xbfdata: ", rb"(?s).\xef\xbb\xbf"),
        ],
    )
    def test_the_style_is_on_the_wire(self, play: Play, style: Style, there: bytes, missing: bytes) -> None:
        """
        What the style writes is there, and what it writes it in place of is not.
        """
        body = play(Framing(style), stream=True).heard.body

        assert re.search(there, body)
        assert not re.search(missing, body)


class TestIgnored:
    @pytest.mark.parametrize(
        ("fault", "there"),
        [
            (Comments(text="still here"), rb"(?m)^: still here\n\n"),
            (Pings(), rb"(?m)^: "),
            (UnknownEvents(), rb"(?m)^event: \w+\n"),
            (RetryFields(1500), rb"(?m)^retry: 1500\n(event|data): "),
        ],
        ids=lambda value: type(value).__name__ if not isinstance(value, bytes) else "",
    )
    def test_it_comes_before_every_event_and_changes_none(self, play: Play, fault: Fault, there: bytes) -> None:
        """
        There is one before each event, and who ignores them reads the fair events.
        """
        played = play(fault, stream=True)

        assert parsed(played.fair) == parsed(played.heard)
        assert len(parsed(played.fair)) == len(re.findall(there, played.heard.body))

    def test_every_third_event(self, play: Play) -> None:
        """
        Comments can come as seldom as before every third event.
        """
        played = play(Comments(every=3), stream=True)

        assert len(played.fair.events) // 3 == played.heard.body.count(b": keep-alive\n\n")

    def test_a_retry_field_never_stands_alone(self, play: Play) -> None:
        """
        No block has a `retry:` line and no data.
        """
        blocks = play(RetryFields(), Comments(), stream=True).heard.events

        assert all("data:" in block for block in blocks if "retry:" in block)


@pytest.mark.parametrize(
    "fault",
    [Comments(), Pings(), UnknownEvents(), RetryFields(), *map(Framing, STYLES)],
    ids=lambda fault: type(fault).__name__,
)
def test_whole_answers_have_no_events(play: Play, fault: Fault) -> None:
    """
    An answer that is not streamed comes as it is, and the journal names no fault.
    """
    played = play(fault)

    assert played.fair.body == played.heard.body
    assert () == played.exchange.faults
