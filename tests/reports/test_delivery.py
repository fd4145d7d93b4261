from __future__ import annotations

from brownout.reports.delivery import deliveries
from brownout.reports.story import Call, Exchange, Story

ANSWER = " ".join(f"abcdef-{n}" for n in range(1, 25))


def got(text: str, **fields: object) -> Story:
    """A caller that was told the text is its answer."""
    call = Call("c1", "abcdef", text=text, ended=1, **fields)  # type: ignore[arg-type]  # fields of a call
    return Story(calls=[call], exchanges=[Exchange("x1", canary="abcdef", answer=ANSWER)])


def test_the_whole_answer_needs_no_words() -> None:
    """
    A caller that got an exchange's whole answer is not told of.
    """
    assert deliveries(got(ANSWER)) == []


def test_a_caller_that_was_told_is_not_deceived() -> None:
    """
    A part that came with an error, or that its caller did not wait for, is passed off as nothing.
    """
    assert deliveries(got("abcdef-1", error="provider")) == []
    assert deliveries(got("abcdef-1", cancelled=1)) == []


def test_lost_words_are_counted_and_shown() -> None:
    """
    Of a truncated answer the report says how many words were lost, and which.
    """
    (found,) = deliveries(got("abcdef-1 abcdef-2", finish="stop"))

    assert "The answer had 24 words; c1 got 2 words, 22 lost, and was told that it ended with stop." == found.sentence
    assert [("same", "abcdef-1 abcdef-2")] == [(run.kind, run.text) for run in found.runs[:1]]
    assert "… 14 words …" in found.runs[1].text


def test_repeated_and_foreign_words_are_counted_and_shown() -> None:
    """
    Words that came twice, or from elsewhere, are marked as such.
    """
    (found,) = deliveries(got(f"{ANSWER} abcdef-24 zzzzzz-1"))

    assert "2 that nobody sent or that came twice" in found.sentence
    assert ("added", "abcdef-24 zzzzzz-1") == (found.runs[-1].kind, found.runs[-1].text)


def test_other_spaces_are_named() -> None:
    """
    An answer whose words are all there and whose spaces are not is told as that.
    """
    (found,) = deliveries(got(ANSWER.replace(" ", "  ")))

    assert "with other spaces between them" in found.sentence
