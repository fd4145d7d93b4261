from __future__ import annotations

import statistics
from itertools import pairwise
from random import Random
from typing import Any

import pytest
import rawsocket
import virtual
from rawsocket import Heard, Play, Played

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.faults import Fault
from brownout.fakes.faults.connection import ResetBeforeHeaders
from brownout.fakes.faults.replies import Unavailable
from brownout.fakes.faults.spread import Empirical, LogNormal, Pareto, Spread, Uniform, draw
from brownout.fakes.faults.timing import Drip, Latency, Stall

DAY = 86400.0
EVEN = Answer(words=5, pace=Pace(first=2.0, between=1.0))


def played(*faults: Fault, **options: object) -> Played:
    """What faults make of an answer that takes two seconds to its first word and one to each other, in virtual time."""
    stated: dict[str, Any] = {"answer": EVEN, "silence": DAY, **options}
    return virtual.run(rawsocket.play(*faults, clock=virtual.VirtualClock(), **stated))


def words_at(heard: Heard) -> list[float]:
    """When the pieces that carry a word came."""
    return [at for at, data in heard.pieces if b"abc123-" in data]


class TestLatency:
    def test_first_piece_comes_when_said(self) -> None:
        """
        The first word comes after exactly the time to the first, and no byte before it.
        """
        heard = played(Latency(first=7.0), stream=True).heard

        assert 7.0 == pytest.approx(words_at(heard)[0])
        assert 7.0 == pytest.approx(heard.pieces[0][0])

    def test_pieces_come_as_far_apart_as_said(self) -> None:
        """
        From each word to the next is exactly the time between; the first keeps its own.
        """
        at = words_at(played(Latency(between=0.25), stream=True).heard)

        assert [0.25] * 4 == pytest.approx([later - earlier for earlier, later in pairwise(at)])

    def test_early_head_comes_at_once(self) -> None:
        """
        The head comes when the request is complete, the first word when it is said to.
        """
        heard = played(Latency(first=7.0, early_head=True), stream=True).heard

        assert 0.0 == pytest.approx(heard.pieces[0][0])
        assert heard.pieces[0][1].endswith(b"\r\n\r\n")
        assert 7.0 == pytest.approx(words_at(heard)[0])

    @pytest.mark.parametrize("faults", [(Latency(first=25.0),), (Latency(first=25.0, early_head=True),)])
    def test_whole_answer_comes_late(self, faults: tuple[Fault, ...]) -> None:
        """
        A whole answer has come after exactly the time to the first.
        """
        heard = played(*faults).heard

        assert "open" == heard.how
        assert 25.0 == pytest.approx(heard.seconds)

    @pytest.mark.parametrize(
        ("faults", "how"),
        [
            ((Latency(first=15.0), Unavailable()), "open"),
            ((Unavailable(), Latency(first=15.0)), "open"),
            ((Latency(first=15.0), ResetBeforeHeaders()), "reset"),
        ],
    )
    def test_refusals_come_late_too(self, faults: tuple[Fault, ...], how: str) -> None:
        """
        A refusal or a reset comes after exactly the latency before it.
        """
        heard = played(*faults).heard

        assert how == heard.how
        assert 15.0 == pytest.approx(heard.seconds)

    def test_the_answers_own_pace_is_no_fault(self) -> None:
        """
        A latency of None changes nothing and is not in the journal.
        """
        assert () == played(Latency(), stream=True).exchange.faults

    def test_a_latency_that_was_not_waited_for_has_bitten(self) -> None:
        """
        A client that leaves in the middle of the wait has met the fault.
        """
        assert ("latency",) == played(Latency(first=60.0), silence=1.0).exchange.faults


class TestSpread:
    @pytest.mark.parametrize(
        "spread",
        [Uniform(1.0, 3.0), LogNormal(2.0, 0.8), Pareto(1.0, 1.5), Empirical((0.5, 4.0)), 3],
        ids=lambda spread: type(spread).__name__,
    )
    def test_the_same_seed_draws_the_same(self, spread: Spread) -> None:
        """
        Two sources of the same seed give the same durations.
        """
        one, other = Random(7), Random(7)

        assert [draw(spread, one) for _ in range(50)] == [draw(spread, other) for _ in range(50)]

    def test_draws_are_distributed_as_said(self) -> None:
        """
        Of 4000 draws, bounds and medians are those of the distribution.
        """
        random = Random(1)
        drawn = {
            spread: sorted(draw(spread, random) for _ in range(4000))
            for spread in (Uniform(1.0, 3.0), LogNormal(2.0, 0.8), Pareto(1.0, 1.5, at_most=50.0))
        }
        uniform, log_normal, pareto = drawn.values()

        assert 1.0 <= uniform[0] < uniform[-1] <= 3.0
        assert 2.0 == pytest.approx(statistics.median(uniform), abs=0.1)
        assert 2.0 == pytest.approx(statistics.median(log_normal), abs=0.15)
        assert 1.0 <= pareto[0] < 1.01
        assert 2 ** (1 / 1.5) == pytest.approx(statistics.median(pareto), abs=0.1)
        assert 50.0 == pareto[-1]

    def test_one_percent_above_a_bound(self) -> None:
        """
        A log-normal latency of median 2 and sigma 0.9898 has one draw in a hundred above 20 seconds.
        """
        random = Random(1)
        drawn = [draw(LogNormal(2.0, 0.9898), random) for _ in range(20000)]

        assert 0.01 == pytest.approx(sum(seconds > 20 for seconds in drawn) / len(drawn), abs=0.002)


class TestStall:
    def test_a_stalled_stream_is_silent_and_open(self, play: Play) -> None:
        """
        Three words come, then nothing, and the connection stays.
        """
        played = play(Stall(chunks=3), stream=True, silence=0.15)

        assert "silence" == played.heard.how
        assert "abc123-1 abc123-2 abc123-3" == played.heard.words
        assert ("stall",) == played.exchange.faults

    def test_a_stalled_whole_answer_stops_half_way(self, play: Play) -> None:
        """
        Half of the announced bytes come, then nothing.
        """
        heard = play(Stall(), silence=0.15).heard

        assert "silence" == heard.how
        assert len(heard.raw_body) // 2 <= heard.owed <= len(heard.raw_body) + 1

    def test_the_stall_lasts(self) -> None:
        """
        Nothing has come after a day.
        """
        heard = played(Stall(chunks=2), stream=True, silence=DAY).heard

        assert ("silence", 2) == (heard.how, len(words_at(heard)))

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_stall_can_end(self, stream: bool) -> None:
        """
        After the pause the rest comes, whole, and exactly so much later.
        """
        fair, stalled = played(stream=stream).heard, played(Stall(chunks=2, seconds=45.0), stream=stream).heard

        assert ("open", fair.words) == (stalled.how, stalled.words)
        assert fair.seconds + 45.0 == pytest.approx(stalled.seconds)

    def test_heartbeats_come_while_text_does_not(self) -> None:
        """
        During a stall of a good minute a comment comes every ten seconds, and no word.
        """
        heard = played(Stall(chunks=2, seconds=65.0, heartbeat=10.0), stream=True).heard
        beats = [at for at, data in heard.pieces if b": " in data and b"abc123" not in data and b"{" not in data]

        assert 6 == len(beats)
        assert [10.0] * 5 == pytest.approx([later - earlier for earlier, later in pairwise(beats)])
        assert heard.words.endswith("abc123-5")

    def test_whole_answers_have_no_heartbeat(self) -> None:
        """
        Nothing comes between the halves of a whole answer: its JSON stays intact.
        """
        heard = played(Stall(seconds=60.0, heartbeat=10.0)).heard

        assert heard.words.endswith("abc123-5")


class TestDrip:
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_few_bytes_at_a_time(self, stream: bool) -> None:
        """
        Each piece has as many bytes as said, comes as long after the one before as said, and all of it is the answer.
        """
        fair = played(stream=stream).heard
        heard = played(Drip(piece_bytes=8, pause=1.0), stream=stream).heard
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(heard.pieces)]

        assert fair.words == heard.words
        assert all(gap == pytest.approx(0.0) or gap >= 1.0 - 1e-6 for gap in gaps)
        if stream:
            assert {True} == {len(chunk) <= 8 for chunk in heard.chunks}
        else:
            assert {8} == {len(data) for _, data in heard.pieces[1:-1]}

    def test_a_drip_on_the_wire(self, play: Play) -> None:
        """
        On a real clock the pieces come apart, each in a segment of its own.
        """
        heard = play(Drip(piece_bytes=100, pause=0.02)).heard

        assert "open" == heard.how
        assert 1 + -(-len(heard.raw_body) // 100) <= heard.segments
        assert heard.seconds + 0.002 >= 0.02 * -(-len(heard.raw_body) // 100)
