"""What the providers saw and what the callers got, on one clock.

The history of one scenario is the single source of every verdict. It is saved as JSON lines, one record a line, each
with its `kind`, and can be judged again without a target.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ..fakes.journal import Exchange
from .contract import Contract
from .protocol import CallEvent, ChunkEvent, Done, Error, Usage

SCHEMA = "brownout.history/1"


class Heading(msgspec.Struct, tag="scenario", tag_field="kind"):
    """What was run, against what, and how good the clock was."""

    scenario: str
    case: str
    level: str
    title: str
    target: str
    contract: Contract
    seed: int
    started: float
    """The date from which all times of the history count, in seconds since 1970."""
    schema: str = SCHEMA
    rate: float = 1.0
    noise: float = 0.0
    """The worst lateness of a wake-up in the harness, in seconds of target time."""
    seconds: float = 0.0
    """How long the scenario took, in target time."""
    wall_seconds: float = 0.0
    keys: dict[str, list[str]] = {}
    """Fingerprints of each fake's keys."""


class Chunk(msgspec.Struct, array_like=True):
    """A piece of text as it reached the caller."""

    at: int
    text: str


class Call(msgspec.Struct, tag="call", tag_field="kind", omit_defaults=True):
    """One request of a caller to the target, and all that came back; times in nanoseconds since the scenario began."""

    id: str
    canary: str
    started: int
    messages: list[dict[str, Any]] = []
    stream: bool = False
    user: str | None = None
    chunks: list[Chunk] = []
    text: str = ""
    """All text the caller got, streamed or whole."""
    ended: int | None = None
    """When the target said that it was over; None when it never did."""
    error: str | None = None
    """The kind of error the caller was given."""
    message: str = ""
    partial: bool = False
    finish: str | None = None
    model: str | None = None
    provider: str | None = None
    degraded: bool = False
    usage: Usage | None = None
    cost: float | None = None
    tool_calls: list[dict[str, Any]] = []
    metadata: dict[str, Any] = {}
    """What the caller said beside the messages."""
    tools: list[dict[str, Any]] = []
    """What the caller offered to the model."""
    cancelled: int | None = None
    """When the caller left."""
    given_up: int | None = None
    """When the harness stopped waiting."""
    ends: int = 0
    """How often the target said that it was over."""

    @property
    def done(self) -> bool:
        """Whether the target ended the call with an answer."""
        return self.ended is not None and self.error is None

    @property
    def repeated(self) -> bool:
        """Whether the answer is what the caller has said, word for word: masked on its way out and restored."""
        return bool(self.text) and any(self.text == message.get("content") for message in self.messages)

    @property
    def start_seconds(self) -> float:
        """When it began, in seconds."""
        return self.started / 1e9

    @property
    def took(self) -> float | None:
        """Seconds until its end; None when it never ended."""
        return None if self.ended is None else (self.ended - self.started) / 1e9


def hear(call: Call, event: CallEvent, at: int) -> None:
    """Write what has come of a call into it; `at` is when it came."""
    match event:
        case ChunkEvent(text=text):
            call.chunks.append(Chunk(at, text))
            call.text += text
            return
        case Done():
            call.text = call.text if event.text is None else event.text
            call.finish, call.model, call.provider = event.finish, event.model, event.provider
            call.degraded, call.usage, call.cost = event.degraded, event.usage, event.cost
            call.tool_calls = event.tool_calls or []
        case Error():
            call.error, call.message, call.partial = event.kind, event.message, event.partial
    call.ends += 1
    if call.ended is None:
        call.ended = at


class LogLine(msgspec.Struct, tag="log", tag_field="kind"):
    """A line of the target's output or of one of its log files."""

    at: int
    source: str
    text: str


class Incident(msgspec.Struct, tag="event", tag_field="kind"):
    """Something the scenario did: a change of weather, a leap, a kill, a restart."""

    at: int
    what: str
    details: dict[str, Any] = {}


class Expectation(msgspec.Struct, tag="expectation", tag_field="kind"):
    """A check, its parameters and what it is applied to; written before it is judged.

    `of` is "calls", "attempts" (the exchanges that carry the calls' canaries) or "history";
    without `calls` all are meant.
    """

    check: str
    of: str
    calls: list[str] | None = None
    fake: str | None = None
    params: dict[str, Any] = {}


class Planted(msgspec.Struct, tag="planted", tag_field="kind"):
    """A piece of personal data that callers said; what it was stands nowhere."""

    id: str
    type: str
    locale: str = ""


class Sighting(msgspec.Struct, tag="sighting", tag_field="kind", omit_defaults=True):
    """A place where a planted value was seen, before the history was made to hold none."""

    value: str
    place: str
    """The part of a request or of a call, or the source of a log line."""
    where: str = ""
    """The id of the exchange or call; empty for a log line."""
    form: str = "raw"
    at: int = 0


Record = Heading | Exchange | Call | LogLine | Incident | Expectation | Planted | Sighting

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Record)


@dataclass(slots=True)
class History:
    """Exchanges, calls, logs and events of one scenario."""

    heading: Heading
    exchanges: list[Exchange] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    events: list[Incident] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    _sorted: dict[str, list[Exchange]] = field(default_factory=dict, repr=False, compare=False)
    """The exchanges by canary, and which list of them, how long, was sorted."""
    _of: tuple[int, int] = field(default=(0, 0), repr=False, compare=False)
    _asked: dict[str, list[Call]] = field(default_factory=dict, repr=False, compare=False)
    """The calls by canary, and the same of them."""
    _by: tuple[int, int] = field(default=(0, 0), repr=False, compare=False)

    @property
    def contract(self) -> Contract:
        """What the target promised."""
        return self.heading.contract

    def attempts(self, calls: Iterable[Call], fake: str | None = None) -> list[Exchange]:
        """The exchanges that carry the calls' canaries, in the order they began."""
        canaries = dict.fromkeys(call.canary for call in calls)
        sorted_ = self._by_canary()
        found = [x for canary in canaries for x in sorted_.get(canary, ()) if fake in (None, x.fake)]
        return sorted(found, key=lambda exchange: exchange.started)

    def calls_of(self, canary: str | None) -> list[Call]:
        """The calls with that canary: one, or none."""
        if self._by != (id(self.calls), len(self.calls)):
            self._asked, self._by = {}, (id(self.calls), len(self.calls))
            for call in self.calls:
                self._asked.setdefault(call.canary, []).append(call)
        return self._asked.get(canary or "", [])

    def _by_canary(self) -> dict[str, list[Exchange]]:
        """A load run has a hundred thousand calls: each must not look through all exchanges for its own."""
        if self._of != (id(self.exchanges), len(self.exchanges)):
            self._sorted, self._of = {}, (id(self.exchanges), len(self.exchanges))
            for exchange in self.exchanges:
                if exchange.canary is not None:
                    self._sorted.setdefault(exchange.canary, []).append(exchange)
        return self._sorted

    def empty(self) -> History:
        """The same run without what came of it: its heading, its events, what was expected and what was planted."""
        return History(self.heading, events=self.events, expectations=self.expectations, planted=self.planted)

    def records(self) -> Iterable[Record]:
        """Everything, heading first."""
        yield self.heading
        yield from self.events
        yield from self.expectations
        yield from self.planted
        yield from self.sightings
        yield from self.calls
        yield from self.exchanges
        yield from self.logs

    def save(self, path: Path) -> None:
        """Write JSON lines."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write(file, self.records())


def append(path: Path, records: Iterable[Record]) -> None:
    """Add to a saved history what happened after it was judged: how the target ended."""
    with path.open("ab") as file:
        write(file, records)


def write(file: BinaryIO, records: Iterable[Record]) -> None:
    """Write records as lines."""
    file.writelines(_ENCODER.encode(record) + b"\n" for record in records)


class BrokenHistory(ValueError):
    """A file is no history."""


def load(path: Path, frame: History | None = None) -> History:
    """Read a saved history, or a part of one into its frame; `BrokenHistory` says which line is wrong."""
    history = None if frame is None else frame.empty()
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            record = _DECODER.decode(line)
        except msgspec.MsgspecError as error:
            raise BrokenHistory(f"{path}:{number}: not a record of a history: {error}") from error
        if isinstance(record, Heading):
            history = History(record)
        elif history is None:
            raise BrokenHistory(f"{path}:{number}: the first line has to be the scenario's heading")
        else:
            _add(history, record)
    if history is None:
        raise BrokenHistory(f"{path}: empty")
    return history


def _add(history: History, record: Record) -> None:
    match record:
        case Exchange():
            history.exchanges.append(record)
        case Call():
            history.calls.append(record)
        case LogLine():
            history.logs.append(record)
        case Incident():
            history.events.append(record)
        case Expectation():
            history.expectations.append(record)
        case Planted():
            history.planted.append(record)
        case Sighting():
            history.sightings.append(record)
