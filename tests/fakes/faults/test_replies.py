from __future__ import annotations

import asyncio
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import rawsocket
import virtual
from languages import LANGUAGES
from rawsocket import Play

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.faults import Fault
from brownout.fakes.faults.replies import (
    ContentPolicy,
    ContextLength,
    Forbidden,
    InvalidKey,
    ModelGone,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    ServerError,
    Status,
    TooLarge,
    Unavailable,
)


class TestRetryAfter:
    def test_no_hint_is_no_header(self, play: Play) -> None:
        """
        A 429 that is to give no hint has neither `Retry-After` nor `retry-after-ms`.
        """
        played = play(RateLimited())

        assert ("open", 429) == (played.heard.how, played.heard.status)
        assert not {"retry-after", "retry-after-ms"} & played.heard.headers.keys()
        assert ("rate_limited",) == played.exchange.faults

    @pytest.mark.parametrize("form", ["seconds", "ms", "date", "own"])
    @pytest.mark.parametrize(("by", "family"), [("requests", "requests"), ("tokens", "tokens")])
    def test_nothing_else_tells_another_time(self, by: Any, family: str, form: Any) -> None:
        """
        In whatever form the hint comes, the provider's words and the time at which its limits are full again agree.
        """
        openai, azure, anthropic = (
            asyncio.run(rawsocket.play(RateLimited(by=by, retry_after=7, form=form), language=LANGUAGES[name])).heard
            for name in ("openai", "azure_openai", "anthropic")
        )
        reset = datetime.fromisoformat(anthropic.headers[f"anthropic-ratelimit-{family}-reset"])

        assert "7s" == openai.headers[f"x-ratelimit-reset-{family}"]
        assert b"Please try again in 7s." in openai.body
        assert "7" == azure.headers[f"x-ratelimit-reset-{family}"]
        assert b"Please retry after 7 seconds." in azure.body
        assert 5.0 <= (reset - parsedate_to_datetime(anthropic.headers["date"])).total_seconds() <= 8.0

    @pytest.mark.parametrize(
        ("fault", "header", "literally"),
        [
            (RateLimited(retry_after=10), "retry-after", "10"),
            (RateLimited(retry_after=0.5), "retry-after", "0.5"),
            (RateLimited(retry_after=1.5, form="ms"), "retry-after-ms", "1500"),
            (RateLimited(literal="banana"), "retry-after", "banana"),
            (RateLimited(literal=""), "retry-after", ""),
            (RateLimited(literal="-5"), "retry-after", "-5"),
            (RateLimited(literal="1e309"), "retry-after", "1e309"),
            (RateLimited(literal="3000000"), "retry-after", "3000000"),
            (RateLimited(literal_ms="nan"), "retry-after-ms", "nan"),
            (Unavailable(retry_after=10), "retry-after", "10"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_the_hint_is_literally_there(self, play: Play, fault: Fault, header: str, literally: str) -> None:
        """
        The hint stands in its header just as it was asked for, and the other header does not come.
        """
        headers = play(fault).heard.headers

        assert {header: literally} == {name: value for name, value in headers.items() if name.startswith("retry-after")}

    def test_a_provider_can_say_it_its_own_way(self, play: Play) -> None:
        """
        OpenAI itself says it in both headers.
        """
        headers = play(RateLimited(retry_after=3, form="own")).heard.headers

        assert ("3", "3000") == (headers["retry-after"], headers["retry-after-ms"])

    def test_hints_can_disagree(self, play: Play) -> None:
        """
        `Retry-After` and `retry-after-ms` come side by side and say different things.
        """
        headers = play(RateLimited(retry_after=10, literal_ms="250")).heard.headers

        assert ("10", "250") == (headers["retry-after"], headers["retry-after-ms"])

    @pytest.mark.parametrize("skew", [0.0, 300.0, -300.0])
    def test_a_date_is_ahead_of_the_servers_own_clock(self, skew: float) -> None:
        """
        An HTTP-date is twelve seconds after `Date`, and `Date` is off the true time by the skew.
        """
        fault = RateLimited(retry_after=12, form="date", skew=skew)
        headers = virtual.run(rawsocket.play(fault, clock=virtual.VirtualClock())).heard.headers
        date, back = (parsedate_to_datetime(headers[name]).timestamp() for name in ("date", "retry-after"))

        assert (virtual.EPOCH + skew, 12.0) == (date, back - date)

    def test_a_date_can_lie_in_the_past(self, play: Play) -> None:
        """
        A negative wait as an HTTP-date is a date before `Date`.
        """
        headers = play(RateLimited(retry_after=-60, form="date")).heard.headers
        date, back = (parsedate_to_datetime(headers[name]) for name in ("date", "retry-after"))

        assert -60 == (back - date).total_seconds()

    def test_there_is_one_date(self, play: Play) -> None:
        """
        A skewed `Date` takes the place of the true one.
        """
        head = play(RateLimited(skew=300)).heard.data.partition(b"\r\n\r\n")[0].lower()

        assert 1 == head.count(b"\r\ndate:")

    @pytest.mark.parametrize(("should", "literally"), [(True, "true"), (False, "false")])
    def test_x_should_retry_is_literally_there(self, play: Play, should: bool, literally: str) -> None:
        """
        `x-should-retry` says what it was asked to, under any status.
        """
        heard = play(Status(409, should_retry=should)).heard

        assert (409, literally) == (heard.status, heard.headers["x-should-retry"])


class TestStatus:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("fault", "status"),
        [
            (ServerError(), 500),
            (ServerError(502), 502),
            (Unavailable(), 503),
            (Overloaded(), 503),
            (InvalidKey(), 401),
            (Forbidden(), 403),
            (ModelGone(), 404),
            (TooLarge(), 413),
            (ContentPolicy(), 400),
            (QuotaExhausted(), 429),
            (RateLimited(by="tokens"), 429),
            *((Status(status), status) for status in (400, 401, 403, 404, 408, 409, 413, 418, 422, 429, 500, 502, 503)),
            *((Status(status), status) for status in (504, 520, 529, 599)),
        ],
        ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
    )
    def test_the_status_is_on_the_wire(self, play: Play, fault: Fault, status: int, stream: bool) -> None:
        """
        The status comes with a whole body, whether a stream was asked for or not, and fair weather after it.
        """
        played = play(fault, stream=stream)

        assert ("open", status) == (played.heard.how, played.heard.status)
        assert played.heard.body
        assert not played.heard.chunked
        assert played.again.words.endswith("abc123-6")

    def test_the_refusal_takes_as_long_as_the_answer_would(self) -> None:
        """
        The head of a refusal comes when the head of the fair answer would have come.
        """
        slow = Answer(pace=Pace(first=15.0))
        heard = virtual.run(rawsocket.play(ServerError(), answer=slow, clock=virtual.VirtualClock())).heard

        assert 15.0 == pytest.approx(heard.seconds)


class TestMeaning:
    @pytest.mark.parametrize(
        ("fault", "field", "value"),
        [
            (QuotaExhausted(), "code", "insufficient_quota"),
            (RateLimited(), "code", "rate_limit_exceeded"),
            (RateLimited(), "type", "requests"),
            (RateLimited(by="tokens"), "type", "tokens"),
            (InvalidKey(), "code", "invalid_api_key"),
            (ModelGone(), "code", "model_not_found"),
            (ContextLength(forced=True), "code", "context_length_exceeded"),
            (Overloaded(), "code", "server_is_overloaded"),
        ],
        ids=lambda value: value if isinstance(value, str) else type(value).__name__,
    )
    def test_the_provider_says_it_in_its_own_words(self, play: Play, fault: Fault, field: str, value: str) -> None:
        """
        The error has the code or type that OpenAI documents for it.
        """
        assert value == play(fault).heard.json["error"][field]


class TestContextLength:
    LONG = "word " * 400 + "[bo:abc123]"

    def test_what_fits_is_answered(self, play: Play) -> None:
        """
        A request within the window meets no fault.
        """
        played = play(ContextLength(window=1000), max_tokens=100)

        assert 200 == played.heard.status
        assert () == played.exchange.faults

    @pytest.mark.parametrize(("text", "max_tokens"), [(LONG, 10), ("short [bo:abc123]", 600)], ids=["input", "output"])
    def test_what_does_not_fit_is_refused(self, play: Play, text: str, max_tokens: int) -> None:
        """
        A request whose input and output together exceed the window is refused, whichever of them is too large.
        """
        played = play(ContextLength(window=500), text=text, max_tokens=max_tokens)

        assert 400 == played.heard.status
        assert "context_length_exceeded" == played.heard.json["error"]["code"]
        assert ("context_length",) == played.exchange.faults

    def test_forced_refuses_the_shortest(self, play: Play) -> None:
        """
        A request that fits is refused too when that is forced.
        """
        assert 400 == play(ContextLength(forced=True)).heard.status
