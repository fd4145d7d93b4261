"""An older generation of the official clients, in what it does otherwise than the newest one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
from languages import LANGUAGES
from older import Calls, calling, fetched
from speaking import KEY, serving

from brownout.fakes.faults import AnyFault
from brownout.fakes.faults.connection import Cut
from brownout.fakes.faults.replies import RateLimited, Unavailable
from brownout.fakes.faults.stream import MidstreamError
from brownout.fakes.weather import Weather, always

pytestmark = pytest.mark.slow
WHOLE = "k7q2x9-1 k7q2x9-2 k7q2x9-3 k7q2x9-4 k7q2x9-5 k7q2x9-6"
OPENAI_1, OPENAI_2 = "openai==1.109.1", "openai==2.54.0"
GOOGLE, COHERE, MISTRAL = "google-genai==1.75.0", "cohere==5.21.1", "mistralai==1.12.4"
SPEAKS = {OPENAI_1: "openai", OPENAI_2: "openai", GOOGLE: "gemini", COHERE: "cohere", MISTRAL: "mistral"}
FOLDERS: dict[str, Callable[[], str]] = {
    OPENAI_1: lambda: fetched(OPENAI_1, "distro", "sniffio"),
    OPENAI_2: lambda: fetched(OPENAI_2, "distro", "sniffio"),
    GOOGLE: lambda: fetched(GOOGLE),
    COHERE: lambda: fetched(COHERE),
    MISTRAL: lambda: fetched(MISTRAL, alone=False),
}
BACKOFF = ((0.375, 0.5), (0.75, 1.0))


@pytest.fixture(scope="module")
def program() -> Iterator[Callable[[str], Calls]]:
    """The process of a client."""
    with ExitStack() as running:
        yield cache(lambda client: running.enter_context(calling("older_clients.py", FOLDERS[client]())))


@pytest.fixture
def called(program: Callable[[str], Calls]) -> Callable[..., tuple[dict[str, Any], list[str]]]:
    """What a client says of one call, and on which paths it has asked."""

    def call(client: str, *faults: AnyFault, stream: bool = False) -> tuple[dict[str, Any], list[str]]:
        ask = program(client)
        language = LANGUAGES[SPEAKS[client]]
        with serving(language.fake()) as server:
            server.weather = Weather((always(*faults),) if faults else ())
            said = ask(speaks=SPEAKS[client], url=server.url, key=KEY, model=language.model, stream=stream)
            return said, [exchange.path for exchange in server.journal]

    return call


def between(waits: list[float], *expected: tuple[float, float]) -> bool:
    """Whether each wait is as long as it should be."""
    return len(waits) == len(expected) and all(
        least <= wait <= most for wait, (least, most) in zip(waits, expected, strict=True)
    )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", SPEAKS)
def test_a_fair_answer_is_heard(client: str, stream: bool, called: Any) -> None:
    """
    What the fakes say is heard by every generation.
    """
    said, paths = called(client, stream=stream)

    assert (None, WHOLE, 1) == (said["error"], said["text"], len(paths))


@pytest.mark.parametrize(("client", "attempts"), [(OPENAI_1, 3), (OPENAI_2, 3), (COHERE, 3), (GOOGLE, 1), (MISTRAL, 1)])
def test_a_refusal_is_tried_again_as_often_as_was_measured(client: str, attempts: int, called: Any) -> None:
    """
    Google's and Mistral's clients never try again by themselves.
    """
    said, paths = called(client, Unavailable())

    assert said["error"] is not None
    assert attempts == len(paths)
    assert attempts - 1 == len(said["waits"])


class TestOpenAI:
    @pytest.mark.parametrize("hint", ["61", "121"])
    def test_the_first_generation_ignores_what_is_longer_than_a_minute(self, hint: str, called: Any) -> None:
        """
        It waits as if nobody had asked.
        """
        said, paths = called(OPENAI_1, RateLimited(literal=hint))

        assert 3 == len(paths)
        assert between(said["waits"], *BACKOFF), said["waits"]

    def test_the_second_waits_for_two_minutes_and_no_longer(self, called: Any) -> None:
        """
        Beyond that it gives up at once.
        """
        patient, _ = called(OPENAI_2, RateLimited(literal="61"))
        given_up, paths = called(OPENAI_2, RateLimited(literal="121"))

        assert [61.0, 61.0] == patient["waits"]
        assert ([], 1, "RateLimitError") == (given_up["waits"], len(paths), given_up["error"])

    @pytest.mark.parametrize("client", [OPENAI_1, OPENAI_2])
    def test_a_cut_stream_raises_what_the_transport_raises(self, client: str, called: Any) -> None:
        """
        The newest generation has an exception of its own for that.
        """
        said, _ = called(client, Cut(3, how="fin"), stream=True)

        assert "RemoteProtocolError" == said["error"]
        assert "httpx.TransportError" in said["classes"]


class TestOthers:
    def test_googles_asks_in_the_beta_of_the_api(self, called: Any) -> None:
        """
        The newest asks in `v1`.
        """
        _, (path,) = called(GOOGLE)

        assert path.startswith("/v1beta/")

    def test_coheres_knows_no_milliseconds(self, called: Any) -> None:
        """
        `retry-after-ms` is nothing to it: it waits a second, then two.
        """
        said, paths = called(COHERE, RateLimited(retry_after=1.5, form="ms"))

        assert 3 == len(paths)
        assert between(said["waits"], (0.9, 1.1), (1.8, 2.2)), said["waits"]

    def test_mistrals_takes_an_error_in_a_stream_for_a_wrong_event(self, called: Any) -> None:
        """
        It raises what validates its events, and nothing of its own.
        """
        said, _ = called(MISTRAL, MidstreamError(2, "overloaded"), stream=True)

        assert "ValidationError" == said["error"]
        assert "mistralai.MistralError" not in said["classes"]
