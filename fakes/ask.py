"""What a request asks for, in words that every dialect shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from .answer import Answer
from .quota import QuotaState
from .script import Headers

if TYPE_CHECKING:
    from .dialects import Dialect
    from .fake import Fake


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it came, whole."""

    method: str
    path: str
    query: str
    headers: Headers
    """Names in lower case."""
    body: bytes
    prefix: str = field(default="", kw_only=True)
    """What stood before the path and picked a weather: the dialect does not look at it, but a signature covers it."""
    stream_id: int | None = field(default=None, kw_only=True)
    """The stream that it came on; None where it had a connection of HTTP/1 to itself."""
    websocket: bool = field(default=False, kw_only=True)
    """Whether it offers to go on as a WebSocket, on a connection that can."""


# Every dialect renders each of these in its own words; it may know more.
TROUBLES = frozenset(
    {
        "bad_request",  # 400
        "invalid_key",  # 401
        "forbidden",  # 403
        "not_found",  # 404, no such route
        "model_not_found",  # 404, no such model
        "request_timeout",  # 408
        "conflict",  # 409
        "too_large",  # 413
        "unprocessable",  # 422
        "rate_limited",  # 429, requests
        "rate_limited_tokens",  # 429, tokens
        "quota_exhausted",  # 429 or a billing status: nothing helps but paying
        "context_length",  # 400, the prompt does not fit the model's window
        "content_policy",  # 400, the prompt is refused
        "server_error",  # 500
        "bad_gateway",  # 502, from the edge
        "unavailable",  # 503
        "overloaded",  # 503, 529
        "timeout",  # 504, from the edge
    }
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something a provider says no with: the dialect renders it with its own status, headers and body.

    `kind` is one of the dialect's `troubles`; `retry_after` is in seconds; `message`, `status`, `param` and `code`
    override what the dialect would say; `window` is the context window that the prompt did not fit, where it is not the
    model's own; `lasts` is for how long it holds, where `Retry-After` is somebody else's to send: all else that tells
    of a time agrees with it.
    """

    kind: str
    message: str | None = None
    retry_after: float | None = None
    status: int | None = None
    param: str | None = None
    headers: Headers = ()
    code: str | None = None
    window: int | None = None
    lasts: float | None = None

    def wait(self, usual: float) -> float:
        """How long to wait before it is over; a usual time where nobody says."""
        known = self.lasts if self.retry_after is None else self.retry_after
        return usual if known is None else known


@dataclass(slots=True)
class Ask:
    """One request, read by its dialect and completed by the server."""

    dialect: Dialect
    fake: Fake
    route: str
    """The dialect's name of the operation, such as "chat"; "unknown" where there is none."""
    request: Request
    about: str | None = None
    """What the operation is about, such as a batch: the part of the path that names it."""
    body: Any = None
    """The parsed body."""
    model: str | None = None
    texts: tuple[str, ...] = ()
    """Every text of the prompt, in order: system prompt, turns, tool results."""
    stream: bool = False
    max_output: int | None = None
    tools: tuple[str, ...] = ()
    """Names of the tools on offer."""
    key: str | None = None
    user: str | None = None
    canary: str | None = None
    trouble: Trouble | None = None
    """Why the provider refuses this request in the fairest weather."""

    answer: Answer = Answer()
    attempt: int = 1
    """The how-manieth request with this canary this is at this fake."""
    now: float = 0.0
    """The date when the request was complete, in seconds since 1970 of target time."""
    random: Random = field(default_factory=lambda: Random(0))
    """The source of every choice: keyed by seed, rule, canary and attempt."""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_written_tokens: int = 0
    reasoning_tokens: int = 0
    quota: QuotaState = QuotaState()
    """What the provider says of its rate limits, filled in by the server; the dialect writes the headers."""
    rows: list[Ask] = field(default_factory=list)
    """The requests of a batch that were answered: they are billed with it."""
    undo: list[Callable[[], object]] = field(default_factory=list)
    """What takes back all that answering changed at the provider, for a request that is refused after all."""
