from __future__ import annotations

from typing import Literal

import pytest
from rawsocket import Play

from brownout.fakes.faults.answers import NoChoices, NoText, NullContent, StopReason


@pytest.mark.parametrize("stream", [False, True])
class TestAnswers:
    @pytest.mark.parametrize("reason", ["length", "content_filter"])
    def test_the_reason_is_on_the_wire(
        self, play: Play, reason: Literal["length", "content_filter"], stream: bool
    ) -> None:
        """
        The answer is the beginning of the fair one, ends with the reason, and is billed for what it says.
        """
        played = play(StopReason(reason), stream=stream)

        assert "open" == played.heard.how
        assert [reason] == played.heard.finishes
        assert played.heard.words
        assert played.fair.words.startswith(played.heard.words)
        assert played.fair.words != played.heard.words
        assert len(played.heard.words) // 4 <= played.exchange.output_tokens <= len(played.heard.words) // 4 + 1

    def test_no_text_is_a_proper_answer(self, play: Play, stream: bool) -> None:
        """
        The answer ends properly, for the usual reason, without a word.
        """
        played = play(NoText(), stream=stream)

        assert ("open", "", ["stop"]) == (played.heard.how, played.heard.words, played.heard.finishes)
        assert ("no_text",) == played.exchange.faults

    def test_no_choices_is_an_empty_list(self, play: Play, stream: bool) -> None:
        """
        The list of choices is there and has nothing in it.
        """
        played = play(NoChoices(), stream=stream)

        assert ("open", []) == (played.heard.how, played.heard.finishes)
        assert b"choices" in played.heard.body

    def test_null_content_is_null(self, play: Play, stream: bool) -> None:
        """
        Where the text belongs stands null, and the answer ends for the usual reason.
        """
        played = play(NullContent(), stream=stream)

        assert ["stop"] == played.heard.finishes
        assert b'"content":null' in played.heard.body.replace(b": ", b":")
        assert b"abc123" not in played.heard.body
