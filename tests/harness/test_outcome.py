from __future__ import annotations

import pytest
from histories import ANSWER, call, exchange, history

from brownout.harness.outcome import outcome


@pytest.mark.parametrize(
    ("text", "finish", "expected"),
    [
        (ANSWER, "stop", "answered"),
        (ANSWER[:20], "stop", "truncated"),
        (ANSWER[:20], None, "truncated"),
        (ANSWER[:20], "length", "partial"),
        (ANSWER[:20], "MAX_TOKENS", "partial"),
        ("", "content_filter", "partial"),
        ("", "stop", "empty"),
        ("", None, "empty"),
        (ANSWER + ANSWER, "stop", "garbled"),
    ],
)
def test_what_a_caller_experienced_has_a_word(text: str, finish: str | None, expected: str) -> None:
    """
    A part is passed off as whole only where nothing says that it is one, and no text is no part.
    """
    made = call(text=text, finish=finish)

    assert expected == outcome(made, history(made, exchange("x1")))
