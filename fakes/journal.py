"""What a fake saw and what it did about it.

A journal holds no secret: where a key stood, there is its fingerprint.
"""

from __future__ import annotations

import hashlib
import traceback

import msgspec

from .script import Headers


class Piece(msgspec.Struct, array_like=True, gc=False):
    """One write on the wire; times in nanoseconds of the clock."""

    scheduled: int
    actual: int
    bytes: int
    part: str


class Exchange(msgspec.Struct, tag="exchange", tag_field="kind", omit_defaults=True):
    """One request as a fake saw it and what the fake did about it.

    Times are nanoseconds of the scenario's clock since the scenario began; None is "it never came to that".
    """

    id: str
    fake: str
    dialect: str
    connection: int
    accepted: int
    """When the connection was accepted."""
    started: int
    """When the first byte of the request came."""
    request_head: int | None = None
    request_complete: int | None = None
    first_byte: int | None = None
    last_byte: int | None = None
    client_closed: int | None = None
    """When the client left before the script had ended."""
    finished: int | None = None
    pieces: list[Piece] = []

    method: str = ""
    path: str = ""
    request_headers: Headers = ()
    """As they came, secrets masked."""
    request_body: str = ""
    """Decoded, secrets masked."""
    http: str = "1.1"
    """The version of HTTP that the client spoke."""
    stream_id: int | None = None
    """The stream of HTTP/2 that it was on; many share a connection."""
    route: str = "unknown"
    model: str | None = None
    stream: bool = False
    max_output: int | None = None
    texts: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    user: str | None = None
    canary: str | None = None
    attempt: int = 1
    key: str | None = None
    """Fingerprint of the key, never the key."""
    trouble: str | None = None
    """Why the provider refused in the fairest weather: `invalid_key`, `rate_limited`, ..."""

    status: int | None = None
    headers: Headers = ()
    """As they were sent."""
    answer: str | None = None
    """The text of the fair answer, whatever the faults made of it."""
    sent_whole: bool = False
    """Whether everything of the fair answer that carries meaning left: a completed, billed answer."""
    faults: tuple[str, ...] = ()
    script: list[str] = []
    """What was played, as `script.describe` writes it."""
    bytes_in: int = 0
    """Of the body, as they came over the wire."""
    bytes_out: int = 0
    input_tokens: int = 0
    """Of the prompt; billed as `meter` says."""
    output_tokens: int = 0
    """Of what had left of the answer, `reasoning_tokens` included."""
    cached_tokens: int = 0
    """Those of the input that are billed as cached."""
    cache_written_tokens: int = 0
    """Those of the input that are billed as put into the cache."""
    reasoning_tokens: int = 0
    microdollars: int = 0
    ended: str = ""
    """How it ended: complete, closed, reset, refused, hung, client_left, malformed, stopped; empty while under way.

    A stream of HTTP/2 is refused when its request was not processed and the client was told so.
    """
    error: str = ""
    """What went wrong at this side, or with the request as HTTP."""

    @property
    def start_seconds(self) -> float:
        """When the first byte of the request came, in seconds."""
        return self.started / 1e9

    @property
    def end_seconds(self) -> float:
        """When the last thing happened, in seconds."""
        times = (self.finished, self.last_byte, self.client_closed, self.request_complete, self.started)
        return max(time for time in times if time is not None) / 1e9


def fingerprint(secret: str | None) -> str | None:
    """A short digest by which a secret can be told from another and never be found."""
    return None if secret is None else hashlib.sha256(secret.encode()).hexdigest()[:12]


class Arrival(msgspec.Struct, tag="arrival", tag_field="kind", omit_defaults=True):
    """One connection as a fake met it; times as in an exchange."""

    fake: str
    connection: int
    accepted: int
    closed: int | None = None
    door: str = ""
    """How it was met, where not by serving it: "reset" on accept, "stale" once it was idle."""


def failure(error: BaseException) -> str:
    """An exception in one line, with the place it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
