"""Faults between and within binary frames: on the wire of Bedrock they are what their names say."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import rawsocket
import virtual
from languages import LANGUAGES

from brownout.fakes import frames
from brownout.fakes.answer import Answer, Pace
from brownout.fakes.faults import Fault
from brownout.fakes.faults.body import MalformedJson
from brownout.fakes.faults.connection import Cut
from brownout.fakes.faults.framing import Comments, Framing, Pings, RetryFields, UnknownEvents
from brownout.fakes.faults.payload import UnknownFields, WrongTypes
from brownout.fakes.faults.segments import JoinedFrames, SplitCharacters
from brownout.fakes.faults.stream import DuplicatedEvents, GarbageEvent, NoUsage
from brownout.fakes.faults.timing import Stall

SAYS = Answer(words=6, unicode=True, pace=Pace(0.0, 0.0))
BOTH = ["bedrock", "bedrock-anthropic"]


def play(*faults: Any, name: str = "bedrock", **options: Any) -> rawsocket.Played:
    """One exchange, streamed."""
    return asyncio.run(rawsocket.play(*faults, language=LANGUAGES[name], stream=True, **options))


def came(played: rawsocket.Played) -> tuple[list[frames.Frame], bytes]:
    """The whole frames that came, and what was left."""
    heard = played.heard
    return frames.split(heard.body if heard.last_chunk else b"".join(heard.chunks))


def is_json(payload: bytes) -> bool:
    """Whether it is JSON."""
    try:
        json.loads(payload)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("how", ["clean", "fin", "reset"])
class TestCut:
    def test_inside_an_event(self, name: str, how: Any) -> None:
        """
        Behind whole frames comes the first half of the next.
        """
        played = play(Cut(3, how=how, inside="event"), name=name)
        whole, rest = came(played)
        (total,) = frames.NUMBER.unpack_from(rest)
        fair, _ = frames.split(played.fair.body)

        assert whole == fair[: len(whole)]
        assert total // 2 == len(rest)
        assert fair[len(whole)].data.startswith(rest)

    def test_inside_a_prelude(self, name: str, how: Any) -> None:
        """
        Not even the lengths of the next frame are whole.
        """
        whole, rest = came(play(Cut(3, how=how, inside="prelude"), name=name))

        assert whole
        assert 6 == len(rest)


def test_only_frames_have_a_prelude() -> None:
    """
    An event that is no frame has no lengths to break: the answer is not cut.
    """
    played = play(Cut(3, inside="prelude"), name="openai")

    assert (played.fair.words, ()) == (played.heard.words, played.exchange.faults)


def test_a_cut_inside_a_character() -> None:
    """
    The text breaks off within a character, and not in a sum that only looks like one.
    """
    played = play(Cut(1, inside="character"), answer=SAYS)
    whole, rest = came(played)
    fair, _ = frames.split(played.fair.body)
    broken = fair[len(whole)]
    payload = rest[len(broken.data) - len(broken.payload) - 4 :]

    assert broken.payload.startswith(payload)
    with pytest.raises(UnicodeDecodeError):
        payload.decode()


@pytest.mark.parametrize("fault", [Cut(1, inside="character"), SplitCharacters()], ids=repr)
def test_in_base64_there_are_no_characters_to_break(fault: Fault) -> None:
    """
    A vendor's event in base64 is ASCII: nothing is broken, and nothing claims to be.
    """
    played = play(fault, name="bedrock-anthropic", answer=SAYS)

    assert (played.fair.body, ()) == (played.heard.body, played.exchange.faults)


def test_ascii_has_no_characters_to_split() -> None:
    """
    The bytes of lengths and sums are no characters.
    """
    assert () == play(SplitCharacters()).exchange.faults


@pytest.mark.parametrize("name", BOTH)
class TestEvents:
    @pytest.mark.parametrize("fault", [GarbageEvent(3), MalformedJson()], ids=repr)
    def test_what_cannot_be_parsed_is_in_a_sound_frame(self, name: str, fault: Fault) -> None:
        """
        Every length and every sum is right; one payload is no JSON.
        """
        played = play(fault, name=name)
        whole, rest = came(played)

        assert b"" == rest
        assert 1 == sum(not is_json(each.said) for each in whole)
        assert not played.exchange.sent_whole

    def test_events_are_repeated_frame_by_frame(self, name: str) -> None:
        """
        The same frame comes twice.
        """
        played = play(DuplicatedEvents(chunks=1, count=1), name=name)
        whole, _ = came(played)
        fair, _ = frames.split(played.fair.body)
        twice = [at for at, each in enumerate(whole[1:], 1) if each == whole[at - 1]]

        assert 1 == len(twice)
        assert fair == [each for at, each in enumerate(whole) if at not in twice]

    def test_fields_are_added_inside_of_frames(self, name: str) -> None:
        """
        In the event itself, also where that is another provider's.
        """
        whole, rest = came(play(UnknownFields(), name=name))

        assert b"" == rest
        assert all("from_the_future" in json.loads(each.said) for each in whole)

    def test_types_are_changed_inside_of_frames(self, name: str) -> None:
        """
        No value is of its type, and every frame is sound.
        """
        whole, rest = came(play(WrongTypes(), name=name))

        assert b"" == rest
        assert all(is_json(each.said) for each in whole)
        assert not any("assistant" in each.said.decode() for each in whole)

    def test_all_frames_in_one_piece(self, name: str) -> None:
        """
        They are the same frames.
        """
        played = play(JoinedFrames(), name=name)

        assert frames.split(played.fair.body) == came(played)
        assert 2 == len(played.heard.chunks)

    @pytest.mark.parametrize("fault", [Pings(), UnknownEvents()], ids=repr)
    def test_there_are_events_between_the_events(self, name: str, fault: Fault) -> None:
        """
        Twice as many frames, every other one of a type that is skipped.
        """
        played = play(fault, name=name)
        whole, _ = came(played)
        fair, _ = frames.split(played.fair.body)

        assert fair == whole[1::2]
        assert 1 == len({each.headers for each in whole[::2]})

    @pytest.mark.parametrize("fault", [Comments(), RetryFields(), *map(Framing, ["crlf", "bom"])], ids=repr)
    def test_what_only_server_sent_events_have(self, name: str, fault: Fault) -> None:
        """
        Comments, fields and line ends are no part of frames: nothing changes, and nothing claims to.
        """
        played = play(fault, name=name)

        assert (played.fair.body, ()) == (played.heard.body, played.exchange.faults)


def test_without_usage() -> None:
    """
    The frame that tells what was used is gone, and the answer is whole without it.
    """
    played = play(NoUsage())
    whole, _ = came(played)

    assert played.exchange.sent_whole
    assert not any(b"usage" in each.payload for each in whole)
    assert b"messageStop" in whole[-1].headers


def test_a_stall_has_a_heartbeat() -> None:
    """
    While no text comes, frames do that every client skips.
    """

    async def stalled() -> rawsocket.Heard:
        clock = virtual.VirtualClock()
        fault, language = Stall(3, seconds=30, heartbeat=10), LANGUAGES["bedrock"]
        return (await rawsocket.play(fault, language=language, stream=True, clock=clock)).heard

    heard = virtual.run(stalled())
    whole, rest = frames.split(heard.body)

    assert b"" == rest
    assert 3 == sum(b"ping" in each.headers for each in whole)
    assert [1, 2, 3, 4, 5, 6] == [int(word.rpartition("-")[2]) for word in heard.words.split()]
