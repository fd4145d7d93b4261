from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest
from scripted import until

from brownout.fakes.answer import Answer, Pace
from brownout.fakes.clock import Clock, JumpingClock, RealClock
from brownout.fakes.fake import Fake, Limits
from brownout.fakes.faults import AnyFault
from brownout.fakes.faults.body import EmptyBody, HtmlPage
from brownout.fakes.faults.compression import Compressed
from brownout.fakes.faults.connection import (
    Blackhole,
    CloseBeforeHeaders,
    Cut,
    HangAfterHeaders,
    HangBeforeHeaders,
    Refuse,
    ResetBeforeHeaders,
    ResetOnAccept,
)
from brownout.fakes.faults.replies import RateLimited
from brownout.fakes.faults.segments import SplitBytes
from brownout.fakes.faults.timing import Latency
from brownout.fakes.inprocess import InProcess, InProcessFake
from brownout.fakes.weather import Weather, always, first

WORDS = " ".join(f"abc123-{number}" for number in range(1, 7))
Ask = Callable[..., bytes]
"""Send a chat request, read the whole answer."""


def inside(*faults: AnyFault, clock: Clock | None = None, **fields: Any) -> InProcessFake:
    """A fake in virtual time, and the weather for it."""
    fake = InProcessFake(
        Fake(**fields), clock=clock or JumpingClock(1e9), weather=Weather((always(*faults),) if faults else ())
    )
    fake.answer = Answer(words=6, pace=Pace(0.5, 0.25))
    return fake


def request(fake: InProcessFake, **body: Any) -> dict[str, Any]:
    """The arguments of a chat request."""
    messages = [{"role": "user", "content": "[bo:abc123] hello"}]
    return {
        "method": "POST",
        "url": f"{fake.url}/chat/completions",
        "headers": {"authorization": f"Bearer {fake.fake.keys[0]}"},
        "content": json.dumps({"model": fake.fake.model, "messages": messages, **body}),
    }


def sync(fake: InProcessFake, *, timeout: Any = 10.0, **body: Any) -> httpx.Response:
    """Ask with a synchronous client."""
    with InProcess(fake), httpx.Client(timeout=timeout) as client:
        return client.request(**request(fake, **body))


def asynchronous(fake: InProcessFake, *, timeout: Any = 10.0, **body: Any) -> httpx.Response:
    """Ask with an asynchronous client."""

    async def ask() -> httpx.Response:
        with InProcess(fake):
            async with httpx.AsyncClient(timeout=timeout) as client:
                return await client.request(**request(fake, **body))

    return asyncio.run(ask())


@pytest.fixture(params=[sync, asynchronous])
def ask(request: pytest.FixtureRequest) -> Callable[..., httpx.Response]:
    """Both kinds of client."""
    asking: Callable[..., httpx.Response] = request.param
    return asking


def said(response: httpx.Response) -> str:
    """The text of an answer, whole or streamed."""
    if "json" in response.headers["content-type"]:
        return str(response.json()["choices"][0]["message"]["content"])
    events = [line[6:] for line in response.text.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for event in events for choice in json.loads(event)["choices"])


class TestAnswers:
    @pytest.mark.parametrize("stream", [False, True])
    def test_an_answer_comes_as_over_a_socket(self, ask: Callable[..., httpx.Response], stream: bool) -> None:
        """
        The fair answer comes whole, in as much target time as its pace says, and the journal has it.
        """
        fake = inside()

        response = ask(fake, stream=stream)
        exchange = fake.journal[0]

        assert (200, WORDS) == (response.status_code, said(response))
        assert ("complete", True, "abc123", stream) == (
            exchange.ended,
            exchange.sent_whole,
            exchange.canary,
            exchange.stream,
        )
        assert (exchange.finished or 0) / 1e9 == pytest.approx(0.5 + (6 * 0.25 if stream else 0), abs=0.3)
        assert exchange.microdollars > 0

    def test_pieces_come_one_by_one(self) -> None:
        """
        Each delta is there when it is due, not at the end.
        """
        fake = inside()

        with InProcess(fake), httpx.Client() as client, client.stream(**request(fake, stream=True)) as response:
            times = [fake.seconds() for piece in response.iter_raw() if b"abc123" in piece]

        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert [0.25] * 5 == pytest.approx(gaps)

    def test_compressed_both_ways(self, ask: Callable[..., httpx.Response]) -> None:
        """
        A gzipped request is read and a gzipped answer is what it says.
        """
        fake = inside(Compressed("gzip"))
        sent = request(fake)

        with InProcess(fake), httpx.Client() as client:
            packed = sent | {"content": gzip.compress(sent["content"].encode())}
            packed["headers"] = packed["headers"] | {"content-encoding": "gzip"}
            response = client.request(**packed)

        assert ("gzip", WORDS) == (response.headers["content-encoding"], said(response))

    def test_split_pieces_are_the_same_answer(self, ask: Callable[..., httpx.Response]) -> None:
        """
        An answer that is split into bytes is the same answer.
        """
        assert said(ask(inside(SplitBytes()), stream=True)) == WORDS

    def test_other_hosts_are_none_of_its_business(self) -> None:
        """
        Routes of one's own on the same router answer for other hosts, and a host that nobody knows is refused.
        """
        fake = inside()
        with InProcess(fake) as router:
            router.get("http://elsewhere.test/").respond(418)

            assert 418 == httpx.get("http://elsewhere.test/").status_code
            assert 200 == httpx.request(**request(fake)).status_code
            with pytest.raises(AssertionError):
                httpx.get("http://unknown.test/")

    def test_several_fakes_answer_side_by_side(self) -> None:
        """
        Each fake answers at its own host with its own weather and journal.
        """
        one, other = inside(RateLimited(), name="primary"), inside(name="secondary")

        with InProcess(one, other):
            statuses = [httpx.request(**request(fake)).status_code for fake in (one, other)]

        assert [429, 200] == statuses
        assert [1, 1] == [len(fake.journal) for fake in (one, other)]

    def test_limits_hold(self, ask: Callable[..., httpx.Response]) -> None:
        """
        Quotas are enforced, and a client that waits as it is told gets through.
        """
        clock = JumpingClock(1e9)
        fake = inside(clock=clock, limits=Limits(rpm=1))

        statuses = [ask(fake).status_code for _ in range(2)]
        clock.pause(60)

        assert [200, 429, 200] == [*statuses, ask(fake).status_code]


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "error", "ended"),
        [
            (ResetBeforeHeaders(), httpx.ReadError, "reset"),
            (CloseBeforeHeaders(), httpx.RemoteProtocolError, "closed"),
            (Cut(how="reset"), httpx.ReadError, "reset"),
            (Cut(how="fin"), httpx.RemoteProtocolError, "closed"),
            (HangBeforeHeaders(), httpx.ReadTimeout, "hung"),
            (HangAfterHeaders(), httpx.ReadTimeout, "hung"),
            (Latency(first=11.0), httpx.ReadTimeout, "client_left"),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    def test_what_breaks_on_the_wire_breaks_here(
        self, ask: Callable[..., httpx.Response], fault: AnyFault, error: type[Exception], ended: str, stream: bool
    ) -> None:
        """
        What httpx raises over a socket it raises here, and the journal has the same end.
        """
        fake = inside(fault)

        with pytest.raises(error):
            ask(fake, stream=stream)

        assert ended == fake.journal[0].ended

    @pytest.mark.parametrize(
        ("fault", "error", "seconds"),
        [
            (Refuse(), httpx.ConnectError, 0.0),
            (Blackhole(), httpx.ConnectTimeout, 3.0),
            (ResetOnAccept(), httpx.ReadError, 0.0),
        ],
    )
    def test_doors(
        self, ask: Callable[..., httpx.Response], fault: AnyFault, error: type[Exception], seconds: float
    ) -> None:
        """
        A shut door is met as httpx meets one, after as long as it waits to connect, and no exchange is made of it.
        """
        fake = inside(fault)

        with pytest.raises(error):
            ask(fake, timeout=httpx.Timeout(10.0, connect=3.0))

        assert [] == fake.journal
        assert seconds == pytest.approx(fake.seconds())

    def test_silence_lasts_as_long_as_the_client_waits(self, ask: Callable[..., httpx.Response]) -> None:
        """
        The read timeout counts from the last piece that came, whatever the script had waited before.
        """
        fake = inside(HangBeforeHeaders())

        with pytest.raises(httpx.ReadTimeout):
            ask(fake, timeout=7.0)

        assert 7.0 == pytest.approx(fake.seconds())

    def test_slow_is_not_dead(self, ask: Callable[..., httpx.Response]) -> None:
        """
        A stream whose every gap is below the timeout comes whole, however long it takes.
        """
        fake = inside(Latency(between=9.0))

        assert said(ask(fake, stream=True)) == WORDS
        assert fake.seconds() > 40

    @pytest.mark.parametrize("fault", [HtmlPage(), EmptyBody()])
    def test_other_bodies_pass_as_they_are(self, ask: Callable[..., httpx.Response], fault: AnyFault) -> None:
        """
        What is no answer comes under a 200, as over a socket.
        """
        response = ask(inside(fault))

        assert 200 == response.status_code
        assert WORDS not in response.text

    def test_the_first_attempt_fails_and_the_second_succeeds(self, ask: Callable[..., httpx.Response]) -> None:
        """
        Weather counts attempts as at the server.
        """
        fake = inside()
        fake.weather = Weather((first(1, RateLimited(retry_after=2)),))

        replies = [ask(fake) for _ in range(2)]

        assert [(429, "2"), (200, None)] == [(reply.status_code, reply.headers.get("retry-after")) for reply in replies]


class TestLeaving:
    def test_a_client_that_leaves_is_noticed(self) -> None:
        """
        A client that closes a stream after two pieces has left, and pays for what it got.
        """
        fake = inside()

        with InProcess(fake), httpx.Client() as client, client.stream(**request(fake, stream=True)) as response:
            for piece in response.iter_raw():
                if b"abc123-2" in piece:
                    break

        exchange = fake.journal[0]
        assert ("client_left", False) == (exchange.ended, exchange.sent_whole)
        assert 5 == exchange.output_tokens
        assert exchange.client_closed is not None

    def test_a_task_that_is_cancelled_has_left(self) -> None:
        """
        To cancel a call that waits for its answer leaves the fake with a client that has left.
        """

        async def cancel() -> None:
            with InProcess(fake):
                async with httpx.AsyncClient() as client:
                    calling = asyncio.create_task(client.request(**request(fake)))
                    await until(lambda: fake.journal)
                    calling.cancel()
                    await asyncio.gather(calling, return_exceptions=True)

        fake = inside(clock=RealClock())
        fake.answer = Answer(pace=Pace(first=60.0))
        asyncio.run(cancel())

        assert "client_left" == fake.journal[0].ended

    def test_real_time_is_real(self, ask: Callable[..., httpx.Response]) -> None:
        """
        On the real clock the same script takes the time it says.
        """
        fake = inside(clock=RealClock())
        fake.answer = Answer(words=2, pace=Pace(0.02, 0.01))
        began = fake.seconds()

        ask(fake, stream=True)

        assert 0.03 <= fake.seconds() - began < 5
