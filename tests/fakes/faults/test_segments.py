from __future__ import annotations

import pytest
import rawsocket
import virtual
from rawsocket import Play

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.faults.segments import JoinedFrames, SplitBytes, SplitCharacters

# A kernel may send a segment twice when it has waited for its acknowledgement: there can be more, and never fewer.
UNICODE = Answer(words=6, unicode=True, pace=Pace(0.0, 0.0))


class TestSplitBytes:
    def test_every_byte_has_a_segment_of_its_own(self, play: Play) -> None:
        """
        The kernel has counted as many segments as the body has bytes; the first carries the head too.
        """
        heard = play(SplitBytes()).heard

        assert "open" == heard.how
        assert len(heard.body) <= heard.segments

    def test_every_byte_of_a_stream_is_a_chunk_and_a_segment(self, play: Play) -> None:
        """
        Each chunk has one byte and came in a segment of its own; the last chunk came in another.
        """
        played = play(SplitBytes(), stream=True, answer=UNICODE)

        assert {0, 1} == {len(chunk) for chunk in played.heard.chunks}
        assert len(played.heard.chunks) <= played.heard.segments
        assert played.fair.words == played.heard.words

    def test_pieces_of_some_bytes(self, play: Play) -> None:
        """
        With pieces of ten bytes no chunk is larger.
        """
        played = play(SplitBytes(piece_bytes=10), stream=True)

        assert 10 == max(map(len, played.heard.chunks))
        assert played.fair.words == played.heard.words

    def test_with_a_pause_no_kernel_can_join_them(self) -> None:
        """
        With a pause between them the pieces are read one by one.
        """
        slow, fault = Answer(words=6, pace=Pace(1.0, 1.0)), SplitBytes(piece_bytes=50, pause=0.5)
        heard = virtual.run(rawsocket.play(fault, answer=slow, clock=virtual.VirtualClock())).heard

        assert {50} == {len(data) for _, data in heard.pieces[1:-1]}
        assert heard.words.endswith("abc123-6")


class TestSplitCharacters:
    def test_every_long_character_of_a_stream_is_split(self, play: Play) -> None:
        """
        A chunk ends behind the first byte of every character of more than one, and the text is whole.
        """
        played = play(SplitCharacters(), stream=True, answer=UNICODE)
        split = sum(chunk[-1] >= 0xC0 for chunk in played.heard.chunks if chunk)

        assert sum(byte >= 0xC0 for byte in played.fair.body) == split
        assert played.fair.words == played.heard.words
        assert len(played.heard.chunks) <= played.heard.segments

    def test_every_long_character_of_a_whole_answer_is_split(self) -> None:
        """
        A piece ends behind the first byte of every character of more than one, and the text is whole.
        """
        clock = virtual.VirtualClock()
        played = virtual.run(rawsocket.play(SplitCharacters(pause=0.5), answer=UNICODE, clock=clock))
        split = sum(data[-1] >= 0xC0 for _, data in played.heard.pieces)

        assert sum(byte >= 0xC0 for byte in played.fair.body) == split
        assert played.fair.words == played.heard.words

    def test_ascii_cannot_be_split(self, play: Play) -> None:
        """
        An answer of ASCII comes as it is, and the journal names no fault.
        """
        assert () == play(SplitCharacters(), stream=True).exchange.faults


class TestJoinedFrames:
    def test_all_events_come_in_one_segment(self, play: Play) -> None:
        """
        One read gives the head and all events, in one chunk, and the events are the fair ones.
        """
        played = play(JoinedFrames(), stream=True)

        assert b"[DONE]" in played.heard.pieces[0][1]
        assert 2 == len(played.heard.chunks)
        assert played.fair.words == played.heard.words

    def test_they_come_when_the_last_would_have(self) -> None:
        """
        Nothing comes before the time at which the fair answer would have ended.
        """
        slow = Answer(words=4, pace=Pace(1.0, 2.0))
        joined, fair = (
            virtual.run(rawsocket.play(*faults, stream=True, answer=slow, clock=virtual.VirtualClock())).heard
            for faults in ([JoinedFrames()], [])
        )

        assert joined.pieces[0][0] == pytest.approx(fair.seconds)

    def test_a_whole_answer_is_one_piece_already(self, play: Play) -> None:
        """
        A whole answer comes as it is, and the journal names no fault.
        """
        assert () == play(JoinedFrames()).exchange.faults
