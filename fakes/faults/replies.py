"""Replies in which the provider says no in its own words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Literal

from ..ask import Trouble
from ..figures import Count, Offset, Seconds
from ..script import Head, Op, with_headers
from . import fault
from .pieces import until_head

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script

# What a status means, for providers that say more than the status; any other is a bad request or a server error.
KINDS = {
    400: "bad_request",
    401: "invalid_key",
    403: "forbidden",
    404: "not_found",
    408: "request_timeout",
    409: "conflict",
    413: "too_large",
    422: "unprocessable",
    429: "rate_limited",
    502: "bad_gateway",
    503: "unavailable",
    504: "timeout",
    529: "overloaded",
}


def reply(script: Script, ask: Ask, trouble: Trouble) -> Iterator[Op]:
    """The trouble instead of the answer, after as long as the answer's head would have taken."""
    yield from until_head(script)
    yield from ask.dialect.trouble(ask, trouble)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(ABC):
    """A reply that says no, and perhaps when to come back.

    `retry_after` is in seconds (None gives no hint), `form` how it is said: "seconds", "date" (an HTTP-date), "ms" (in
    `retry-after-ms`), or "own": in whatever way this provider itself uses. `literal` is sent as `Retry-After` just as
    it stands, and `literal_ms` as `retry-after-ms`, beside the rest. `skew` is how many seconds the server's clock is
    ahead of the true time, or with a minus behind it, in `Date` and in an HTTP-date. `should_retry` is sent as
    `x-should-retry`. `message` is said in place of the provider's own words.
    """

    retry_after: Seconds | None = None
    form: Literal["seconds", "date", "ms", "own"] = "seconds"
    literal: str | None = None
    literal_ms: str | None = None
    skew: Offset = 0.0
    should_retry: bool | None = None
    message: str | None = None

    @abstractmethod
    def trouble(self, ask: Ask) -> Trouble | None:
        """What the provider says no with; None lets the answer pass."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's refusal with the hints asked for, and with no others."""
        trouble = self.trouble(ask)
        if trouble is None:
            yield from script
            return
        message = trouble.message if self.message is None else self.message
        said = replace(trouble, lasts=self.retry_after, message=message)
        for op in reply(script, ask, said):
            yield with_headers(op, *self._hints(ask)) if isinstance(op, Head) else op

    def _said(self) -> float | None:
        """What the dialect is told to say by itself."""
        return self.retry_after if self.form == "own" else None

    def _hints(self, ask: Ask) -> Iterator[tuple[str, str | None]]:
        if self.form != "own":
            yield "retry-after", None
            yield "retry-after-ms", None
        if self.skew or self.form == "date":
            yield "date", formatdate(ask.now + self.skew, usegmt=True)
        if self.retry_after is not None:
            match self.form:
                case "seconds":
                    yield "retry-after", f"{self.retry_after:g}"
                case "ms":
                    yield "retry-after-ms", f"{self.retry_after * 1000:.0f}"
                case "date":
                    yield "retry-after", formatdate(ask.now + self.skew + self.retry_after, usegmt=True)
        if self.literal is not None:
            yield "retry-after", self.literal
        if self.literal_ms is not None:
            yield "retry-after-ms", self.literal_ms
        if self.should_retry is not None:
            yield "x-should-retry", "true" if self.should_retry else "false"


@fault
@dataclass(frozen=True, slots=True)
class RateLimited(Refusal):
    """Answer 429 as the provider does when a rate limit is hit, of requests or of tokens."""

    by: Literal["requests", "tokens"] = "requests"

    def trouble(self, ask: Ask) -> Trouble:
        """A 429."""
        return Trouble("rate_limited" if self.by == "requests" else "rate_limited_tokens", retry_after=self._said())


@fault
@dataclass(frozen=True, slots=True)
class QuotaExhausted(Refusal):
    """Say that the account has nothing left to spend: waiting and trying again helps nobody.

    `kind` is the trouble by which this provider tells one cause from another, such as Anthropic's
    "enforced_spend_limit_reached"; a provider that has none of that name says it in its usual words.
    """

    kind: str = "quota_exhausted"

    def trouble(self, ask: Ask) -> Trouble:
        """The provider's billing error."""
        known = self.kind in ask.dialect.troubles
        return Trouble(self.kind if known else "quota_exhausted", retry_after=self._said())


@fault
@dataclass(frozen=True, slots=True)
class Overloaded(Refusal):
    """Say that the provider is overloaded, with the status that this provider has for it."""

    def trouble(self, ask: Ask) -> Trouble:
        """A 503 or a 529."""
        return Trouble("overloaded", retry_after=self._said())


@fault
@dataclass(frozen=True, slots=True)
class Unavailable(Refusal):
    """Answer 503: the service is unavailable for a while."""

    def trouble(self, ask: Ask) -> Trouble:
        """A 503."""
        return Trouble("unavailable", retry_after=self._said())


@fault
@dataclass(frozen=True, slots=True)
class ServerError(Refusal):
    """Answer 500, or with another 5xx `status`, in the provider's words for an error of its own."""

    status: int = 500

    def trouble(self, ask: Ask) -> Trouble:
        """A 5xx."""
        return Trouble("server_error", status=self.status, retry_after=self._said())


@fault
@dataclass(frozen=True, slots=True)
class Status(Refusal):
    """Answer with any `status`, in the provider's words for it where it has some."""

    status: int = 500

    def trouble(self, ask: Ask) -> Trouble:
        """What the status means to this provider."""
        kind = KINDS.get(self.status, "server_error" if self.status >= 500 else "bad_request")
        return Trouble(kind, status=self.status, retry_after=self._said())


@fault
@dataclass(frozen=True, slots=True)
class InvalidKey(Refusal):
    """Say that the key is not valid, whatever key was sent."""

    def trouble(self, ask: Ask) -> Trouble:
        """A 401."""
        return Trouble("invalid_key", retry_after=self._said())


@fault
@dataclass(frozen=True, slots=True)
class Forbidden(Refusal):
    """Say that the key may not do this."""

    def trouble(self, ask: Ask) -> Trouble:
        """A 403."""
        return Trouble("forbidden", retry_after=self._said())


@fault
@dataclass(frozen=True, slots=True)
class ModelGone(Refusal):
    """Say that there is no such model, as when one has been retired."""

    def trouble(self, ask: Ask) -> Trouble:
        """A 404 about the model."""
        return Trouble("model_not_found", retry_after=self._said())


@fault
@dataclass(frozen=True, slots=True)
class TooLarge(Refusal):
    """Answer 413: the request is too large."""

    def trouble(self, ask: Ask) -> Trouble:
        """A 413."""
        return Trouble("too_large", retry_after=self._said())


@fault
@dataclass(frozen=True, slots=True)
class ContentPolicy(Refusal):
    """Refuse the prompt for what it says."""

    def trouble(self, ask: Ask) -> Trouble:
        """The provider's content-policy error."""
        return Trouble("content_policy", retry_after=self._said())


@fault
@dataclass(frozen=True, slots=True)
class ContextLength(Refusal):
    """Refuse what does not fit the model's window: input and the most that may be written, together.

    `window` stands for the model's own, in tokens. With `forced` every request is refused, as if the window were a
    token smaller than what it asks for. A request that fits is answered fairly.
    """

    window: Count | None = None
    forced: bool = False

    def trouble(self, ask: Ask) -> Trouble | None:
        """The provider's context-length error, if the request does not fit."""
        model = ask.fake.find(ask.model)
        window = self.window or (model.window if model else None)
        needed = ask.input_tokens + (ask.max_output or 0)
        if self.forced:
            window = min(window or needed, max(needed - 1, 1))
        elif window is None or needed <= window:
            return None
        return Trouble("context_length", window=window, retry_after=self._said())
