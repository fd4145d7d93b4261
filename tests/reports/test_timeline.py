from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.reports.shapes import LETTER, NARROW, Box, Chart, Link, Shape, Stroke, Words, fitted
from brownout.reports.story import Call, Exchange, Heading, Incident, Story, asked_to_wait
from brownout.reports.timeline import draw

S = 1_000_000_000


def attempt(id_: str, at: float, until: float, **fields: object) -> Exchange:
    """An exchange of the first call; times in seconds."""
    told = {"fake": "primary", "canary": "abcdef", "status": 200, "ended": "complete", **fields}
    first, last = int((at + (until - at) / 2) * S), int(until * S)
    return Exchange(id_, started=int(at * S), first_byte=first, last_byte=last, finished=last, **told)  # type: ignore[arg-type]


def told(*exchanges: Exchange, deadline: float = 60.0, call: Call | None = None, **fields: object) -> Story:
    """A story of one call and its attempts."""
    ended = max((x.last for x in exchanges), default=S)
    first = call or Call("c1", "abcdef", 0, ended=ended)
    return Story(Heading({"deadline": deadline}), [first], list(exchanges), **fields)  # type: ignore[arg-type]


def flat(shapes: list[Shape]) -> Iterator[Box | Stroke | Words]:
    """Every shape, those inside of links included."""
    for shape in shapes:
        if isinstance(shape, Link):
            yield from flat(list(shape.shapes))
        else:
            yield shape


def boxes(chart: Chart | None, kind: str) -> list[Box]:
    """The boxes of a kind."""
    assert chart is not None
    return [shape for shape in flat(chart.shapes) if isinstance(shape, Box) and shape.kind.split()[0] == kind]


def texts(chart: Chart | None) -> str:
    """Everything that is written."""
    assert chart is not None
    return "\n".join(shape.text for shape in flat(chart.shapes) if isinstance(shape, Words))


class TestDraw:
    def test_nothing_is_drawn_of_nothing(self) -> None:
        """
        A story without calls and exchanges has no chart.
        """
        assert draw(Story()) is None

    def test_attempts_stand_where_they_happened(self) -> None:
        """
        Two attempts of a second, two seconds apart, are drawn as wide as each other and twice as far apart.
        """
        one, two = boxes(draw(told(attempt("x1", 0, 1), attempt("x2", 3, 4))), "attempt")

        assert one.width == pytest.approx(two.width, abs=0.1)
        assert two.x - (one.x + one.width) == pytest.approx(2 * one.width, abs=0.1)

    def test_the_wait_between_attempts_is_hatched_and_measured(self) -> None:
        """
        The gap between two attempts is marked as waiting, with its length.
        """
        chart = draw(told(attempt("x1", 0, 1), attempt("x2", 3, 4)))

        assert 1 == len(boxes(chart, "gap"))
        assert "waited 2 s" in texts(chart)

    def test_silence_of_the_provider_is_hatched(self) -> None:
        """
        The time before the first byte is marked as silent, on the attempt itself.
        """
        chart = draw(told(attempt("x1", 0, 2)))

        (bar,), (idle,) = boxes(chart, "attempt"), boxes(chart, "idle")
        assert (bar.x, bar.y) == (idle.x, idle.y)
        assert idle.width == pytest.approx(bar.width / 2, abs=0.1)

    def test_providers_have_colours_and_names(self) -> None:
        """
        Attempts at different providers differ in colour and are labelled with the provider's name.
        """
        chart = draw(told(attempt("x1", 0, 1), attempt("x2", 2, 3, fake="secondary")))

        assert ["attempt p0", "attempt p1"] == [box.kind for box in boxes(chart, "attempt")]
        assert "x1 primary 200" in texts(chart)
        assert "x2 secondary 200" in texts(chart)

    def test_faults_are_shaded_and_named(self) -> None:
        """
        An attempt that a fault has struck is marked and says which fault it was, and how the connection ended.
        """
        chart = draw(told(attempt("x1", 0, 1, faults=("cut",), ended="reset")))

        assert 1 == len(boxes(chart, "fault"))
        assert "x1 primary 200 reset ⚡ cut" in texts(chart)

    def test_proof_is_framed(self) -> None:
        """
        The attempts that a violation points at are framed, and no other.
        """
        chart = draw(told(attempt("x1", 0, 1), attempt("x2", 2, 3)), frozenset({"x2"}))

        assert ["attempt p0", "attempt p0 proof"] == [box.kind for box in boxes(chart, "attempt")]

    def test_retry_after_is_a_window(self) -> None:
        """
        A Retry-After is drawn from the end of its reply for as long as it asks.
        """
        chart = draw(told(attempt("x1", 0, 1, headers=(("Retry-After", "1"),)), attempt("x2", 3, 4)))

        (window,), (bar, _) = boxes(chart, "asked"), boxes(chart, "attempt")
        assert window.x == pytest.approx(bar.x + bar.width, abs=0.1)
        assert window.width == pytest.approx(bar.width, abs=0.1)
        assert "x1 asked to be left alone for 1 s" in texts(chart)

    def test_a_window_that_does_not_fit_says_so(self) -> None:
        """
        A Retry-After far longer than all that happened is cut at the right edge and says that it goes on.
        """
        chart = draw(told(attempt("x1", 0, 1, headers=(("retry-after", "600"),)), attempt("x2", 1.5, 2)))

        (window,) = boxes(chart, "asked")
        assert window.x + window.width == pytest.approx(100)
        assert "beyond the right edge" in texts(chart)

    def test_the_deadline_is_a_line(self) -> None:
        """
        A deadline within reach is drawn as a line, one that is far off is told in words.
        """
        near, far = draw(told(attempt("x1", 0, 3), deadline=2.0)), draw(told(attempt("x1", 0, 3)))

        assert near is not None
        assert far is not None
        assert ["deadline"] == [s.kind for s in flat(near.shapes) if isinstance(s, Stroke) and s.kind == "deadline"]
        assert "the deadline of 60 s is beyond the right edge" in texts(far)

    def test_chunks_are_ticked(self) -> None:
        """
        Pieces of an answer are ticked on the call as they reached the caller, and not more than there is room for.
        """
        call = Call("c1", "abcdef", 0, chunks=[(n * S // 1000, "x") for n in range(1000)], ended=S)
        chart = draw(told(attempt("x1", 0, 1), call=call), ticks=50)

        assert chart is not None
        ticks = [shape for shape in flat(chart.shapes) if isinstance(shape, Stroke) and shape.kind == "tick"]
        assert 20 <= len(ticks) <= 50

    def test_weather_is_shaded_while_it_lasts(self) -> None:
        """
        Weather shades the time from where it was set to where the next was, and is named; fair weather shades nothing.
        """
        events = [
            Incident(S, "weather", {"rules": [["rate_limited"], ["cut"]]}),
            Incident(2 * S, "weather", {"rules": []}),
        ]
        chart = draw(told(attempt("x1", 0, 4), events=events))

        (shade,) = boxes(chart, "weather")
        assert shade.x == pytest.approx(24.3, abs=0.5)
        assert shade.width == pytest.approx(24.3, abs=0.5)
        assert "weather: rate_limited, cut" in texts(chart)

    def test_other_events_are_marked(self) -> None:
        """
        A kill, a leap, a restart: what else the scenario did is a line with its name.
        """
        assert "kill" in texts(draw(told(attempt("x1", 0, 4), events=[Incident(S, "kill")])))

    def test_attempts_at_once_do_not_cover_each_other(self) -> None:
        """
        Attempts that overlap in time are drawn in lines of their own.
        """
        one, two = boxes(draw(told(attempt("x1", 0, 3), attempt("x2", 1, 2))), "attempt")

        assert one.y != two.y

    def test_exchanges_without_a_caller_are_not_lost(self) -> None:
        """
        What the target sent without being asked, or without a canary, has a lane of its own.
        """
        chart = draw(told(attempt("x1", 0, 1), attempt("x2", 1, 2, canary=None)))

        assert 2 == len(boxes(chart, "attempt"))
        assert "exchanges that no caller asked for" in texts(chart)

    def test_of_many_callers_those_that_prove_something_are_drawn(self) -> None:
        """
        Where there is no room for every caller, evidence has precedence, and the chart says how many are missing.
        """
        calls = [Call(f"c{n}", f"can{n:03}", n, ended=S) for n in range(100)]
        chart = draw(Story(Heading(), calls), frozenset({"c99"}), lanes=10)

        assert chart is not None
        assert 90 == chart.left_out
        assert "c99" in texts(chart)

    def test_a_crowd_is_counted_together(self) -> None:
        """
        Of many callers the chart counts the attempts of all, those that are not drawn too, and says how they bunch.
        """
        calls = [Call(f"c{n}", f"can{n:03}", n, ended=S) for n in range(50)]
        attempts = [attempt(f"x{n}", n // 30, n // 30 + 0.1, canary=f"can{n:03}") for n in range(50)]
        chart = draw(Story(Heading(), calls, attempts), lanes=10)

        assert [30, 20] == [round(box.height / 34 * 30) for box in boxes(chart, "crowd")]
        assert "attempts of all 50 callers: at most 30 begin within" in texts(chart)

    @given(
        st.lists(st.tuples(st.floats(0, 5000), st.floats(0, 5000), st.text(max_size=20)), max_size=12),
        st.one_of(st.none(), st.floats(allow_nan=True), st.text()),
    )
    def test_everything_stays_inside(self, spans: list[tuple[float, float, str]], deadline: object) -> None:
        """
        Whatever times and headers a history holds, a chart is drawn and nothing of it stands outside.
        """
        exchanges = [
            attempt(f"x{n}", at, at + took, headers=(("retry-after", text),))
            for n, (at, took, text) in enumerate(sorted(spans))
        ]
        chart = draw(told(*exchanges, deadline=deadline))  # type: ignore[arg-type]  # whatever a file says

        assert chart is not None
        for shape in flat(chart.shapes):
            assert 0 <= shape.x <= 100
            assert 0 <= shape.y <= chart.height
            assert not isinstance(shape, Box) or shape.x + shape.width <= 102


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Retry-After", "10")], 10.0),
        ([("retry-after-ms", "1500"), ("retry-after", "2")], 1.5),
        ([("Retry-After", "Sat, 21 Nov 2026 10:00:12 GMT"), ("Date", "Sat, 21 Nov 2026 10:00:00 GMT")], 12.0),
        ([("Retry-After", "Sat, 21 Nov 2026 10:00:12 GMT")], None),
        ([("Retry-After", "banana")], None),
        ([("Retry-After", "-5")], None),
        ([("Retry-After", "0")], None),
        ([("Retry-After", "")], None),
        ([("Retry-After", "1e309")], None),
        ([("retry-after-ms", "nan")], None),
        ([], None),
    ],
)
def test_how_long_a_reply_asks_to_be_left_alone(headers: list[tuple[str, str]], expected: float | None) -> None:
    """
    Seconds, milliseconds and dates are understood; what is nonsense asks for nothing.
    """
    assert expected == asked_to_wait(Exchange("x1", headers=tuple(headers)))


class TestFitted:
    def test_labels_never_run_into_each_other(self) -> None:
        """
        On a narrow screen of two labels too close only what fits is said, shortened where it can be.
        """
        labels = [Words(0, 0, "x1 primary 429", "a", shorter=("x1",)), Words(10, 0, "x2 primary 200", "a")]

        narrow = [words for words in fitted(labels) if "roomy" not in words.kind]

        ends = [words.x / 100 * NARROW + len(words.text) * LETTER for words in narrow]
        starts = [words.x / 100 * NARROW for words in narrow]
        assert ["x1", "x2 primary 200"] == [words.text for words in narrow]
        assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))

    def test_what_fits_only_on_a_wide_screen_is_marked(self) -> None:
        """
        A label that is too long for a phone is shown on wide screens only.
        """
        (words,) = fitted([Words(50, 0, "a text of about forty-five letters, or more", "a")])

        assert "a roomy" == words.kind
