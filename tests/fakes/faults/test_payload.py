from __future__ import annotations

import json
from typing import Any

import pytest
from rawsocket import Heard, Play

from brownout.fakes.faults.payload import ReorderedKeys, UnknownFields, WrongTypes


def texts(heard: Heard) -> list[str]:
    """The JSON texts of an answer: its body, or the data of its events."""
    if not heard.chunked:
        return [heard.body.decode()]
    return [event[6:] for event in heard.events if event.startswith("data: {")]


@pytest.mark.parametrize("stream", [False, True])
class TestPayload:
    def test_reordered_keys_are_the_same_object(self, play: Play, stream: bool) -> None:
        """
        The JSON is equal and its keys come in the opposite order.
        """
        played = play(ReorderedKeys(), stream=stream)
        fair, other = (json.loads(texts(heard)[0]) for heard in (played.fair, played.heard))

        assert list(reversed(fair)) == list(other)
        assert played.fair.words == played.heard.words
        assert ("reordered_keys",) == played.exchange.faults

    def test_unknown_fields_are_in_every_object(self, play: Play, stream: bool) -> None:
        """
        Every JSON object has a field more, and the text is the same.
        """
        played = play(UnknownFields(), stream=stream)

        assert played.fair.words == played.heard.words
        for text in texts(played.heard):
            parsed = json.loads(text)
            assert "from_the_future" in parsed
            assert all("from_the_future" in choice for choice in parsed["choices"])

    def test_no_value_has_the_type_it_should(self, play: Play, stream: bool) -> None:
        """
        Each value of the fair answer has another type in the faulty one, at the same place.
        """
        played = play(WrongTypes(), stream=stream)

        for fair, other in zip(texts(played.fair), texts(played.heard), strict=True):
            _differ(json.loads(fair), json.loads(other))


def _differ(fair: Any, other: Any) -> None:
    match fair:
        case dict():
            assert list(fair) == list(other)
            for key in fair:
                _differ(fair[key], other[key])
        case list():
            for one, two in zip(fair, other, strict=True):
                _differ(one, two)
        case _:
            assert type(fair) is not type(other)
