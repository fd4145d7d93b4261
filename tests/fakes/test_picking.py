from __future__ import annotations

import json
import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.ask import Request
from brownout.fakes.fake import Fake
from brownout.fakes.faults.connection import Cut
from brownout.fakes.faults.replies import RateLimited
from brownout.fakes.faults.timing import Latency
from brownout.fakes.picking import HEADER, pick, read_fault
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always, first

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "[bo:k7q2x9] hello"}]}


async def asked(server: FakeServer, path: str = "/v1", **headers: str) -> httpx.Response:
    """What a fake says to a chat request."""
    sent = {"authorization": f"Bearer {server.fake.keys[0]}"} | {
        name.replace("_", "-"): headers[name] for name in headers
    }
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}{path}", headers=sent) as client:
        return await client.post("/chat/completions", json=ASK)


class TestReadFault:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("rate_limited", RateLimited()),
            ("rate_limited()", RateLimited()),
            (" rate_limited ( retry_after = 2s ) ", RateLimited(retry_after=2.0)),
            ("rate_limited(retry_after=1.5)", RateLimited(retry_after=1.5)),
            ('rate_limited(retry_after="1m30s")', RateLimited(retry_after=90.0)),
            ("rate_limited(form=date, skew=-5m)", RateLimited(form="date", skew=-300.0)),
            ("cut(chunks=3, how=fin)", Cut(chunks=3, how="fin")),
        ],
    )
    def test_parameters_are_those_of_a_weather_file(self, written: str, meant: object) -> None:
        """
        A fault is written with its parameters, and words need no quotes.
        """
        assert meant == read_fault(written)

    def test_tables_stand_in_parameters(self) -> None:
        """
        A parameter that is a table in a weather file is one here.
        """
        latency = read_fault("latency(first={like=uniform, low=100ms, high=2})")

        assert isinstance(latency, Latency)
        assert "0.1" in repr(latency.first)

    @pytest.mark.parametrize(
        ("written", "said"),
        [
            ("rate_limitd", 'did you mean "rate_limited"?'),
            ("rate_limited(retry_aftr=2s)", 'did you mean "retry_after"?'),
            ("rate_limited(retry_after=soon)", "no duration"),
            ("rate_limited(retry_after=2s", "is no fault: write"),
            ("rate_limited(retry_after=2s} #)", "cannot be read"),
            ("rate_limited(2s)", "cannot be read"),
            ("refuse", "meets connections"),
            ("", "is no fault: write"),
            (f"cut(chunks={'[' * 5000})", "nested too deeply"),
        ],
    )
    def test_what_is_wrong_is_told(self, written: str, said: str) -> None:
        """
        What cannot be picked is told with what would have been right.
        """
        with pytest.raises(ValueError, match=re.escape(said)):
            read_fault(written)

    @given(st.text())
    def test_no_text_breaks_it(self, written: str) -> None:
        """
        Whatever the header says, it is a fault or a ValueError.
        """
        for text in (written, f"cut({written})"):
            picked = pick(Request("GET", "/v1", "", ((HEADER, text),), b""), {})

            assert (picked.fault is None) == (picked.trouble is not None)


class TestServer:
    async def test_a_header_picks_one_fault(self) -> None:
        """
        The exchange whose header names a fault meets that fault instead of the weather, and no other exchange does.
        """
        server = FakeServer(Fake(), weather=Weather((first(1, Cut()),)))
        await server.start()
        try:
            limited = await asked(server, x_brownout_fault="rate_limited(retry_after=7s)")
            fair = await asked(server)
        finally:
            await server.stop()

        assert [(429, "7"), (200, None)] == [(r.status_code, r.headers.get("retry-after")) for r in (limited, fair)]
        assert [("rate_limited",), ()] == [exchange.faults for exchange in server.journal]

    async def test_a_header_that_cannot_be_read_is_refused(self) -> None:
        """
        A header that names no fault gets the dialect's 400 saying what is wrong, and the journal says it too.
        """
        server = FakeServer(Fake(), weather=Weather((always(Cut()),)))
        await server.start()
        try:
            reply = await asked(server, x_brownout_fault="rate_limitd")
        finally:
            await server.stop()

        message = 'x-brownout-fault: there is no fault named "rate_limitd"; did you mean "rate_limited"?'
        assert (400, message) == (reply.status_code, reply.json()["error"]["message"])
        assert ("bad_request", message) == (server.journal[0].trouble, server.journal[0].error)

    async def test_a_prefix_picks_a_named_weather(self) -> None:
        """
        Under `/weather/stormy` a client meets the weather of that name, and the journal keeps the path as it came.
        """
        server = FakeServer(Fake(), named={"stormy": Weather((first(1, RateLimited(retry_after=7)),))})
        await server.start()
        try:
            replies = [await asked(server, "/weather/stormy/v1") for _ in range(2)]
            unknown = await asked(server, "/weather/stormi/v1")
        finally:
            await server.stop()

        assert [429, 200, 404] == [reply.status_code for reply in (*replies, unknown)]
        message = 'There is no weather named "stormi"; did you mean "stormy"?'
        assert message == json.loads(unknown.content)["error"]["message"]
        assert "/weather/stormy/v1/chat/completions" == server.journal[0].path
        assert ("rate_limited",) == server.journal[0].faults
