"""A saved history as reports read it: only the fields they show, and no more trust in it than in any file.

A line that cannot be read is counted and left out; kinds of record that are not shown are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

import msgspec

Headers = tuple[tuple[str, str], ...]


class Heading(msgspec.Struct):
    """What was run."""

    contract: dict[str, Any] = {}
    seconds: float = 0.0
    rate: float = 1.0
    noise: float = 0.0
    keys: dict[str, list[str]] = {}


class Call(msgspec.Struct):
    """One caller."""

    id: str
    canary: str = ""
    started: int = 0
    messages: list[dict[str, Any]] = []
    stream: bool = False
    user: str | None = None
    chunks: list[tuple[int, str]] = []
    text: str = ""
    ended: int | None = None
    error: str | None = None
    message: str = ""
    partial: bool = False
    finish: str | None = None
    model: str | None = None
    provider: str | None = None
    degraded: bool = False
    cancelled: int | None = None
    given_up: int | None = None

    @property
    def last(self) -> int | None:
        """When it was over for the caller, one way or the other."""
        times = (self.cancelled, self.ended, self.given_up)
        return next((time for time in times if time is not None), None)


class Exchange(msgspec.Struct):
    """One request at a fake."""

    id: str
    fake: str = ""
    dialect: str = ""
    connection: int = 0
    started: int = 0
    request_complete: int | None = None
    first_byte: int | None = None
    last_byte: int | None = None
    client_closed: int | None = None
    finished: int | None = None
    pieces: list[tuple[int, int, int, str]] = []
    method: str = ""
    path: str = ""
    request_headers: Headers = ()
    request_body: str = ""
    canary: str | None = None
    attempt: int = 1
    status: int | None = None
    headers: Headers = ()
    answer: str | None = None
    faults: tuple[str, ...] = ()
    script: list[str] = []
    bytes_in: int = 0
    bytes_out: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    microdollars: int = 0
    ended: str = ""

    @property
    def last(self) -> int:
        """When the last thing happened."""
        times = (self.finished, self.last_byte, self.client_closed, self.request_complete, self.started)
        return max(time for time in times if time is not None)

    def header(self, name: str) -> str | None:
        """The first value of a header of the reply."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class LogLine(msgspec.Struct):
    """A line of the target's output."""

    at: int = 0
    source: str = ""
    text: str = ""


class Incident(msgspec.Struct):
    """Something the scenario did."""

    at: int = 0
    what: str = ""
    details: dict[str, Any] = {}


class Expectation(msgspec.Struct):
    """What was to hold."""

    check: str
    of: str = ""
    calls: list[str] | None = None
    fake: str | None = None
    params: dict[str, Any] = {}


class _Kind(msgspec.Struct):
    kind: str = ""


@dataclass(slots=True)
class Story:
    """All that a history tells of one case."""

    heading: Heading = field(default_factory=Heading)
    calls: list[Call] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    events: list[Incident] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    unreadable: int = 0

    def attempts(self, call: Call) -> list[Exchange]:
        """The exchanges made for a call, in the order they began."""
        return [x for x in self.exchanges if call.canary and x.canary == call.canary]

    @property
    def seconds(self) -> float:
        """From its beginning to the last thing in it."""
        times = [x.last for x in self.exchanges]
        times += [call.last or call.started for call in self.calls]
        times += [event.at for event in self.events]
        return max(times, default=0) / 1e9


def zero(story: Story) -> int:
    """When the first call or exchange began: the report's times count from there."""
    return min([*(call.started for call in story.calls), *(x.started for x in story.exchanges)], default=0)


def asked_to_wait(exchange: Exchange) -> float | None:
    """How many seconds a reply asked to be left alone for; None where it said nothing of that one can understand."""
    try:
        if (milliseconds := exchange.header("retry-after-ms")) is not None:
            wanted = float(milliseconds) / 1000
        elif (hint := exchange.header("retry-after")) is None:
            return None
        elif hint[:1].isalpha():
            date = exchange.header("date") or ""
            wanted = (parsedate_to_datetime(hint) - parsedate_to_datetime(date)).total_seconds()
        else:
            wanted = float(hint)
    except (ValueError, TypeError, OverflowError):
        return None
    return wanted if isfinite(wanted) and wanted > 0 else None


_READ_KIND = msgspec.json.Decoder(_Kind)
_READ_HEADING = msgspec.json.Decoder(Heading)
_READ_CALL = msgspec.json.Decoder(Call)
_READ_EXCHANGE = msgspec.json.Decoder(Exchange)
_READ_LOG = msgspec.json.Decoder(LogLine)
_READ_EVENT = msgspec.json.Decoder(Incident)
_READ_EXPECTATION = msgspec.json.Decoder(Expectation)


def read(lines: bytes) -> Story:
    """The story that the JSON lines of a history tell."""
    story = Story()
    for line in lines.splitlines():
        try:
            _add(story, _READ_KIND.decode(line).kind, line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            story.unreadable += 1
    story.exchanges.sort(key=lambda exchange: exchange.started)
    story.calls.sort(key=lambda call: call.started)
    return story


def _add(story: Story, kind: str, line: bytes) -> None:
    match kind:
        case "scenario":
            story.heading = _READ_HEADING.decode(line)
        case "call":
            story.calls.append(_READ_CALL.decode(line))
        case "exchange":
            story.exchanges.append(_READ_EXCHANGE.decode(line))
        case "log":
            story.logs.append(_READ_LOG.decode(line))
        case "event":
            story.events.append(_READ_EVENT.decode(line))
        case "expectation":
            story.expectations.append(_READ_EXPECTATION.decode(line))
