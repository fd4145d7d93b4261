"""Server-sent events, written in every way that the standard allows, and with what it tells clients to ignore.

These faults rewrite bodies of type `text/event-stream`; any other passes unchanged, and they have not bitten. Pings and
unknown events come between the binary frames of Bedrock and the messages of a WebSocket session too. A client that
keeps to the standard shows the same text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..figures import Count
from ..script import Op, Send
from . import at_least, fault
from .pieces import has_events, is_event_stream

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script

BOM = b"\xef\xbb\xbf"


@fault
@dataclass(frozen=True, slots=True)
class Comments:
    """Send a comment line before every `every`-th event."""

    every: Count = 1
    text: str = "keep-alive"

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(1, self, "every")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The events, and comments between them."""
        comment = Send(b": " + self.text.encode() + b"\n\n", "comment")
        return _between(list(script), self.every, lambda: comment, is_event_stream)


@fault
@dataclass(frozen=True, slots=True)
class Pings:
    """Send the provider's own keep-alive before every `every`-th event."""

    every: Count = 1

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(1, self, "every")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The events, and pings between them."""
        return _between(list(script), self.every, lambda: ask.dialect.ping(ask), has_events)


@fault
@dataclass(frozen=True, slots=True)
class UnknownEvents:
    """Send an event of a type that no client knows before every `every`-th event; not every dialect has such."""

    every: Count = 1

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(1, self, "every")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The events, and unknown ones between them."""
        return _between(list(script), self.every, lambda: ask.dialect.unknown_event(ask), has_events)


@fault
@dataclass(frozen=True, slots=True)
class RetryFields:
    """Put a `retry:` field, which tells browsers how fast to reconnect, into every event.

    It never stands alone: an event of nothing else makes the official OpenAI client raise, and no provider sends one.
    """

    milliseconds: int = 3000

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The events with one more line each."""
        field = b"retry: %d\n" % self.milliseconds
        return _events(script, lambda data: data if data.startswith(b":") else field + data)


@fault
@dataclass(frozen=True, slots=True)
class Framing:
    """Write the events in another way that the standard allows.

    `style` is "crlf" or "cr" (other line ends), "no_space" (`data:` without a space), "multi_line" (the JSON of an
    event over several `data:` lines) or "bom" (a byte order mark before the first event).
    """

    style: Literal["crlf", "cr", "no_space", "multi_line", "bom"] = "crlf"

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The same events in other bytes."""
        if self.style == "bom":
            return _marked(list(script))
        return _events(script, STYLES[self.style])


def _events(script: Script, change: Callable[[bytes], bytes]) -> Iterator[Op]:
    ops = list(script)
    if not is_event_stream(ops):
        return iter(ops)
    return (Send(change(op.data), op.part) if isinstance(op, Send) else op for op in ops)


def _between(
    ops: list[Op], every: Count, extra: Callable[[], Send | None], possible: Callable[[list[Op]], bool]
) -> Iterator[Op]:
    counting, seen = possible(ops), 0
    for op in ops:
        if counting and isinstance(op, Send):
            seen += 1
            if seen % every == 0 and (event := extra()) is not None:
                yield event
        yield op


def _marked(ops: list[Op]) -> Iterator[Op]:
    marking = is_event_stream(ops)
    for op in ops:
        if marking and isinstance(op, Send):
            yield Send(BOM + op.data, op.part)
            marking = False
        else:
            yield op


def _over_lines(event: bytes) -> bytes:
    """The event with its JSON indented: each line of it is one of data, and a client joins them with line feeds."""
    lines: list[bytes] = []
    for line in event.split(b"\n"):
        if line.startswith(b"data:"):
            try:
                text = json.dumps(json.loads(line[5:]), indent=1, ensure_ascii=False)
            except ValueError:
                lines.append(line)
            else:
                lines += (b"data: " + part.encode("utf-8", "surrogatepass") for part in text.split("\n"))
        else:
            lines.append(line)
    return b"\n".join(lines)


STYLES: dict[str, Callable[[bytes], bytes]] = {
    "crlf": lambda data: data.replace(b"\n", b"\r\n"),
    "cr": lambda data: data.replace(b"\n", b"\r"),
    "no_space": lambda data: data.replace(b"data: ", b"data:"),
    "multi_line": _over_lines,
}
