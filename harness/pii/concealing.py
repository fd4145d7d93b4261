"""From a history in clear to one that holds no value, and says where each was seen.

What a target prints, and what a stream brings, comes in pieces; a value that is cut in two is found all the same,
and stands in the first of them afterwards.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

from ...fakes.journal import Exchange
from ..history import Call, Chunk, History, Incident, LogLine, Planted, Sighting
from . import places
from .drawing import Value
from .finder import Found, finder

REMEMBERED = 1024
"""Texts of which it is remembered what they hold."""


class Veil:
    """Puts `<pii:TYPE:ID>` where a value stood."""

    def __init__(self, values: Mapping[Value, str]) -> None:
        self._ids = dict(values)
        self._finder = finder(tuple(values))
        # A text is looked through when what it holds is noted and again when it is concealed, and many say the same.
        self._held = lru_cache(maxsize=REMEMBERED)(self._looked_through)

    def find(self, text: str) -> Iterator[tuple[str, Found]]:
        """Every value in a text, with its id."""
        yield from self._held(text)

    def text(self, text: str) -> str:
        """The text without its values."""
        return self.pieces([text])[0]

    def pieces(self, pieces: Sequence[str], between: str = "") -> list[str]:
        """The same for a text that came in pieces, which `between` would join."""
        text = between.join(pieces)
        marks = list(self._marks(text))
        if not marks:
            return list(pieces)
        concealed, begin = [], 0
        for piece in pieces:
            concealed.append("".join(_kept(text, begin, begin + len(piece), marks)))
            begin += len(piece) + len(between)
        return concealed

    def body(self, text: str) -> str:
        """The same for a body, in whose JSON a value may be written as no text would write it."""
        concealed = self.text(text)
        try:
            read = json.loads(concealed)
        except (ValueError, RecursionError):
            return concealed
        clear = self.anything(read)
        return concealed if clear == read else json.dumps(clear, ensure_ascii=False)

    def anything(self, value: Any) -> Any:
        """The same for whatever a record holds."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.anything(each) for each in value]
            case tuple():
                return tuple(self.anything(each) for each in value)
            case dict():
                return {self.anything(name): self.anything(each) for name, each in value.items()}
            case int() | float() if not isinstance(value, bool) and next(self.find(str(value)), None) is not None:
                return self.text(str(value))
        return value

    def record(self, record: Exchange | Call | Incident) -> None:
        """The same for a record, in place."""
        for name in record.__struct_fields__:
            value = getattr(record, name)
            if isinstance(value, str | list | tuple | dict) and (clear := self.anything(value)) != value:
                setattr(record, name, clear)  # only then: a fake may be writing into an unfinished exchange

    def _looked_through(self, text: str) -> tuple[tuple[str, Found], ...]:
        return tuple((self._ids[found.value], found) for found in self._finder.find(text))

    def _marks(self, text: str) -> Iterator[tuple[int, int, str]]:
        """What is to be replaced, and by what; values that overlap are replaced together."""
        start = end = -1
        marks = ""
        for name, found in self.find(text):
            if found.start >= end and marks:
                yield start, end, marks
                marks = ""
            start = start if marks else found.start
            end = max(end, found.end)
            marks += f"<pii:{found.value.type}:{name}>"
        if marks:
            yield start, end, marks


def _kept(text: str, begin: int, end: int, marks: Sequence[tuple[int, int, str]]) -> Iterator[str]:
    """What a piece of a text holds when everything marked is replaced; a mark stands where it begins."""
    at = begin
    for start, stop, mark in marks:
        if stop > begin and start < end:
            yield text[at : max(at, start)]
            if start >= begin:
                yield mark
            at = min(max(at, stop), end)
    yield text[at:end]


def conceal(history: History, values: Mapping[Value, str]) -> None:
    """Note where each value is to be seen in a history, and make it hold none."""
    veil = Veil(values)
    records: tuple[Exchange | Call, ...] = (*history.exchanges, *history.calls)
    seen = [sighting for record in records for sighting in sightings(record, veil)]
    history.sightings = [*seen, *conceal_logs(history.logs, veil)]
    history.planted = planted(values, history.sightings)
    for record in records:
        conceal_record(record, veil)
    for event in history.events:
        veil.record(event)


def planted(values: Mapping[Value, str], seen: Iterable[Sighting]) -> list[Planted]:
    """What is told of those values that were seen."""
    ids = {sighting.value for sighting in seen}
    return [Planted(name, value.type, value.locale) for value, name in values.items() if name in ids]


def sightings(record: Exchange | Call, veil: Veil) -> list[Sighting]:
    """Where values are to be seen in an exchange or a call."""
    texts = places.of_exchange(record) if isinstance(record, Exchange) else _of_call(record)
    found = ((name, part, found.form) for part, text in texts for name, found in veil.find(text))
    return [Sighting(name, part, record.id, form, record.started) for name, part, form in dict.fromkeys(found)]


def conceal_record(record: Exchange | Call, veil: Veil) -> None:
    """Make an exchange or a call hold no value."""
    if isinstance(record, Exchange):
        record.request_body = veil.body(record.request_body)
    else:
        texts = veil.pieces([chunk.text for chunk in record.chunks])
        record.chunks = [Chunk(chunk.at, text) for chunk, text in zip(record.chunks, texts, strict=True)]
    veil.record(record)


def conceal_logs(logs: Iterable[LogLine], veil: Veil) -> list[Sighting]:
    """Make lines of output hold no value, and say where there were some."""
    seen: dict[tuple[str, str, str, str, int], None] = {}
    for source, lines in _by_source(logs).items():
        texts = [line.text for line in lines]
        ends = list(accumulate(len(text) + 1 for text in texts))
        for name, found in veil.find("\n".join(texts)):
            seen[name, source, "", found.form, lines[bisect_right(ends, found.start)].at] = None
        for line, text in zip(lines, veil.pieces(texts, "\n"), strict=True):
            line.text = text
    return [Sighting(*each) for each in seen]


def _of_call(call: Call) -> Iterator[tuple[str, str]]:
    for said in (call.messages, call.metadata, call.tools, call.user):
        yield from ((places.QUESTION, text) for text in _texts(said))
    streamed = "".join(chunk.text for chunk in call.chunks)
    for text in dict.fromkeys((call.text, streamed, *_texts(call.tool_calls))):
        yield places.ANSWER, text
    yield places.ERROR, call.message


def _texts(value: Any) -> Iterable[str]:
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            for name, each in value.items():
                yield from _texts(name)
                yield from _texts(each)
        case int() | float() if not isinstance(value, bool):
            yield str(value)


def _by_source(logs: Iterable[LogLine]) -> dict[str, list[LogLine]]:
    found: dict[str, list[LogLine]] = {}
    for line in logs:
        found.setdefault(line.source, []).append(line)
    return found
