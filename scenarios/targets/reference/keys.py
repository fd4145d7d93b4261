"""A provider's keys: one is used until the provider calls it invalid, then the next.

A dead key rests. Only when no key anywhere is alive is one of them tried again, since it may have been restored.
"""

from __future__ import annotations

from collections.abc import Sequence


class Ring:
    """The keys of one provider."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._live = list(keys)
        self._dead: list[str] = []

    @property
    def alive(self) -> bool:
        """Whether there is a key that has not been refused."""
        return bool(self._live)

    def next(self) -> str:
        """The key to use: the first that is alive, or else the one that has been dead for longest."""
        return (self._live or self._dead)[0]

    def bury(self, key: str) -> bool:
        """The provider has called a key invalid; whether another is left to try."""
        (self._live if key in self._live else self._dead).remove(key)
        self._dead.append(key)
        return self.alive
