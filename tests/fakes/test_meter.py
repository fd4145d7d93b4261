from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from operator import mul
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rawsocket import CANARY, QUICK, Played, RawSocket, chat, play, serving
from scripted import until

from brownout.fakes.answer import Answer, Pace, count_tokens
from brownout.fakes.fake import Fake, Price, price_list
from brownout.fakes.faults import Fault
from brownout.fakes.faults.body import EmptyBody, ErrorInOk, HalfBody, HtmlPage, MalformedJson
from brownout.fakes.faults.compression import Compressed
from brownout.fakes.faults.connection import Cut, HangBeforeHeaders, ResetBeforeHeaders
from brownout.fakes.faults.payload import ReorderedKeys, UnknownFields, WrongTypes
from brownout.fakes.faults.replies import RateLimited, ServerError
from brownout.fakes.faults.segments import JoinedFrames, SplitBytes
from brownout.fakes.journal import Exchange
from brownout.fakes.meter import microdollars

Run = Callable[[Any], Any]

WORDS = [f"{CANARY}-{number}" for number in range(1, 7)]
ALL = count_tokens(" ".join(WORDS))


def price(exchange: Exchange, output: int) -> int:
    """What an exchange costs that wrote so many tokens."""
    model = Fake().find(exchange.model)
    assert model is not None
    return microdollars(model.price, exchange.input_tokens, output, exchange.cached_tokens)


def exchange_of(run: Run, *faults: Fault, **options: Any) -> Exchange:
    """The journal's entry of one exchange."""
    played: Played = run(play(*faults, **options))
    return played.exchange


class TestPrice:
    @pytest.mark.parametrize(
        ("tokens", "expected"),
        [((1_000_000, 0, 0), 150_000), ((0, 1_000_000, 0), 600_000), ((1_000_000, 0, 400_000), 120_000)],
    )
    def test_a_million_tokens_cost_the_list_price(self, tokens: tuple[int, int, int], expected: int) -> None:
        """
        Input, output and cached input cost what the list says, in micro-dollars.
        """
        assert expected == microdollars(Price(0.15, 0.60, 0.075), *tokens)

    @given(st.sampled_from(sorted(price_list())), *[st.integers(0, 10**6)] * 4, st.sampled_from([1.0, 0.5]))
    def test_every_price_of_the_list_is_exact(
        self, name: str, plain: int, cached: int, cache_written: int, output: int, share: float
    ) -> None:
        """
        The sum is rounded once, and is what one works out with the decimal figures of the list.
        """
        price = price_list()[name].price
        figures = (price.input, price.cached, price.cache_write, price.output)
        exact = [Fraction(str(price.input if figure is None else figure)) for figure in figures]
        counts = (plain, cached, cache_written, output)
        expected = round(sum(map(mul, counts, exact)) * Fraction(share))

        prompt = plain + cached + cache_written
        assert expected == microdollars(price, prompt, output, cached, cache_written, share=share)


class TestFairAnswers:
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_whole_answer_is_billed_wholly(self, run: Run, stream: bool) -> None:
        """
        A fair answer, whole or streamed, is a completed one, and costs its input and its whole text.
        """
        exchange = exchange_of(run, stream=stream)

        assert exchange.sent_whole
        assert ALL == exchange.output_tokens
        assert price(exchange, ALL) == exchange.microdollars > 0

    @pytest.mark.parametrize("fault", [RateLimited(), ServerError(), ResetBeforeHeaders(), HangBeforeHeaders()])
    @pytest.mark.parametrize("stream", [False, True])
    def test_what_never_was_a_success_costs_nothing(self, run: Run, fault: Fault, stream: bool) -> None:
        """
        Refused and failed requests, and those whose head never left, are not billed and not whole.
        """
        exchange = exchange_of(run, fault, stream=stream, silence=0.02)

        assert (False, 0, 0) == (exchange.sent_whole, exchange.output_tokens, exchange.microdollars)

    def test_a_refused_key_costs_nothing(self, run: Run) -> None:
        """
        What the provider refuses by itself is not billed.
        """

        async def ask() -> Exchange:
            async with serving() as server:
                raw = RawSocket(server.port)
                await raw.connect()
                await raw.send(chat(server.fake).replace(b"Bearer sk-", b"Bearer no-"))
                await raw.hear()
                raw.close()
            return server.journal[0]

        exchange = run(ask())

        assert (401, "invalid_key", 0) == (exchange.status, exchange.trouble, exchange.microdollars)


class TestBrokenOffAnswers:
    @pytest.mark.parametrize("how", ["fin", "reset", "clean"])
    @pytest.mark.parametrize("chunks", [0, 1, 4, 6])
    def test_a_cut_stream_is_billed_by_what_had_left(self, run: Run, how: Any, chunks: int) -> None:
        """
        A stream that ends early costs its input and the text of the pieces that left, however it ended.
        """
        exchange = exchange_of(run, Cut(chunks, how), stream=True)
        output = count_tokens(" ".join(WORDS[:chunks]))

        assert not exchange.sent_whole
        assert output == exchange.output_tokens
        assert price(exchange, output) == exchange.microdollars

    def test_padding_costs_nothing(self, run: Run) -> None:
        """
        Filler behind the words, of a stream that was cut too, is weight and no tokens.
        """
        exchange = exchange_of(run, Cut(2), stream=True, answer=replace(QUICK, padding=1000))

        assert count_tokens(" ".join(WORDS[:2])) == exchange.output_tokens

    def test_half_an_event_is_no_piece(self, run: Run) -> None:
        """
        A cut inside an event bills the whole events before it.
        """
        exchange = exchange_of(run, Cut(2, "fin", inside="event"), stream=True)

        assert count_tokens(" ".join(WORDS[:2])) == exchange.output_tokens

    def test_a_client_that_leaves_pays_for_what_it_got(self, run: Run) -> None:
        """
        When the client leaves in the middle of a stream, the pieces that had left are billed, and no more.
        """

        async def ask() -> Exchange:
            async with serving(answer=Answer(words=100, pace=Pace(0.0, 0.01))) as server:
                raw = RawSocket(server.port)
                await raw.connect()
                await raw.send(chat(server.fake, stream=True))
                await until(lambda: server.journal and len(server.journal[0].pieces) > 5)
                raw.close()
                await until(lambda: server.journal[0].ended)
            return server.journal[0]

        exchange = run(ask())
        left = sum(piece.part == "delta" for piece in exchange.pieces)
        text = " ".join(f"{CANARY}-{number}" for number in range(1, left + 1))

        assert ("client_left", False) == (exchange.ended, exchange.sent_whole)
        assert count_tokens(text) == exchange.output_tokens
        assert price(exchange, exchange.output_tokens) == exchange.microdollars

    @pytest.mark.parametrize("fault", [Cut(how="fin"), Cut(how="clean"), HalfBody()])
    def test_a_whole_answer_that_is_broken_off_was_written_all_the_same(self, run: Run, fault: Fault) -> None:
        """
        Of an answer that is not streamed all tokens are billed once its first byte has left, and it is not whole.
        """
        exchange = exchange_of(run, fault)

        assert (False, ALL) == (exchange.sent_whole, exchange.output_tokens)


class TestChangedAnswers:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        "fault",
        [
            SplitBytes(7),
            JoinedFrames(),
            UnknownFields(),
            ReorderedKeys(),
            *(Compressed(name) for name in ("gzip", "deflate", "br")),
        ],
    )
    def test_the_same_answer_in_other_bytes_is_whole(self, run: Run, fault: Fault, stream: bool) -> None:
        """
        An answer that was split, joined, compressed or put in another order is a completed one and billed wholly.
        """
        headers = "accept-encoding: gzip, deflate, br\r\n"

        exchange = exchange_of(run, fault, stream=stream, headers=headers, answer=replace(QUICK, unicode=True))

        assert exchange.faults or isinstance(fault, JoinedFrames)
        assert exchange.sent_whole
        assert exchange.output_tokens > ALL

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("fault", "billed"),
        [(HtmlPage(), 0), (ErrorInOk(), 0), (EmptyBody(), 0), (MalformedJson(), ALL), (WrongTypes(), None)],
    )
    def test_something_else_in_its_place_is_not_whole(
        self, run: Run, fault: Fault, billed: int | None, stream: bool
    ) -> None:
        """
        A page, an error, an empty body or broken JSON under a 200 is no completed answer; its input is billed.
        """
        exchange = exchange_of(run, fault, stream=stream)

        assert not exchange.sent_whole
        assert billed in (None, exchange.output_tokens)
        assert price(exchange, exchange.output_tokens) == exchange.microdollars > 0

    def test_compressed_and_cut_is_billed_by_what_can_be_read(self, run: Run) -> None:
        """
        A compressed stream that was cut bills the pieces that had left.
        """
        headers = "accept-encoding: gzip\r\n"

        exchange = exchange_of(run, Cut(3), Compressed(), stream=True, headers=headers)

        assert (False, count_tokens(" ".join(WORDS[:3]))) == (exchange.sent_whole, exchange.output_tokens)
