"""Two generations of the official client with their own defaults: how often they ask and how long they wait.

The newest is the one that is installed. The older one still sends the first version of the API; it is fetched into a
folder of its own when it is wanted, and where it cannot be had its tests are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
from languages import LANGUAGES
from older import Calls, calling, fetched
from speaking import KEY, serving

from brownout.fakes.faults import AnyFault
from brownout.fakes.faults.body import HtmlPage
from brownout.fakes.faults.connection import Cut, ResetBeforeHeaders
from brownout.fakes.faults.replies import Overloaded, QuotaExhausted, RateLimited, ServerError, Status
from brownout.fakes.faults.stream import GarbageEvent, MidstreamError
from brownout.fakes.journal import Exchange
from brownout.fakes.weather import Weather, always

OLDER = "anthropic==0.125.0"
WHOLE = "k7q2x9-1 k7q2x9-2 k7q2x9-3 k7q2x9-4 k7q2x9-5 k7q2x9-6"
BACKOFF = ((0.375, 0.5), (0.75, 1.0))
"""Between which seconds the waits lie where nobody says how long: half a second, doubled, up to a quarter less."""


RUNNING = ExitStack()
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    """Nothing is left running."""
    yield
    RUNNING.close()
    program.cache_clear()


@cache
def program(path: str) -> Calls:
    """The client in a process of its own, which calls as often as it is told to."""
    return RUNNING.enter_context(calling("anthropic_waits.py", path))


@pytest.fixture(params=["newest", "older"])
def path(request: pytest.FixtureRequest) -> str:
    """What is put in front of the client's path."""
    return "" if request.param == "newest" else fetched(OLDER, "distro", "sniffio")


def called(path: str, *faults: AnyFault, stream: bool = False) -> tuple[dict[str, Any], list[Exchange]]:
    """What a client says of one call, and what the fake has seen of it."""
    with serving(LANGUAGES["anthropic"].fake()) as server:
        server.weather = Weather((always(*faults),) if faults else ())
        return program(path)(url=server.url, key=KEY, stream=stream), list(server.journal)


class TestBothGenerations:
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_fair_answer_is_heard(self, path: str, stream: bool) -> None:
        """
        The text and the stop reason are those sent; each sends its own version of the API and its own key header.
        """
        said, (exchange,) = called(path, stream=stream)
        sent = dict(exchange.request_headers)

        assert (WHOLE, "end_turn") == (said["text"], said["stop"])
        assert ("2023-06-01" if path else "2026-10-21") == sent["anthropic-version"]
        assert ("x-api-key" if path else "authorization") in sent
        assert 200 == exchange.status

    @pytest.mark.parametrize(
        "fault",
        [*map(Status, (408, 409, 429, 500, 502, 503, 504, 529)), HtmlPage(502), ResetBeforeHeaders()],
        ids=lambda fault: getattr(fault, "status", None) or type(fault).__name__,
    )
    def test_what_may_pass_is_tried_three_times(self, path: str, fault: AnyFault) -> None:
        """
        Three attempts, with the waits of the documentation between them.
        """
        said, seen = called(path, fault)

        assert 3 == len(seen)
        assert said["error"]
        for wait, (least, most) in zip(said["waits"], BACKOFF, strict=True):
            assert least <= wait <= most

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
    def test_what_is_final_is_tried_once(self, path: str, status: int) -> None:
        """
        One attempt.
        """
        assert 1 == len(called(path, Status(status))[1])

    def test_a_spend_limit_is_tried_again_though_it_cannot_help(self, path: str) -> None:
        """
        Three attempts, because the status is that of a rate limit.
        """
        said, seen = called(path, QuotaExhausted(kind="enforced_spend_limit_reached"))

        assert 3 == len(seen)
        assert "RateLimitError" in said["classes"]

    def test_short_hints_are_obeyed(self, path: str) -> None:
        """
        Both wait as long as they are asked to, in seconds, in fractions of them, and in milliseconds.
        """
        assert [2, 2] == called(path, RateLimited(retry_after=2))[0]["waits"]
        assert [0.5, 0.5] == called(path, RateLimited(retry_after=0.5))[0]["waits"]
        assert [1.5, 1.5] == called(path, RateLimited(retry_after=1.5, form="ms"))[0]["waits"]

    @pytest.mark.parametrize("seconds", [61, 600])
    def test_long_hints_part_the_generations(self, path: str, seconds: int) -> None:
        """
        The newest waits as long as it is asked to, without a cap; the older one goes by its own backoff past a minute.
        """
        waits = called(path, RateLimited(retry_after=seconds))[0]["waits"]

        assert waits == [seconds, seconds] if not path else max(waits) <= 1.0

    def test_x_should_retry_is_obeyed(self, path: str) -> None:
        """
        `false` forbids what would be tried again, `true` asks for what would not.
        """
        assert 1 == len(called(path, ServerError(should_retry=False))[1])
        assert 3 == len(called(path, Status(400, should_retry=True))[1])

    def test_a_stream_that_ends_early_is_passed_off_as_whole(self, path: str) -> None:
        """
        Where HTTP ends properly, neither raises: the message has no stop reason, and that is all.
        """
        said, seen = called(path, Cut(3, how="clean"), stream=True)

        assert (1, None, None) == (len(seen), said["error"], said["stop"])
        assert WHOLE.startswith(said["text"])

    @pytest.mark.parametrize(
        ("fault", "raised"),
        [
            (Cut(3, how="fin"), "RemoteProtocolError"),
            (Cut(3, how="reset"), "ReadError"),
            (GarbageEvent(3), "JSONDecodeError"),
            (MidstreamError(3, "overloaded"), "APIStatusError"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_broken_stream_raises_and_is_not_tried_again(self, path: str, fault: AnyFault, raised: str) -> None:
        """
        One attempt, and the transport's own exception or the client's.
        """
        said, seen = called(path, fault, stream=True)

        assert (1, raised) == (len(seen), said["error"])

    def test_overload_has_a_class_of_its_own(self, path: str) -> None:
        """
        A 529 is an `OverloadedError`; to the newest, and not to the older one, that is an `InternalServerError` too.
        """
        said, _ = called(path, Overloaded())

        assert ("OverloadedError", 529) == (said["error"], said["status"])
        assert (not path) == ("InternalServerError" in said["classes"])
