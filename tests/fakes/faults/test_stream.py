from __future__ import annotations

import json

import pytest
from rawsocket import Play

from brownout.fakes.faults import Fault
from brownout.fakes.faults.stream import (
    DroppedEvents,
    DuplicatedEvents,
    GarbageEvent,
    MidstreamError,
    NoFinish,
    NoSentinel,
    NoUsage,
)


def numbers(words: str) -> list[int]:
    """The numbers of the words that came, in order."""
    return [int(word.rpartition("-")[2]) for word in words.split()]


class TestMidstreamError:
    @pytest.mark.parametrize(
        ("kind", "code"), [("server_error", None), ("rate_limited", "rate_limit_exceeded")], ids=["server", "limit"]
    )
    def test_the_error_is_the_last_event(self, play: Play, kind: str, code: str | None) -> None:
        """
        After the words asked for comes the provider's error as an event, then the proper end of the HTTP message.
        """
        played = play(MidstreamError(chunks=2, kind=kind), stream=True)
        *before, last = played.heard.events
        error = json.loads(last.partition("data: ")[2])["error"]

        assert "open" == played.heard.how
        assert code == error["code"]
        assert "abc123-2" in before[-1]
        assert ("midstream_error",) == played.exchange.faults

    def test_the_error_can_come_first(self, play: Play) -> None:
        """
        An error after no words comes before the first.
        """
        heard = play(MidstreamError(chunks=0), stream=True).heard

        assert b"abc123" not in heard.body
        assert '"error"' in heard.events[-1]


class TestGarbageEvent:
    def test_one_event_is_no_json(self, play: Play) -> None:
        """
        Exactly one event cannot be parsed, it stands where the fourth word should, and the stream ends properly.
        """
        heard = play(GarbageEvent(chunks=3), stream=True).heard
        broken = [number for number, event in enumerate(heard.events) if not _parses(event)]

        assert 1 == len(broken)
        assert "abc123-3" in heard.events[broken[0] - 1]
        assert "abc123-5" in heard.events[broken[0] + 1]
        assert "data: [DONE]" == heard.events[-1]


class TestDroppedAndDuplicatedEvents:
    def test_dropped_words_are_missing(self, play: Play) -> None:
        """
        Two words after the first are missing, the others come in order.
        """
        heard = play(DroppedEvents(chunks=1, count=2), stream=True).heard

        assert [1, 4, 5, 6] == numbers(heard.words)
        assert ["stop"] == heard.finishes

    def test_duplicated_words_come_twice(self, play: Play) -> None:
        """
        The second and third word come twice, byte for byte.
        """
        heard = play(DuplicatedEvents(chunks=1, count=2), stream=True).heard

        assert [1, 2, 2, 3, 3, 4, 5, 6] == numbers(heard.words)


class TestNoSentinelNoFinish:
    def test_only_the_sentinel_is_missing(self, play: Play) -> None:
        """
        All words and the finish reason come, `[DONE]` does not, and the message ends properly.
        """
        played = play(NoSentinel(), stream=True)

        assert "open" == played.heard.how
        assert ["stop"] == played.heard.finishes
        assert b"[DONE]" not in played.heard.body
        assert played.fair.words == played.heard.words

    def test_only_the_finish_is_missing(self, play: Play) -> None:
        """
        All words and `[DONE]` come, no finish reason does.
        """
        played = play(NoFinish(), stream=True)

        assert [] == played.heard.finishes
        assert "data: [DONE]" == played.heard.events[-1]
        assert played.fair.words == played.heard.words

    def test_only_the_usage_is_missing(self, play: Play) -> None:
        """
        All words, the finish reason and `[DONE]` come, and nothing is said of tokens though it was asked for.
        """
        asked = {"stream_options": {"include_usage": True}}
        played = play(NoUsage(), stream=True, **asked)

        assert b'"prompt_tokens"' in played.fair.body
        assert b'"prompt_tokens"' not in played.heard.body
        assert ["stop"] == played.heard.finishes
        assert played.fair.words == played.heard.words


@pytest.mark.parametrize(
    "fault",
    [MidstreamError(), GarbageEvent(), DroppedEvents(), DuplicatedEvents(), NoSentinel(), NoFinish(), NoUsage()],
    ids=lambda fault: type(fault).__name__,
)
def test_whole_answers_have_no_events(play: Play, fault: Fault) -> None:
    """
    An answer that is not streamed comes as it is, and the journal names no fault.
    """
    played = play(fault)

    assert played.fair.body == played.heard.body
    assert () == played.exchange.faults


def _parses(event: str) -> bool:
    try:
        json.loads(event.partition("data: ")[2])
    except ValueError:
        return event == "data: [DONE]"
    return True
