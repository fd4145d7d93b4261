"""What a scenario expects: data, written into the history before it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .checks import Check
from .checks.answers import answered, ended
from .history import Call, Expectation, History


@dataclass(frozen=True, slots=True)
class Attempts:
    """The exchanges that carry the calls' canaries; None means every exchange there was."""

    calls: tuple[str, ...] | None
    fake: str | None


Subject = Call | Sequence[Call] | Attempts | History


class Expect:
    """Writes down what is to hold; it is judged when the scenario is over."""

    def __init__(self, history: History, subject: Subject) -> None:
        self._history = history
        match subject:
            case Attempts(calls, fake):
                self._of, self._calls, self._fake = "attempts", calls, fake
            case History():
                self._of, self._calls, self._fake = "history", None, None
            case Call():
                self._of, self._calls, self._fake = "calls", (subject.id,), None
            case _:
                self._of, self._calls, self._fake = "calls", tuple(call.id for call in subject), None

    def to(self, check: Check, **params: Any) -> Expect:
        """The check is to find nothing."""
        calls = None if self._calls is None else list(self._calls)
        self._history.expectations.append(Expectation(check.__name__, self._of, calls, self._fake, params))
        return self

    def answered(self) -> Expect:
        """The callers got the whole answer."""
        return self.to(answered)

    def ended(self, within: float | None = None) -> Expect:
        """The callers have an answer or an error by the deadline, or `within` seconds."""
        return self.to(ended, within=self._history.contract.deadline if within is None else within)
