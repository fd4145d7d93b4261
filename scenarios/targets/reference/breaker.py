"""A provider that keeps failing is left alone, and then tried again gently.

    closed      requests pass; `failures` of them in a row open it, and so does an `error_rate` among those of the last
                `window` seconds, once there are `minimum` of them
    open        none pass for `cooldown` seconds, and callers are told at once
    half open   `probes` pass; when all of these have succeeded it is closed, and the first that fails opens it again

Only what says that the provider is unwell counts as a failure: its errors, its silence, answers and streams that break
off. A request that it calls wrong and a rate limit say that it lives, and nothing else. What began before the breaker
opened does not close it, nor keep it open for longer.

Cooldown and window are short here, so that nobody waits long to see what they do; a minute each is usual.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import AttemptFailed


@dataclass
class Breaker:
    """Lets attempts at one provider pass, or not, by how those before them went."""

    failures: int = 5
    error_rate: float = 0.5
    window: float = 8.0
    minimum: int = 10
    cooldown: float = 3.0
    probes: int = 1

    def __post_init__(self) -> None:
        self._opened: float | None = None
        self._close()

    @property
    def closed(self) -> bool:
        """Whether everything passes."""
        return self._opened is None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """One attempt, from its first byte to its last; a failed one at once where none may pass."""
        opened = self._opened
        if opened is not None:
            self._let_pass(opened)
        try:
            yield
        except (AttemptFailed, TimeoutError) as failure:
            if self._opened == opened and getattr(failure, "down", True):
                self._failed()
            raise
        else:
            if self._opened == opened:
                self._succeeded()
        finally:
            if opened is not None and self._opened == opened:
                self._probing -= 1

    def _let_pass(self, opened: float) -> None:
        """Count a probe, or refuse it."""
        cooling = time.monotonic() < opened + self.cooldown
        if cooling or self._probing + self._proved >= self.probes:
            raise AttemptFailed("provider", retry=False, sent=False)
        self._probing += 1

    def _succeeded(self) -> None:
        if self._opened is not None:
            self._proved += 1
            if self._proved == self.probes:
                self._close()
            return
        self._in_a_row = 0
        self._remember(failed=False)

    def _failed(self) -> None:
        if self._opened is None:
            self._in_a_row += 1
            self._remember(failed=True)
            if self._in_a_row < self.failures and not self._too_many():
                return
        self._open()

    def _remember(self, *, failed: bool) -> None:
        now = time.monotonic()
        self._recent.append((now, failed))
        while self._recent[0][0] < now - self.window:
            self._recent.popleft()

    def _too_many(self) -> bool:
        failed = sum(failed for _, failed in self._recent)
        return len(self._recent) >= self.minimum and failed >= self.error_rate * len(self._recent)

    def _open(self) -> None:
        self._opened = time.monotonic()
        self._probing = self._proved = 0

    def _close(self) -> None:
        self._opened = None
        self._in_a_row = self._probing = self._proved = 0
        self._recent: deque[tuple[float, bool]] = deque()
