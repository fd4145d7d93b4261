"""What a provider lets a key do: token buckets for requests and tokens a minute, a count for requests a day.

A bucket holds as much as its limit gives in its window, which is a minute where nothing else is said, and fills evenly:
a limit of 60 a minute gives one a second, and with a window of 10 seconds no more than ten at once. A request is
counted when it comes, with its input and with the output it reserves; what it wrote beyond that is counted when it has
ended. A refused request counts nothing. The day is the calendar day of UTC.

Everything happens in one event loop and nothing here waits, so the counts are exact however many requests are under
way. Where a provider has no limits, the same numbers are kept against the allowances of a well-paying customer, for
the headers only: nothing is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from .fake import Limits

MINUTE = 60.0
DAY = 86400.0
UNLIMITED_RPM = 10_000
UNLIMITED_TPM = 2_000_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much of one limit is left."""

    limit: int
    remaining: int
    reset: float
    """Seconds until all of it is there again."""


@dataclass(frozen=True, slots=True)
class QuotaState:
    """What a provider says of its limits, the request at hand counted in."""

    requests: Allowance = Allowance(UNLIMITED_RPM, UNLIMITED_RPM - 1, 0.006)
    tokens: Allowance = Allowance(UNLIMITED_TPM, UNLIMITED_TPM, 0.0)
    requests_a_day: Allowance | None = None


@dataclass(frozen=True, slots=True)
class Exceeded:
    """Which limit a request would break.

    `dimension` is "requests", "tokens" or "day"; `retry_after` is None where no wait helps, because the request
    alone is more than the limit.
    """

    dimension: str
    retry_after: float | None
    requested: int


class Bucket:
    """Fills at `limit` a minute and holds what comes in `window` seconds, and one at least."""

    def __init__(self, limit: int, now: float, window: float = MINUTE) -> None:
        self.limit = limit
        self.holds = max(1.0, limit * window / MINUTE)
        self._level = self.holds
        self._seen = now

    def level(self, now: float) -> float:
        """What it holds."""
        if now > self._seen:
            self._level = min(self.holds, self._level + (now - self._seen) * self.limit / MINUTE)
            self._seen = now
        return self._level

    def take(self, amount: float, now: float) -> None:
        """Take out, below nothing where more was used than allowed."""
        self._level = self.level(now) - amount

    def wait(self, amount: float, now: float) -> float | None:
        """Seconds until it holds `amount`: 0 when it does, None when it never can."""
        if amount > self.holds:
            return None
        # A millionth of slack, or a client that waits to the nanosecond is refused by a rounding error.
        missing = amount - self.level(now)
        return missing * MINUTE / self.limit if missing > 1e-6 else 0.0

    def resize(self, limit: int, now: float, window: float = MINUTE) -> None:
        """Another limit from here on; what is missing stays missing."""
        missing = self.holds - self.level(now)
        self.limit = limit
        self.holds = max(1.0, limit * window / MINUTE)
        self._level = self.holds - missing

    def allowance(self, now: float) -> Allowance:
        """What is left, as headers say it."""
        level = self.level(now)
        reset = (self.holds - level) * MINUTE / self.limit
        return Allowance(self.limit, max(0, int(level + 1e-6)), reset)


class _Account:
    """One key's use of one model."""

    def __init__(self, limits: Limits, now: float) -> None:
        self.requests = Bucket(limits.rpm or UNLIMITED_RPM, now, _window(limits, limits.rpm))
        self.tokens = Bucket(limits.tpm or UNLIMITED_TPM, now, _window(limits, limits.tpm))
        self.day = 0
        self.today = 0


def _window(limits: Limits, limit: int | None) -> float:
    """Where there is no limit, the allowance is that of a whole minute."""
    return MINUTE if limit is None else limits.window


class Quota:
    """The limits of one fake, kept apart for each key and model."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._accounts: dict[tuple[str | None, str | None], _Account] = {}

    def change(self, limits: Limits, now: float) -> None:
        """Put other limits in force; what was used stays used."""
        self.limits = limits
        for account in self._accounts.values():
            account.requests.resize(limits.rpm or UNLIMITED_RPM, now, _window(limits, limits.rpm))
            account.tokens.resize(limits.tpm or UNLIMITED_TPM, now, _window(limits, limits.tpm))

    def admit(self, key: str | None, model: str | None, tokens: int, now: float, date: float) -> Exceeded | None:
        """Count a request, or say which limit it would break.

        `now` is in seconds of the fakes' clock, `date` in seconds since 1970.
        """
        account = self._account(key, model, now)
        if account.day != date // DAY:
            account.day, account.today = int(date // DAY), 0
        if self.limits.rpd is not None and account.today >= self.limits.rpd:
            return Exceeded("day", DAY - date % DAY, 1)
        for dimension, bucket, amount, limit in (
            ("requests", account.requests, 1, self.limits.rpm),
            ("tokens", account.tokens, tokens, self.limits.tpm),
        ):
            wait = bucket.wait(amount, now)
            if limit is not None and wait != 0:
                return Exceeded(dimension, wait, amount)
        account.today += 1
        account.requests.take(1, now)
        account.tokens.take(tokens, now)
        return None

    def settle(self, key: str | None, model: str | None, tokens: int, now: float) -> None:
        """Count what a request wrote beyond its reservation."""
        if tokens > 0:
            self._account(key, model, now).tokens.take(tokens, now)

    def state(self, key: str | None, model: str | None, now: float, date: float) -> QuotaState:
        """What the provider says of its limits."""
        account = self._account(key, model, now)
        daily = None
        if self.limits.rpd is not None:
            used = account.today if account.day == date // DAY else 0
            daily = Allowance(self.limits.rpd, max(0, self.limits.rpd - used), DAY - date % DAY)
        return QuotaState(account.requests.allowance(now), account.tokens.allowance(now), daily)

    def _account(self, key: str | None, model: str | None, now: float) -> _Account:
        account = self._accounts.get((key, model))
        if account is None:
            account = self._accounts[key, model] = _Account(self.limits, now)
        return account
