"""Which failures are worth another try, and when."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from .errors import AttemptFailed

MAX_ATTEMPTS = 4
TRANSIENT = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
KINDS = {401: "unauthorized", 403: "unauthorized", 408: "timeout", 413: "context", 429: "rate_limited"}
CODES = {
    "context_length_exceeded": "context",
    "content_policy_violation": "content_policy",
    "content_filter": "content_policy",
    "invalid_prompt": "content_policy",
    "insufficient_quota": "provider",
    "model_not_found": "provider",
}


class Budget:
    """Retries that all calls together may make.

    Each retry takes a token and each success puts one back, so a few failures are retried freely and a total outage is
    not multiplied by the number of attempts.
    """

    def __init__(self, tokens: int = 40) -> None:
        self._most = self._tokens = tokens

    def take(self) -> bool:
        """Whether one more retry is allowed."""
        if self._tokens == 0:
            return False
        self._tokens -= 1
        return True

    def put_back(self) -> None:
        """A call has succeeded."""
        self._tokens = min(self._most, self._tokens + 1)


def backoff(retry: int) -> float:
    """Seconds before the n-th retry: 1, 2, 4, and up to as much again at random, so that callers spread out."""
    return float(2 ** (retry - 1)) * (1 + random.random())


def pause(retry: int, failure: AttemptFailed) -> float:
    """Seconds before the n-th retry: as long as the provider asked for, and a little more, or the usual."""
    if failure.wait is not None:
        return failure.wait + random.uniform(0.05, 0.5)
    return backoff(retry)


def refused(status: int, headers: Mapping[str, str], error: Mapping[str, object]) -> AttemptFailed:
    """What a reply that is no answer means."""
    names = {str(error.get("code")), str(error.get("type"))}
    kind = next((CODES[name] for name in CODES if name in names), None)
    retry = status in TRANSIENT and kind is None
    if headers.get("x-should-retry") in {"true", "false"}:
        retry = headers["x-should-retry"] == "true"
    usual = KINDS.get(status, "provider" if status >= 500 else "invalid")
    down = kind is None and (status >= 500 or status == 408)
    return AttemptFailed(kind or usual, retry=retry, wait=asked_to_wait(headers), down=down)


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds the provider asked to be left alone for; None where it did not, or made no sense.

    A date is read by the provider's own clock, which need not agree with ours.
    """
    hints = (_number(headers.get("retry-after-ms"), 0.001), _number(headers.get("retry-after"), 1.0), _date(headers))
    hint = max((hint for hint in hints if hint is not None), default=None)
    return hint if hint is None or hint > 0 else None


def _number(value: str | None, unit: float) -> float | None:
    try:
        number = float(value or "") * unit
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(headers: Mapping[str, str]) -> float | None:
    until, now = _moment(headers.get("retry-after")), _moment(headers.get("date"))
    return None if until is None else until - (time.time() if now is None else now)


def _moment(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError):
        return None
