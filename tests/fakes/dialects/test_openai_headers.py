from __future__ import annotations

import re
from dataclasses import replace

import pytest
from speaking import KEY, MESSAGES, Provider

from brownout.fakes.ask import TROUBLES as COMMON
from brownout.fakes.ask import Ask, Trouble
from brownout.fakes.dialects.openai.troubles import TROUBLES, duration, masked
from brownout.fakes.quota import Allowance, QuotaState
from brownout.fakes.script import Head, Headers

LOW = QuotaState(Allowance(500, 499, 0.12), Allowance(30_000, 29_978, 0.044))
FAMILY = ("limit", "remaining", "reset")


def headers_of(ask: Ask, trouble: Trouble | None = None) -> dict[str, str]:
    """The headers of the answer, or of a refusal."""
    ops = ask.dialect.answer(ask) if trouble is None else ask.dialect.trouble(ask, trouble)
    head = next(op for op in ops if isinstance(op, Head))
    names = [name for name, _ in head.headers]
    assert len(names) == len(set(names))
    return dict(head.headers)


@pytest.fixture
def ask() -> Ask:
    """A chat completion of a customer with low limits."""
    return replace(Provider().chat().ask, quota=LOW)


class TestLimitHeaders:
    def test_they_are_on_every_answer(self, ask: Ask) -> None:
        """
        Limit, remaining and reset of both families, the resets as Go writes durations, and who serves whom.
        """
        headers = headers_of(ask)

        assert ("500", "499", "120ms") == tuple(headers[f"x-ratelimit-{each}-requests"] for each in FAMILY)
        assert ("30000", "29978", "44ms") == tuple(headers[f"x-ratelimit-{each}-tokens"] for each in FAMILY)
        assert re.fullmatch("req_[0-9a-f]{32}", headers["x-request-id"])
        assert {"openai-organization", "openai-processing-ms", "openai-version"} <= set(headers)

    @pytest.mark.parametrize(("kind", "family"), [("rate_limited", "requests"), ("rate_limited_tokens", "tokens")])
    def test_a_limit_that_is_hit_shows_nothing_left(self, ask: Ask, kind: str, family: str) -> None:
        """
        On a 429 the family that is used up has nothing remaining, and says when to come back in three ways.
        """
        headers = headers_of(ask, Trouble(kind, retry_after=1.5))

        assert ("0", "1.5s") == (headers[f"x-ratelimit-remaining-{family}"], headers[f"x-ratelimit-reset-{family}"])
        assert ("2", "1500") == (headers["retry-after"], headers["retry-after-ms"])

    @pytest.mark.parametrize("kind", ["invalid_key", "no_key", "forbidden"])
    def test_who_is_not_let_in_learns_nothing(self, ask: Ask, kind: str) -> None:
        """
        A 401 and a 403 have a request id, and neither limits nor the organisation.
        """
        assert {"x-request-id", "content-type", "content-length"} == set(headers_of(ask, Trouble(kind)))

    def test_a_spent_quota_does_not_say_when_to_come_back(self, ask: Ask) -> None:
        """
        No wait helps against a spent quota, so none is named.
        """
        assert not {"retry-after", "retry-after-ms"} & set(headers_of(ask, Trouble("quota_exhausted")))

    def test_a_trouble_s_own_headers_win(self, ask: Ask) -> None:
        """
        Headers that a trouble brings stand in the place of the dialect's.
        """
        own: Headers = (("Retry-After", "7"), ("x-should-retry", "false"))

        headers = headers_of(ask, Trouble("rate_limited", retry_after=1, headers=own))

        assert "7" == headers["Retry-After"]
        assert "retry-after" not in headers

    def test_what_is_not_metered_has_no_limits(self) -> None:
        """
        Lists of models and files come without rate-limit headers.
        """
        assert Provider().get("/v1/models").header("x-ratelimit-limit-requests") is None


class TestMessages:
    def test_every_common_trouble_is_known(self) -> None:
        """
        The dialect renders all troubles that every dialect renders.
        """
        assert set(COMMON) <= set(TROUBLES)

    def test_a_request_limit_says_its_numbers(self, ask: Ask) -> None:
        """
        The message names model, limit, use and the wait, as captured ones do.
        """
        message = ask.dialect.error_envelope(ask, Trouble("rate_limited", retry_after=0.12)).decode()

        assert "Rate limit reached for gpt-4o-mini in organization org-" in message
        assert "on requests per min (RPM): Limit 500, Used 500, Requested 1. Please try again in 120ms." in message

    def test_a_token_limit_adds_up(self, ask: Ask) -> None:
        """
        What was used and what was asked for are more than the limit.
        """
        ask.input_tokens, ask.max_output = 100, 900

        message = ask.dialect.error_envelope(ask, Trouble("rate_limited_tokens")).decode()

        used = re.search(r"on tokens per min \(TPM\): Limit 30000, Used (\d+), Requested 1000\.", message)
        assert used is not None
        assert int(used[1]) + 1000 > 30_000

    def test_a_request_over_the_limit_is_told_that_no_wait_helps(self, ask: Ask) -> None:
        """
        A single request of more tokens than a minute has is called too large.
        """
        ask.input_tokens = 39_143

        message = ask.dialect.error_envelope(ask, Trouble("rate_limited_tokens")).decode()

        assert "Request too large for gpt-4o-mini" in message
        assert "Limit 30000, Requested 39143. The input or output tokens must be reduced" in message

    def test_a_day_s_limit_is_called_one(self, ask: Ask) -> None:
        """
        Where the day's requests are used up, the message speaks of the day.
        """
        ask.quota = replace(LOW, requests_a_day=Allowance(200, 0, 3600.0))

        message = ask.dialect.error_envelope(ask, Trouble("rate_limited", retry_after=3600)).decode()

        assert "on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 1h0m0s." in message

    def test_a_message_of_one_s_own_stands(self, ask: Ask) -> None:
        """
        A trouble's own message, parameter and code are said as they are, braces included.
        """
        trouble = Trouble("bad_request", "no {such} thing", param="p", code="c")

        envelope = ask.dialect.error_envelope(ask, trouble)

        said = b'{"message":"no {such} thing","type":"invalid_request_error","param":"p","code":"c"}'
        assert b'{"error":' + said + b"}" == envelope

    @pytest.mark.parametrize(
        ("status", "kind", "type_"),
        [(404, "server_error", "invalid_request_error"), (500, "bad_request", "invalid_request_error")],
    )
    def test_a_foreign_status_is_sent(self, ask: Ask, status: int, kind: str, type_: str) -> None:
        """
        A trouble sent with another status has that status, and looks like that status's own where there is one.
        """
        ops = ask.dialect.trouble(ask, Trouble(kind, status=status))

        assert isinstance(ops[0], Head)
        assert status == ops[0].status
        assert type_.encode() in ask.dialect.error_envelope(ask, Trouble(kind, status=status))

    @pytest.mark.parametrize(("kind", "status"), [("too_large", 413), ("bad_gateway", 502), ("timeout", 504)])
    def test_the_edge_speaks_html(self, ask: Ask, kind: str, status: int) -> None:
        """
        What the edge refuses comes as a page, not as JSON.
        """
        headers = headers_of(ask, Trouble(kind))

        assert "text/html" == headers["content-type"]
        assert status == TROUBLES[kind].status


class TestDuration:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0s"),
            (0.02, "20ms"),
            (0.12, "120ms"),
            (1, "1s"),
            (8.64, "8.64s"),
            (90.951, "1m30.951s"),
            (360, "6m0s"),
            (3600, "1h0m0s"),
            (0.0001, "1ms"),
            (-3, "0s"),
        ],
    )
    def test_it_is_written_as_go_writes_it(self, seconds: float, text: str) -> None:
        """
        Durations come as captured headers have them, and never shorter than they are.
        """
        assert text == duration(seconds)


class TestMasked:
    @pytest.mark.parametrize("key", [KEY, "sk-1234567890abcdef", "short", "", "x" * 17])
    def test_a_key_is_never_repeated(self, key: str) -> None:
        """
        No more than the first eight and the last four characters of a long key are shown, and none of a short one.
        """
        shown = masked(key)

        assert len(key) == len(shown)
        assert len(shown.replace("*", "")) <= (12 if len(key) > 16 else 0)


class TestEmbeddings:
    @pytest.mark.parametrize(
        ("given", "tokens"), [("abcd", 1), (["abcd", "efghi"], 3), ([1, 2, 3], 3), ([[1, 2], [3]], 3)]
    )
    def test_usage_counts_every_input(self, given: object, tokens: int) -> None:
        """
        Texts are counted by the stated estimate and tokens one by one, and so the meter bills them.
        """
        spoken = Provider().post("/v1/embeddings", {"model": "text-embedding-3-small", "input": given})

        assert {"prompt_tokens": tokens, "total_tokens": tokens} == spoken.json["usage"]
        assert tokens == spoken.ask.input_tokens

    @pytest.mark.parametrize(
        "body",
        [{"input": ""}, {"input": []}, {"input": [""]}, {"input": ["a"] * 2049}, {"input": "a", "dimensions": 9999}],
        ids=["empty", "no inputs", "empty input", "too many", "too wide"],
    )
    def test_what_cannot_be_embedded_is_refused(self, body: dict[str, object]) -> None:
        """
        Inputs that the API does not take are a 400.
        """
        assert 400 == Provider().post("/v1/embeddings", {"model": "text-embedding-3-small", **body}).status

    def test_an_input_over_the_window_is_refused(self) -> None:
        """
        A text with more tokens than the model reads is a context-length error.
        """
        body = {"model": "text-embedding-3-small", "input": "x" * 40_000}

        assert "context_length_exceeded" == Provider().post("/v1/embeddings", body).json["error"]["code"]


class TestKeys:
    @pytest.mark.parametrize("key", [KEY, None, "sk-wrong"])
    def test_a_refused_key_comes_before_everything_but_the_path(self, key: str | None) -> None:
        """
        A wrong key hears of the key whatever else is wrong, and the canary of its request is known all the same.
        """
        spoken = Provider().ask("POST", "/v1/chat/completions", b'{"messages": [{"content": "[bo:k7q2x9]"}]}', key=key)

        assert (400 if key == KEY else 401) == spoken.status
        assert "k7q2x9" == spoken.ask.canary

    def test_the_path_comes_before_the_key(self) -> None:
        """
        A target that is wired to a wrong path is told so, with any key.
        """
        assert 404 == Provider().ask("POST", "/chat/completions", b"{}", key=None).status

    def test_messages_are_read_whatever_the_key(self) -> None:
        """
        The texts of a request that is refused for its key are journalled.
        """
        body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say it. [bo:k7q2x9]"}]}'

        assert (MESSAGES[0]["content"],) == Provider().ask("POST", "/v1/chat/completions", body, key=None).ask.texts
