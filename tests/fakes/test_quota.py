from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
import virtual
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.fakes.fake import Fake, Limits
from brownout.fakes.quota import DAY, UNLIMITED_RPM, Bucket, Exceeded, Quota
from brownout.fakes.server import FakeServer

KEY, MODEL = "key", "model"


class TestBucket:
    def test_it_fills_evenly(self) -> None:
        """
        Sixty a minute is one a second: an emptied bucket holds ten after ten seconds, and never more than sixty.
        """
        bucket = Bucket(60, 0.0)
        bucket.take(60, 0.0)

        assert [0, 1, 10, 60] == [int(bucket.level(now)) for now in (0.0, 1.0, 10.0, 1000.0)]

    def test_who_waits_as_told_is_served(self) -> None:
        """
        What is missing is there again after exactly the time that was told, and not a thousandth earlier.
        """
        bucket = Bucket(500, 0.0)
        bucket.take(500, 0.0)
        told = bucket.wait(1, 0.0)

        assert told == pytest.approx(0.12)
        assert told is not None
        assert bucket.wait(1, told - 0.001) != 0
        assert 0 == bucket.wait(1, told)

    def test_more_than_the_limit_never_comes(self) -> None:
        """
        For what is more than the whole bucket no wait helps.
        """
        assert Bucket(10, 0.0).wait(11, 0.0) is None

    def test_a_window_is_all_that_may_come_at_once(self) -> None:
        """
        Six hundred a minute in windows of two seconds are twenty at once, and ten a second.
        """
        bucket = Bucket(600, 0.0, 2.0)
        bucket.take(20, 0.0)

        assert [0, 10, 20, 20] == [int(bucket.level(now)) for now in (0.0, 1.0, 2.0, 60.0)]
        assert bucket.wait(21, 60.0) is None

    def test_another_window_keeps_what_was_used(self) -> None:
        """
        A limit that is halved, window and all, leaves as much less as was used before.
        """
        bucket = Bucket(600, 0.0, 2.0)
        bucket.take(15, 0.0)
        bucket.resize(300, 0.0, 2.0)

        assert -5 == bucket.level(0.0)

    def test_another_limit_keeps_what_was_used(self) -> None:
        """
        A limit that is halved leaves as much less as was used before.
        """
        bucket = Bucket(100, 0.0)
        bucket.take(30, 0.0)
        bucket.resize(50, 0.0)

        assert 20 == bucket.level(0.0)


class TestQuota:
    @given(st.integers(1, 40), st.lists(st.floats(0, 5), min_size=1, max_size=120))
    def test_no_minute_sees_more_than_it_may(self, rpm: int, gaps: list[float]) -> None:
        """
        Whatever the times of the requests, none of their spans admits more than the limit and what flowed in meanwhile.
        """
        quota, now, admitted = Quota(Limits(rpm=rpm)), 0.0, []
        for gap in gaps:
            now += gap
            if quota.admit(KEY, MODEL, 1, now, now) is None:
                admitted.append(now)

        for first, start in enumerate(admitted):
            for count, end in enumerate(admitted[first:], 1):
                assert count <= rpm + (end - start) * rpm / 60 + 1e-3

    @given(
        st.integers(1, 5000),
        st.sampled_from([0.5, 2.0, 10.0, 60.0]),
        st.lists(st.tuples(st.sampled_from([0.0, 0.01, 0.3, 2.0]), st.integers(1, 90)), min_size=1, max_size=80),
    )
    def test_no_window_sees_more_tokens_than_it_may(
        self, tpm: int, window: float, asks: list[tuple[float, int]]
    ) -> None:
        """
        Whatever comes at the same moment, no span admits more tokens than a window's and what flowed in meanwhile; and
        what is refused would have been too much.
        """
        quota, now, admitted = Quota(Limits(tpm=tpm, window=window)), 0.0, [(0.0, 0)]
        holds, rate = max(1.0, tpm * window / 60), tpm / 60
        level, seen = holds, 0.0
        for gap, tokens in asks:
            now += gap
            level, seen = min(holds, level + (now - seen) * rate), now
            if quota.admit(KEY, MODEL, tokens, now, now) is None:
                admitted.append((now, tokens))
                level -= tokens
                assert level > -1e-3
            else:
                assert level < tokens

        for first, (start, _) in enumerate(admitted):
            for count, (end, _) in enumerate(admitted[first:], first + 1):
                assert sum(tokens for _, tokens in admitted[first:count]) <= holds + (end - start) * rate + 1e-3

    def test_refused_requests_count_nothing(self) -> None:
        """
        Who keeps on asking while refused is served as early as who waits.
        """
        quota = Quota(Limits(rpm=1))

        answers = [quota.admit(KEY, MODEL, 1, now, now) for now in (0.0, 1.0, 59.0, 60.0)]

        assert [None, Exceeded("requests", 59.0, 1), Exceeded("requests", 1.0, 1), None] == [
            answer
            if answer is None
            else Exceeded(answer.dimension, round(answer.retry_after or 0, 3), answer.requested)
            for answer in answers
        ]

    def test_tokens_are_counted_with_their_reservation(self) -> None:
        """
        Requests that reserve more than is left wait for as long as it takes, and one above the limit for ever.
        """
        quota = Quota(Limits(tpm=600))

        assert quota.admit(KEY, MODEL, 500, 0.0, 0.0) is None
        exceeded = quota.admit(KEY, MODEL, 200, 0.0, 0.0)
        assert exceeded is not None
        assert ("tokens", 200) == (exceeded.dimension, exceeded.requested)
        assert 10.0 == pytest.approx(exceeded.retry_after or 0)
        assert Exceeded("tokens", None, 601) == quota.admit(KEY, MODEL, 601, 0.0, 0.0)
        assert 100 == quota.state(KEY, MODEL, 0.0, 0.0).tokens.remaining

    def test_what_was_written_beyond_the_reservation_is_counted(self) -> None:
        """
        Tokens that come on top when the answer is over take from what is left, below nothing if need be.
        """
        quota = Quota(Limits(tpm=60))
        quota.admit(KEY, MODEL, 10, 0.0, 0.0)
        quota.settle(KEY, MODEL, 110, 0.0)

        assert 0 == quota.state(KEY, MODEL, 0.0, 0.0).tokens.remaining
        assert Exceeded("tokens", pytest.approx(61.0), 1) == quota.admit(KEY, MODEL, 1, 0.0, 0.0)

    def test_a_day_ends_at_midnight(self) -> None:
        """
        The day's limit is counted by the calendar day of UTC, and the wait that is told ends at midnight.
        """
        quota, evening = Quota(Limits(rpd=2)), 10 * DAY - 100

        answers = [quota.admit(KEY, MODEL, 1, now, evening + now) for now in (0.0, 1.0, 2.0, 99.9, 100.0)]

        assert [None, None, Exceeded("day", 98.0, 1)] == answers[:3]
        assert answers[3] is not None
        assert answers[4] is None

    def test_keys_and_models_have_their_own(self) -> None:
        """
        What one key uses up of one model is there for another key and for another model.
        """
        quota = Quota(Limits(rpm=1))

        admitted = [quota.admit(key, model, 1, 0.0, 0.0) is None for key in "ab" for model in "xy" for _ in range(2)]

        assert [True, False] * 4 == admitted

    def test_without_limits_nothing_is_refused_and_numbers_are_told(self) -> None:
        """
        A fake without limits admits everything, and tells the allowances of a well-paying customer going down.
        """
        quota = Quota(Limits())
        admitted = [quota.admit(KEY, MODEL, 10**6, 0.0, 0.0) for _ in range(UNLIMITED_RPM + 1)]
        state = quota.state(KEY, MODEL, 0.0, 0.0)

        assert {None} == set(admitted)
        assert (0, 0, None) == (state.requests.remaining, state.tokens.remaining, state.requests_a_day)

    def test_limits_can_change(self) -> None:
        """
        When a limit comes into force mid-way, what was used before is counted.
        """
        quota = Quota(Limits())
        for _ in range(5):
            quota.admit(KEY, MODEL, 1, 0.0, 0.0)
        quota.change(Limits(rpm=6), 0.0)

        assert [True, False] == [quota.admit(KEY, MODEL, 1, 0.0, 0.0) is None for _ in range(2)]


class TestServer:
    @pytest.mark.slow
    @settings(max_examples=20)
    @given(st.integers(1, 20), st.lists(st.tuples(st.sampled_from([0.0, 0.1, 1.0]), st.integers(1, 12)), max_size=6))
    def test_headers_and_refusals_are_those_of_one_bucket(self, holds: int, crowds: list[tuple[float, int]]) -> None:
        """
        However many ask at once, as many are served as the bucket holds, and the headers of those count it down.
        """

        async def ask() -> list[tuple[list[int], int]]:
            clock = virtual.VirtualClock()
            server = FakeServer(Fake(limits=Limits(rpm=holds * 30, window=2.0)), clock=clock)
            await server.start()
            headers = {"authorization": f"Bearer {server.fake.keys[0]}"}
            body = {"model": server.fake.model, "messages": [{"role": "user", "content": "hello"}]}
            seen = []
            async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=1e6) as client:
                for pause, callers in crowds:
                    # Time jumps while sockets are waited for: all that is known of the bucket is that it is full.
                    await clock.sleep(60.0 + pause)
                    made = [client.build_request("POST", "/chat/completions", json=body) for _ in range(callers)]
                    replies = [await client.send(request) for request in made[:1]]
                    replies += await asyncio.gather(*map(client.send, made[1:]))
                    assert {reply.headers["x-ratelimit-limit-requests"] for reply in replies} == {str(holds * 30)}
                    left = [int(x.headers["x-ratelimit-remaining-requests"]) for x in replies if x.status_code == 200]
                    seen.append((sorted(left, reverse=True), sum(x.status_code == 429 for x in replies)))
            await server.stop()
            return seen

        for (_, callers), (left, refused) in zip(crowds, virtual.run(ask()), strict=True):
            assert callers == len(left) + refused
            assert len(left) >= min(callers, holds)
            assert left[0] == holds - 1
            assert refused == 0 or left[-1] <= 1

    def test_the_limit_is_exact_however_many_ask_at_once(self) -> None:
        """
        Of forty requests at once a limit of seven a minute serves seven, tells all others when to come back, and who
        comes back then is served.
        """

        async def ask() -> tuple[Counter[int], list[float], int, dict[str, Any]]:
            clock = virtual.VirtualClock()
            server = FakeServer(Fake(limits=Limits(rpm=7)), clock=clock)
            await server.start()
            headers = {"authorization": f"Bearer {server.fake.keys[0]}"}
            body = {"model": server.fake.model, "messages": [{"role": "user", "content": "hello"}]}
            async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=1e6) as client:
                replies = await asyncio.gather(*(client.post("/chat/completions", json=body) for _ in range(40)))
                refused = [reply for reply in replies if reply.status_code == 429]
                waits = [float(reply.headers["retry-after"]) for reply in refused]
                await clock.sleep(max(waits))
                again = await client.post("/chat/completions", json=body)
            await server.stop()
            assert [exchange.trouble for exchange in server.journal].count("rate_limited") == len(refused)
            return Counter(reply.status_code for reply in replies), waits, again.status_code, dict(refused[0].headers)

        statuses, waits, again, headers = virtual.run(ask())

        assert {200: 7, 429: 33} == statuses
        assert all(0 < wait <= 60 / 7 + 1 for wait in waits)
        assert 200 == again
        assert ("7", "0") == (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"])
