"""What a fault means in every dialect: whoever adds a dialect adds its `Language`, and has these for nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import rawsocket
from hypothesis import example, given
from hypothesis import strategies as st
from languages import LANGUAGES, WRITING, Language

from brownout.fakes.answer import CANARY, Answer, Pace, find_canary
from brownout.fakes.ask import TROUBLES, Ask, Trouble
from brownout.fakes.dialects import NAMES, dialect
from brownout.fakes.fake import secret
from brownout.fakes.faults import Fault
from brownout.fakes.faults.answers import NoChoices, NoText, NullContent, StopReason
from brownout.fakes.faults.body import ErrorInOk, MalformedJson
from brownout.fakes.faults.connection import Cut
from brownout.fakes.faults.framing import Comments, Framing, Pings, RetryFields, UnknownEvents
from brownout.fakes.faults.payload import ReorderedKeys, UnknownFields, UnknownValues
from brownout.fakes.faults.replies import Status
from brownout.fakes.faults.segments import JoinedFrames, SplitBytes, SplitCharacters
from brownout.fakes.faults.stream import DroppedEvents, DuplicatedEvents, GarbageEvent, MidstreamError, NoFinish
from brownout.fakes.script import End, Head, Script
from brownout.harness.targets.sse import EventReader

HARMLESS: list[Fault] = [
    Comments(),
    Pings(),
    RetryFields(),
    UnknownEvents(),
    Framing("crlf"),
    Framing("cr"),
    Framing("no_space"),
    Framing("multi_line"),
    Framing("bom"),
    UnknownFields(),
    UnknownValues(),
    ReorderedKeys(),
    SplitBytes(piece_bytes=7),
    SplitCharacters(pause=0.0),
    JoinedFrames(),
]
SAYS = Answer(words=6, unicode=True, pace=Pace(0.0, 0.0))


class Saying:
    """A fault that says no with any trouble."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, self.trouble)


def play(language: Language, *faults: Any, **options: Any) -> rawsocket.Played:
    """One exchange."""
    return asyncio.run(rawsocket.play(*faults, language=language, **options))


def numbers(words: str) -> list[int]:
    """The numbers of the words that came, in order."""
    return [int(word.rpartition("-")[2]) for word in words.split()]


def test_every_dialect_has_a_language() -> None:
    """
    No dialect is without the tests of this file.
    """
    assert set(NAMES) == {language.dialect for language in WRITING.values()}
    assert set(NAMES) <= set(WRITING)


@pytest.mark.parametrize("language", WRITING.values(), ids=WRITING)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
class TestAnswers:
    @pytest.mark.parametrize("fault", HARMLESS, ids=repr)
    def test_what_harms_nobody_keeps_the_text(self, language: Language, fault: Fault, stream: bool) -> None:
        """
        The text and the reason for its end are the fair ones, and the answer counts as sent whole.
        """
        played = play(language, fault, answer=SAYS, stream=stream)

        assert (SAYS.whole("abc123"), played.fair.finishes) == (played.heard.words, played.heard.finishes)
        assert played.exchange.sent_whole

    @pytest.mark.parametrize("reason", ["length", "content_filter"])
    def test_the_reason_is_the_provider_s_own_word(self, language: Language, reason: Any, stream: bool) -> None:
        """
        Half the answer ends for the reason asked for, as the provider calls it, and is billed for what it says.
        """
        played = play(language, StopReason(reason), stream=stream)
        spoken = dialect(language.dialect).finishes[reason]

        assert played.heard.words
        assert played.fair.words.startswith(played.heard.words)
        assert played.fair.words != played.heard.words
        assert played.heard.finishes != played.fair.finishes
        assert [spoken] == played.heard.finishes or language.dialect != language_name(language)
        assert len(played.heard.words) // 4 <= played.exchange.output_tokens <= len(played.heard.words) // 4 + 1

    def test_no_text_is_a_proper_answer(self, language: Language, stream: bool) -> None:
        """
        The answer ends properly, for the usual reason, without a word.
        """
        played = play(language, NoText(), stream=stream)

        assert ("open", "", played.fair.finishes) == (played.heard.how, played.heard.words, played.heard.finishes)

    @pytest.mark.parametrize("fault", [NoChoices(), NullContent()], ids=repr)
    def test_a_hollow_answer_says_nothing(self, language: Language, fault: Fault, stream: bool) -> None:
        """
        The message ends properly, and no word of the answer is in it.
        """
        played = play(language, fault, stream=stream)

        assert ("open", 200) == (played.heard.how, played.heard.status)
        assert b"abc123-" not in played.heard.body
        assert played.heard.body
        assert 0 == played.exchange.output_tokens

    def test_an_error_under_200_is_the_provider_s_own(self, language: Language, stream: bool) -> None:
        """
        The body is the same error, under a status that says all is well.
        """
        under_500 = play(language, Status(500), stream=stream).heard
        under_200 = play(language, ErrorInOk(), stream=stream).heard

        assert (500, 200) == (under_500.status, under_200.status)
        assert language.error(under_500.body)[0] == language.error(under_200.body)[0]


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
class TestTroubles:
    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    def test_every_trouble_is_a_refusal(self, language: Language, kind: str) -> None:
        """
        It has a status of 400 or more and a body, and the connection serves the next request. Prompts alone may be
        refused in a 200 that says why there is no answer.
        """
        played = play(language, Saying(Trouble(kind)))
        refused_in_200 = kind == "content_policy" and language.blocks

        assert played.heard.status is not None
        assert played.heard.status == 200 if refused_in_200 else played.heard.status >= 400
        assert played.heard.body
        assert language.blocks.encode() in played.heard.body or not refused_in_200
        assert 200 == played.again.status

    @pytest.mark.parametrize("kind", ["rate_limited", "rate_limited_tokens", "server_error", "unavailable"])
    def test_retry_after_is_sent_when_it_is_said(self, language: Language, kind: str) -> None:
        """
        Told when to come back, the dialect says so in some way of its own; a message of one's own stands as it is.
        """
        fair, said = (
            play(language, Saying(Trouble(kind, "no {such} thing", retry_after=wait))).heard for wait in (None, 7.0)
        )

        assert fair.data != said.data
        assert b"no {such} thing" in said.body

    def test_an_unknown_path_is_the_provider_s_404(self, language: Language) -> None:
        """
        It is journalled as an unknown route that was refused.
        """
        fake = language.fake()
        request = language.request(fake, "x")
        spoken = dialect(fake.dialect)
        wrong = spoken.read(type(request)("POST", "/nothing/here", "", request.headers, request.body), fake)

        assert wrong.trouble is not None
        assert ("unknown", "not_found") == (wrong.route, wrong.trouble.kind)
        ops = list(spoken.trouble(wrong, wrong.trouble))
        assert [404] == [op.status for op in ops if isinstance(op, Head)]


@pytest.mark.parametrize("language", WRITING.values(), ids=WRITING)
class TestStreams:
    @pytest.mark.parametrize("kind", ["server_error", "rate_limited", "overloaded", "quota_exhausted"])
    def test_an_error_is_the_last_event(self, language: Language, kind: str) -> None:
        """
        After the words asked for comes the provider's error, then the proper end of the HTTP message.
        """
        played = play(language, MidstreamError(chunks=2, kind=kind), stream=True)

        assert "open" == played.heard.how
        assert [1, 2] == numbers(played.heard.words)
        assert not played.exchange.sent_whole
        assert played.heard.pieces
        if (
            language.dialect != "bedrock"
        ):  # its frames say it in their headers; Amazon's own parser reads them elsewhere
            told, message = language.error(EventReader().feed(played.heard.body)[-1].data.encode())
            assert told
            assert message

    def test_garbage_takes_the_place_of_a_piece(self, language: Language) -> None:
        """
        The piece is lost, all others come, and the answer does not count as sent whole.
        """
        played = play(language, GarbageEvent(chunks=3), stream=True)

        assert [1, 2, 3, 5, 6] == numbers(played.heard.words)
        assert not played.exchange.sent_whole

    def test_malformed_json_breaks_one_piece(self, language: Language) -> None:
        """
        The first word cannot be read.
        """
        assert [2, 3, 4, 5, 6] == numbers(play(language, MalformedJson(), stream=True).heard.words)

    def test_pieces_are_dropped_and_repeated(self, language: Language) -> None:
        """
        Each piece carries one word.
        """
        dropped = play(language, DroppedEvents(chunks=1, count=2), stream=True).heard
        repeated = play(language, DuplicatedEvents(chunks=1, count=2), stream=True).heard

        assert [1, 4, 5, 6] == numbers(dropped.words)
        assert [1, 2, 2, 3, 3, 4, 5, 6] == numbers(repeated.words)

    def test_without_its_finish_no_reason_is_given(self, language: Language) -> None:
        """
        All words come, the reason for the end does not.
        """
        played = play(language, NoFinish(), stream=True)

        assert ([], played.fair.words) == (played.heard.finishes, played.heard.words)

    @pytest.mark.parametrize("how", ["clean", "fin", "reset"])
    def test_a_cut_stream_has_no_end(self, language: Language, how: Any) -> None:
        """
        Of six words three come and neither the reason for the end nor the stream's own end; three words are billed.
        """
        played = play(language, Cut(chunks=3, how=how), stream=True)
        came = b"".join(played.heard.chunks)

        assert [1, 2, 3] == numbers(language.words(came, streamed=True))
        assert [] == language.finishes(came, streamed=True)
        assert not language.sentinel or language.sentinel not in came
        assert not played.exchange.sent_whole
        assert played.exchange.output_tokens < 12


@pytest.mark.parametrize("language", WRITING.values(), ids=WRITING)
def test_a_stream_says_what_the_whole_answer_says(language: Language) -> None:
    """
    Asked whole and asked in pieces, the model says the same and ends for the same reason.
    """
    whole, streamed = (play(language, stream=stream, answer=SAYS).heard for stream in (False, True))

    assert (whole.words, whole.finishes) == (streamed.words, streamed.finishes)
    assert json.loads(whole.body)


@pytest.mark.parametrize("language", WRITING.values(), ids=WRITING)
@given(
    text=st.text(),
    canary=st.from_regex(CANARY, fullmatch=True),
    stream=st.booleans(),
    most=st.integers(16, 1024),
    number=st.integers(1, 99),
)
@example(text="Say it. ", canary="[bo:abc123]", stream=True, most=77, number=1)
def test_an_ask_is_read_as_it_was_written(
    language: Language, text: str, canary: str, stream: bool, most: int, number: int
) -> None:
    """
    Model, text, canary, key, limit and whether it is streamed are those of the request; the script ends properly.
    """
    fake = language.fake(keys=(secret(number),))
    said = f"{text}{canary}"
    request = language.request(fake, said, stream=stream, most=most)
    ask = dialect(fake.dialect).read(request, fake)

    assert None is ask.trouble
    assert (fake.model, stream, most, fake.keys[0]) == (ask.model, ask.stream, ask.max_output, ask.key)
    assert (said,) == ask.texts
    assert canary.removeprefix("[bo:").removesuffix("]") == find_canary(ask.texts)
    assert isinstance(list(ask.dialect.answer(ask))[-1], End)


def language_name(language: Language) -> str:
    """The name under which a language is known."""
    return next(name for name, each in LANGUAGES.items() if each is language)
