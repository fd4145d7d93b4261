"""What a target did that no promise is about, in words: it is told of the run as a whole, beside the verdicts.

A target that answers a call nobody made, or leaves processes behind, is misbehaved and may keep every promise. What it
did is ended and survived by the harness, noted in the history, and would otherwise be seen by nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from .history import Incident

SAID = {
    "answered_twice": "ended a call that it had ended",
    "answered_nobody": "answered a call that nobody had made",
    "bad_event": "wrote events that the line protocol does not know",
    "output_truncated": "wrote more than is kept of its output",
    "line_truncated": "wrote longer lines than are kept",
    "closed_stdout": "closed its standard output",
    "target_died": "died",
    "ignored_term": "did not end in time after TERM, and was killed",
    "left_processes": "left processes behind, which were ended with it",
    "left_running": "has processes that could not be ended",
}
MOST = 3
"""Cases that are named for each."""


class Conduct:
    """Collects what targets did, case by case."""

    def __init__(self) -> None:
        self._cases: dict[str, dict[str, None]] = {}

    def saw(self, case: str, events: Iterable[Incident]) -> None:
        """The events of a target that was run for a case."""
        for event in events:
            if event.what in SAID:
                self._cases.setdefault(event.what, {})[case] = None

    def notes(self) -> list[str]:
        """A sentence for each thing that it did, with the cases in which it did."""
        return [
            f"the target {said}, in {_named(list(self._cases[what]))}"
            for what, said in SAID.items()
            if what in self._cases
        ]


def _named(cases: list[str]) -> str:
    more = f" and {len(cases) - MOST} more" if len(cases) > MOST else ""
    return ", ".join(cases[:MOST]) + more
