from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from speaking import KEY, NOW, claude

from brownout.fakes.answer import Answer
from brownout.fakes.ask import TROUBLES as COMMON
from brownout.fakes.ask import Ask, Trouble
from brownout.fakes.dialects.anthropic.troubles import TROUBLES
from brownout.fakes.quota import Allowance, QuotaState
from brownout.fakes.script import Head, Headers
from brownout.harness.targets.sse import EventReader

LOW = QuotaState(Allowance(50, 49, 1.2), Allowance(40_000, 38_499, 2.4))
FAMILIES = ("requests", "tokens", "input-tokens", "output-tokens")


def headers_of(ask: Ask, trouble: Trouble | None = None) -> dict[str, str]:
    """The headers of the answer, or of a refusal."""
    ops = ask.dialect.answer(ask) if trouble is None else ask.dialect.trouble(ask, trouble)
    head = next(op for op in ops if isinstance(op, Head))
    names = [name for name, _ in head.headers]
    assert len(names) == len(set(names))
    return dict(head.headers)


@pytest.fixture
def ask() -> Ask:
    """A message of a customer with low limits."""
    return replace(claude().message().ask, quota=LOW)


class TestLimitHeaders:
    def test_they_are_on_every_answer(self, ask: Ask) -> None:
        """
        Limit, remaining and reset of all four families, tokens to the thousand, resets as dates in UTC.
        """
        headers = headers_of(ask)

        def said(what: str) -> list[str]:
            return [headers[f"anthropic-ratelimit-{family}-{what}"] for family in FAMILIES]

        assert ["50", "40000", "40000", "40000"] == said("limit")
        assert ["49", "38000", "38000", "38000"] == said("remaining")
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", reset) for reset in said("reset"))
        assert NOW + 1.2 <= datetime.fromisoformat(said("reset")[0]).timestamp() < NOW + 2.2
        assert re.fullmatch("req_011[A-Z2-7]{22}", headers["request-id"])
        assert headers["anthropic-organization-id"]

    @pytest.mark.parametrize(
        ("kind", "spent"), [("rate_limited", ("requests",)), ("rate_limited_tokens", ("tokens", "input-tokens"))]
    )
    def test_a_limit_that_is_hit_shows_nothing_left(self, ask: Ask, kind: str, spent: tuple[str, ...]) -> None:
        """
        On a 429 the families that are used up have nothing remaining, until the time that `retry-after` says.
        """
        headers = headers_of(ask, Trouble(kind, retry_after=1.5))
        left = [family for family in FAMILIES if headers[f"anthropic-ratelimit-{family}-remaining"] == "0"]

        assert list(spent) == left
        assert "2" == headers["retry-after"]
        assert (
            headers[f"anthropic-ratelimit-{spent[0]}-reset"] > headers["anthropic-ratelimit-output-tokens-reset"][:10]
        )

    @pytest.mark.parametrize("kind", ["invalid_key", "no_key", "forbidden"])
    def test_who_is_not_let_in_learns_nothing(self, ask: Ask, kind: str) -> None:
        """
        A 401 and a 403 have a request id, and neither limits nor the organisation.
        """
        assert {"request-id", "content-type", "content-length"} == set(headers_of(ask, Trouble(kind)))

    @pytest.mark.parametrize("kind", ["quota_exhausted", "billing", "enforced_spend_limit_reached", "overloaded"])
    def test_no_hint_where_no_wait_is_known(self, ask: Ask, kind: str) -> None:
        """
        Spent money and overload come without `retry-after`.
        """
        assert "retry-after" not in headers_of(ask, Trouble(kind))

    def test_a_trouble_s_own_headers_win(self, ask: Ask) -> None:
        """
        Headers that a trouble brings stand in the place of the dialect's.
        """
        own: Headers = (("Retry-After", "7"),)

        assert "7" == headers_of(ask, Trouble("rate_limited", retry_after=1, headers=own))["Retry-After"]

    def test_what_is_not_metered_has_no_limits(self) -> None:
        """
        The list of models comes without rate-limit headers, and with a request id.
        """
        spoken = claude().get("/v1/models")

        assert spoken.header("anthropic-ratelimit-requests-limit") is None
        assert spoken.header("request-id") is not None


class TestMessages:
    def test_every_common_trouble_is_known(self) -> None:
        """
        The dialect renders all troubles that every dialect renders.
        """
        assert set(COMMON) <= set(TROUBLES)

    def test_a_limit_says_its_numbers(self, ask: Ask) -> None:
        """
        The message names the limit, of requests a minute, of requests a day or of tokens.
        """
        daily = replace(ask, quota=replace(LOW, requests_a_day=Allowance(1000, 0, 3600.0)))

        def said(ask: Ask, kind: str) -> str:
            return str(json.loads(ask.dialect.error_envelope(ask, Trouble(kind)))["error"]["message"])

        assert "of 50 requests per minute." in said(ask, "rate_limited")
        assert "of 1,000 requests per day." in said(daily, "rate_limited")
        assert "of 40,000 input tokens per minute." in said(ask, "rate_limited_tokens")

    @pytest.mark.parametrize(
        ("status", "kind", "type_"), [(402, "bad_request", "billing_error"), (599, "server_error", "api_error")]
    )
    def test_a_foreign_status_is_sent(self, ask: Ask, status: int, kind: str, type_: str) -> None:
        """
        A trouble sent with another status has that status, and looks like that status's own where there is one.
        """
        ops = ask.dialect.trouble(ask, Trouble(kind, status=status))

        assert isinstance(ops[0], Head)
        assert status == ops[0].status
        assert type_.encode() in ask.dialect.error_envelope(ask, Trouble(kind, status=status))

    def test_a_code_stands_in_the_details(self, ask: Ask) -> None:
        """
        A code of the trouble's own names the cause.
        """
        error = json.loads(ask.dialect.error_envelope(ask, Trouble("bad_request", "no", code="c")))["error"]

        assert {"type": "invalid_request_error", "message": "no", "details": {"error_code": "c"}} == error


class TestKeys:
    @pytest.mark.parametrize("key", [KEY, None, "sk-wrong"])
    @pytest.mark.parametrize("newest", [False, True])
    def test_a_refused_key_comes_before_everything_but_the_path(self, key: str | None, newest: bool) -> None:
        """
        A wrong key hears of the key whatever else is wrong, and the canary of its request is known all the same.
        """
        spoken = claude(newest=newest).ask("POST", "/v1/messages", b'{"messages":[{"content":"[bo:k7q2x9]"}]}', key=key)

        assert (400 if key == KEY else 401) == spoken.status
        assert "k7q2x9" == spoken.ask.canary

    def test_the_path_comes_before_the_key(self) -> None:
        """
        A target that is wired to a wrong path is told so, with any key.
        """
        assert 404 == claude().ask("POST", "/v1/chat/completions", b"{}", key=None).status


class TestStreams:
    @given(st.lists(st.integers(1, 4000), max_size=12), st.booleans())
    def test_any_split_parses_to_the_same_events(self, cuts: list[int], tools: bool) -> None:
        """
        Wherever a stream's bytes are cut, they are the same events.
        """
        spoken = claude(Answer(words=5, unicode=True)).message(stream=True)
        reader, body, at = EventReader(), spoken.body, 0
        found = []
        for cut in sorted(cuts):
            found += reader.feed(body[at:cut])
            at = max(at, min(cut, len(body)))
        found += reader.feed(body[at:])

        assert spoken.events == found

    def test_the_parts_are_named(self) -> None:
        """
        Each piece of the text is a delta, what comes before it is the opening, and the stream's own end is last.
        """
        parts = claude(Answer(words=2, reasoning_tokens=9)).message(stream=True, thinking={"type": "adaptive"}).parts
        thought = ["opening"] * 2 + ["comment"] + ["opening"] * 4

        assert [*thought, "opening", "delta", "delta", "finish", "finish", "sentinel"] == parts

    def test_usage_is_cumulative(self) -> None:
        """
        A stream begins with what was read and ends with all that was used.
        """
        chunks = claude(Answer(words=6, cached_tokens=1)).message(stream=True).chunks
        first, last = chunks[0]["message"]["usage"], chunks[-2]["usage"]

        assert 1 == first["output_tokens"]
        assert {name: first[name] for name in last if "input" in name} == {n: last[n] for n in last if "input" in n}
        assert last["output_tokens"] > 1

    def test_it_is_the_same_however_often_it_is_rendered(self) -> None:
        """
        The same request gives the same bytes, and another attempt another identifier.
        """
        provider = claude()

        assert claude().message(stream=True).body == claude().message(stream=True).body
        assert provider.message().json["id"] != provider.message().json["id"]
