from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, cast

import pytest
import rawsocket
import virtual
from rawsocket import Play

from brownout.fakes.script import Close, End, Head, Op, Send

if TYPE_CHECKING:
    from brownout.fakes.ask import Ask

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.faults import Fault
from brownout.fakes.faults.connection import (
    CloseBeforeHeaders,
    Cut,
    HangAfterHeaders,
    HangBeforeHeaders,
    ResetBeforeHeaders,
)

UNICODE = Answer(words=6, unicode=True, pace=Pace(0.0, 0.0))


class TestCutOfAStream:
    def test_fin_comes_without_the_last_chunk(self, play: Play) -> None:
        """
        After three pieces of text a FIN comes, and the last chunk of the chunked body never does.
        """
        played = play(Cut(chunks=3, how="fin"), stream=True)

        assert "fin" == played.heard.how
        assert not played.heard.last_chunk
        assert "abc123-1 abc123-2 abc123-3" == played.heard.words
        assert ("cut",) == played.exchange.faults
        assert "closed" == played.exchange.ended

    def test_reset_comes_without_a_fin(self, play: Play) -> None:
        """
        After three pieces of text a RST comes: the read fails instead of ending.
        """
        played = play(Cut(chunks=3, how="reset"), stream=True, answer=Answer(words=6, pace=Pace(0.0, 0.02)))

        assert "reset" == played.heard.how
        assert not played.heard.last_chunk
        assert "abc123-1 abc123-2 abc123-3" == played.heard.words
        assert "reset" == played.exchange.ended

    def test_clean_cut_ends_the_message_and_not_the_answer(self, play: Play) -> None:
        """
        The last chunk comes after three pieces, the connection serves another request, and neither a finish reason nor
        the sentinel has come.
        """
        played = play(Cut(chunks=3, how="clean"), stream=True)

        assert "open" == played.heard.how
        assert played.heard.last_chunk
        assert "abc123-1 abc123-2 abc123-3" == played.heard.words
        assert "stop" not in played.heard.finishes
        assert b"[DONE]" not in played.heard.body
        assert "abc123-6" in played.again.words

    def test_no_text_comes_before_a_cut_at_nothing(self, play: Play) -> None:
        """
        A cut after no pieces comes behind the head and before the first word.
        """
        played = play(Cut(chunks=0, how="fin"), stream=True)

        assert ("fin", 200, "") == (played.heard.how, played.heard.status, played.heard.words)

    def test_cut_behind_all_text_is_still_a_cut(self, play: Play) -> None:
        """
        A cut after more pieces than there are lets all words pass and nothing that says they are all.
        """
        played = play(Cut(chunks=99, how="clean"), stream=True)

        assert played.heard.words.endswith("abc123-6")
        assert "stop" not in played.heard.finishes
        assert ("cut",) == played.exchange.faults

    def test_pieces_are_counted_over_the_whole_answer(self) -> None:
        """
        A cut after the text of one choice and within that of another comes there, though something is over before.
        """
        ops: list[Op] = [
            Head(200),
            Send(b"1", "delta"),
            Send(b"", "finish"),
            Send(b"2", "delta"),
            Send(b"3", "delta"),
            End(),
        ]

        assert [*ops[:4], Close()] == Cut(chunks=2).rewrite(ops, cast("Ask", None))
        assert [*ops[:5], Close()] == Cut(chunks=9).rewrite(ops, cast("Ask", None))

    def test_cut_inside_an_event_leaves_half_an_event(self, play: Play) -> None:
        """
        What comes last is the beginning of an event: no JSON, and no blank line behind it.
        """
        played = play(Cut(chunks=3, how="fin", inside="event"), stream=True)
        last = played.heard.events[-1]

        assert "fin" == played.heard.how
        assert last.startswith("data: {")
        assert not played.heard.body.endswith(b"\n\n")
        with pytest.raises(ValueError, match="line 1"):
            json.loads(last[6:])

    def test_cut_inside_a_character_leaves_half_a_character(self, play: Play) -> None:
        """
        The last byte that comes begins a character that never ends.
        """
        played = play(Cut(chunks=1, how="fin", inside="character"), stream=True, answer=UNICODE)

        assert "fin" == played.heard.how
        assert played.heard.body[-1] >= 0xC0
        with pytest.raises(UnicodeDecodeError):
            played.heard.body.decode()

    def test_there_is_nothing_to_cut_inside_ascii(self, play: Play) -> None:
        """
        An answer of ASCII alone comes whole, and the journal names no fault.
        """
        played = play(Cut(inside="character"), stream=True)

        assert "open" == played.heard.how
        assert played.heard.words.endswith("abc123-6")
        assert () == played.exchange.faults


class TestCutOfAWholeAnswer:
    @pytest.mark.parametrize("how", ["fin", "reset"])
    def test_half_the_announced_body_never_comes(self, play: Play, how: Literal["fin", "reset"]) -> None:
        """
        The connection ends when half of the bytes that `content-length` announces have come.
        """
        played = play(Cut(how=how))

        assert played.heard.how == how
        assert 200 == played.heard.status
        assert len(played.heard.raw_body) // 2 <= played.heard.owed <= len(played.heard.raw_body) + 1

    def test_clean_cut_announces_what_it_sends(self, play: Play) -> None:
        """
        The message ends as announced and the connection serves another request; the JSON is broken.
        """
        played = play(Cut(how="clean"))

        assert ("open", 0) == (played.heard.how, played.heard.owed)
        with pytest.raises(ValueError, match="line 1"):
            json.loads(played.heard.body)
        assert played.again.words.endswith("abc123-6")


class TestBeforeAndAfterHeaders:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("fault", "how", "ended"),
        [(ResetBeforeHeaders(), "reset", "reset"), (CloseBeforeHeaders(), "fin", "closed")],
        ids=["reset", "fin"],
    )
    def test_nothing_comes_but_the_end(self, play: Play, fault: Fault, how: str, ended: str, stream: bool) -> None:
        """
        The request is read, then the connection ends as said, without a byte of an answer.
        """
        played = play(fault, stream=stream)

        assert (played.heard.how, played.heard.data) == (how, b"")
        assert played.exchange.request_complete is not None
        assert (played.exchange.ended, played.exchange.status) == (ended, None)

    @pytest.mark.parametrize("stream", [False, True])
    def test_hang_before_headers_is_silence(self, play: Play, stream: bool) -> None:
        """
        No byte comes and the connection stays open until the client leaves.
        """
        played = play(HangBeforeHeaders(), stream=stream, silence=0.1)

        assert ("silence", b"") == (played.heard.how, played.heard.data)
        assert ("hang_before_headers",) == played.exchange.faults

    @pytest.mark.parametrize("stream", [False, True])
    def test_hang_after_headers_is_a_head_and_silence(self, play: Play, stream: bool) -> None:
        """
        The fair head comes, and no byte after it.
        """
        played = play(HangAfterHeaders(), stream=stream, silence=0.1)

        assert ("silence", 200, b"") == (played.heard.how, played.heard.status, played.heard.raw_body)

    @pytest.mark.parametrize("fault", [HangBeforeHeaders(), HangAfterHeaders()], ids=["before", "after"])
    def test_the_silence_lasts(self, fault: Fault) -> None:
        """
        Nothing has come after a day.
        """
        heard = virtual.run(rawsocket.play(fault, clock=virtual.VirtualClock(), silence=86400.0)).heard

        assert "silence" == heard.how
        assert heard.seconds >= 86400.0
