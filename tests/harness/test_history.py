from __future__ import annotations

from pathlib import Path

import pytest
from histories import call, exchange, history, piece
from hypothesis import given
from hypothesis import strategies as st

from brownout.harness.history import BrokenHistory, Expectation, History, Incident, LogLine, load


def full() -> History:
    """A history with a record of every kind."""
    seen = history(call(), exchange("x1", pieces=[piece(0.5)]))
    seen.logs.append(LogLine(1, "stderr", "a line"))
    seen.events.append(Incident(2, "weather", {"rules": []}))
    seen.expectations.append(Expectation("answered", "calls", ["c1"]))
    return seen


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    """
    A history survives its file, every kind of record included.
    """
    full().save(tmp_path / "deep" / "h.jsonl")

    assert full() == load(tmp_path / "deep" / "h.jsonl")


@given(text=st.text(), message=st.text())
def test_whatever_came_over_the_wire_survives(
    tmp_path_factory: pytest.TempPathFactory, text: str, message: str
) -> None:
    """
    No text, line ends and control characters included, breaks a record out of its line.
    """
    path = tmp_path_factory.mktemp("h") / "h.jsonl"
    seen = history(call(text=text, error="other", message=message), exchange("x1", request_body=text))
    seen.save(path)

    assert seen == load(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b'{"kind":"log","at":1,"source":"a","text":"b"}\n', ":1: the first line"),
        (b"nonsense\n", ":1: not a record"),
    ],
)
def test_a_file_that_is_no_history_says_where(tmp_path: Path, content: bytes, said: str) -> None:
    """
    The error names the file and the line.
    """
    path = tmp_path / "h.jsonl"
    path.write_bytes(content)

    with pytest.raises(BrokenHistory, match=said):
        load(path)


def test_attempts_are_tied_to_calls_by_their_canary() -> None:
    """
    Exchanges of other callers are left out, and the order is that of their beginnings.
    """
    seen = history(call(), exchange("x2", 2.0), exchange("x1", 1.0), exchange("x3", canary="aaaaaa"))

    assert ["x1", "x2"] == [x.id for x in seen.attempts(seen.calls)]
    assert [] == seen.attempts(seen.calls, "secondary")
