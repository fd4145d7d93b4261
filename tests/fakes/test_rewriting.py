from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import rawsocket
import virtual

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.ask import Ask, Request
from brownout.fakes.dialects import dialect
from brownout.fakes.fake import Fake
from brownout.fakes.faults.connection import Cut
from brownout.fakes.faults.headers import SetHeader
from brownout.fakes.faults.timing import Latency, Stall
from brownout.fakes.rewriting import rewritten
from brownout.fakes.script import Close, End, Hang, Head, Op, Raw, Send, Wait, whole

NOBODY = Ask(dialect("openai"), Fake(), "chat", Request("POST", "/", "", (), b""))
ON_A_STREAM = Ask(dialect("openai"), Fake(), "chat", Request("POST", "/", "", (), b"", stream_id=1))
FAIR: tuple[Op, ...] = (Wait(1.0), Head(200, (("content-length", "6"),)), Send(b"abc"), Wait(1.0), Send(b"def"), End())
STREAM: tuple[Op, ...] = (FAIR[0], Head(200, (("transfer-encoding", "chunked"),)), *FAIR[2:])


@dataclass(frozen=True)
class Made:
    """A fault that does whatever a test wants."""

    change: Callable[[list[Op]], Iterable[Op]]

    def rewrite(self, script: Iterable[Op], ask: Ask) -> Iterable[Op]:
        """What the test wants."""
        return self.change(list(script))


def bites(*faults: Made) -> list[tuple[int, Made]]:
    """Where each fault bites in a stream."""
    return cast("list[tuple[int, Made]]", list(rewritten(STREAM, faults, NOBODY).bites))


SAME = Made(lambda ops: ops)
NO_LAST_PIECE = Made(lambda ops: [op for op in ops if op != Send(b"def")])
SHORTER = Made(lambda ops: [*ops[:2], Close()])
LATE = Made(lambda ops: [Wait(9.0), *ops])


class TestBites:
    def test_a_fault_bites_where_its_script_first_differs(self) -> None:
        """
        The index is that of the first operation which is not the one it was, be it another or one further on.
        """
        assert [(2, SHORTER)] == bites(SHORTER)
        assert [(4, NO_LAST_PIECE)] == bites(NO_LAST_PIECE)
        assert [(0, LATE)] == bites(LATE)

    def test_a_fault_that_changes_nothing_never_bites(self) -> None:
        """
        The script is the fair one, and no fault has a place in it.
        """
        played = rewritten(FAIR, [SAME], NOBODY)

        assert (FAIR, ()) == (played.ops, played.bites)

    def test_a_place_is_always_in_the_script(self) -> None:
        """
        A later fault that leaves a shorter script leaves the earlier one its last operation.
        """
        assert [(2, NO_LAST_PIECE), (2, SHORTER)] == bites(NO_LAST_PIECE, SHORTER)
        assert [NO_LAST_PIECE, SHORTER] == list(rewritten(STREAM, [NO_LAST_PIECE, SHORTER], NOBODY).biting(2))

    def test_another_length_is_seen_in_the_head(self) -> None:
        """
        A fault that makes a whole body shorter bites with the head, which announces it.
        """
        assert ((1, NO_LAST_PIECE),) == rewritten(FAIR, [NO_LAST_PIECE], NOBODY).bites


class TestOnAStream:
    def test_what_is_said_of_a_connection_is_not_said_and_has_not_bitten(self) -> None:
        """
        A stream of HTTP/2 has no transfer encoding, and a fault that sets what cannot be sent there changes nothing.
        """
        played = rewritten(STREAM, [SetHeader("Connection", "close")], ON_A_STREAM)

        assert ((), ()) == (played.bites, played.ops[1].headers)  # type: ignore[union-attr]  # it is the head
        assert rewritten(STREAM, [SetHeader("Connection", "close")], NOBODY).bites

    def test_what_means_something_there_bites(self) -> None:
        """
        Another header is set, and another end ends it.
        """
        played = rewritten(STREAM, [SetHeader("server", "x"), SHORTER], ON_A_STREAM)

        assert [1, 2] == [at for at, _ in played.bites]


class TestEnds:
    def test_what_follows_an_end_is_gone(self) -> None:
        """
        A fault may leave rubbish behind an end, or no end at all: the script has exactly one, and it is the last.
        """
        rubbish = Made(lambda ops: [*ops, Close(), Send(b"never")])
        endless = Made(lambda ops: ops[:-1])

        assert FAIR == rewritten(FAIR, [rubbish], NOBODY).ops
        assert FAIR == rewritten(FAIR, [endless], NOBODY).ops


class TestLength:
    def test_a_proper_end_has_the_length_of_its_body(self) -> None:
        """
        When a fault changes the body, `content-length` follows.
        """
        assert Head(200, (("content-length", "3"),)) == rewritten(FAIR, [NO_LAST_PIECE], NOBODY).ops[1]

    def test_a_break_keeps_the_length_of_the_whole(self) -> None:
        """
        When the message is broken off, the length stays what was announced.
        """
        assert FAIR[1] == rewritten(FAIR, [SHORTER], NOBODY).ops[1]

    def test_raw_bytes_are_nobodys_business(self) -> None:
        """
        Where bytes go past all framing, the length stays as the fault left it.
        """
        raw = Made(lambda ops: [*ops[:2], Raw(b"HTTP"), End()])

        assert FAIR[1] == rewritten(FAIR, [raw], NOBODY).ops[1]

    def test_an_empty_script_is_one_end(self) -> None:
        """
        A fault that plays nothing at all ends the message.
        """
        assert (End(),) == rewritten(whole(200, b"x"), [Made(lambda _: [])], NOBODY).ops


class TestJournal:
    SLOW = Answer(words=6, pace=Pace(1.0, 1.0))

    def met(self, *faults: Any, silence: float) -> tuple[str, ...]:
        """The faults in the journal when a client has left after so many seconds of silence."""
        clock = virtual.VirtualClock()
        asked = rawsocket.play(*faults, stream=True, answer=self.SLOW, silence=silence, clock=clock)
        return virtual.run(asked).exchange.faults

    def test_who_leaves_before_a_fault_has_not_met_it(self) -> None:
        """
        A client that leaves during the first of two faults finds only that one in the journal.
        """
        faults = Latency(first=60.0), Cut(chunks=3)

        assert ("latency",) == self.met(*faults, silence=5.0)
        assert ("latency", "cut") == self.met(*faults, silence=100.0)

    def test_who_waits_in_vain_has_met_the_stall(self) -> None:
        """
        A stall is in the journal when its silence has begun, though the exchange never ends.
        """
        assert ("stall",) == self.met(Stall(chunks=2), silence=5.0)
        assert isinstance(Stall(chunks=2).rewrite(FAIR, NOBODY)[-1], Hang)  # type: ignore[index]  # it is a list
