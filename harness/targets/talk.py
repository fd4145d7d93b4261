"""The calls that are open at a target which speaks the line protocol, and who is told what.

A call is open from its line to its `done` or `error`. An event for a call that its caller has left is a crossing and
means nothing; one for a call that has ended, or that nobody made, is an incident, and a line of the log besides.

A program that counts in UTF-16 may cut a character into two chunks; its halves are joined again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from ..protocol import (
    CallEvent,
    CallRequest,
    Cancel,
    ChunkEvent,
    Done,
    Error,
    Event,
    Ready,
    decode_event,
    encode,
    mend_event,
    sound,
    whole,
)
from . import Witness
from .output import LINE_BYTES, Cutter, Source

EVENT_BYTES = 64 * 1024 * 1024
UNREAD = 64
"""So many events that a caller has not read yet, and the target is not listened to any more."""
NOTES = 20
"""So many incidents of a kind are told; more of the same say nothing more."""


@dataclass(slots=True)
class OpenCall:
    """What has come of one call."""

    request: str
    events: asyncio.Queue[CallEvent] = field(default_factory=asyncio.Queue)
    half: str = ""
    """The first half of a character that the last chunk was cut in."""
    chunks: int = 0


class Talk(asyncio.Protocol):
    """The harness's side of the conversation: fed with what the target writes."""

    def __init__(self, witness: Witness, strays: Source) -> None:
        loop = asyncio.get_running_loop()
        self._witness = witness
        self._strays = strays
        self._cutter = Cutter(EVENT_BYTES)
        self._open: dict[str, OpenCall] = {}
        self._ids: dict[str, str] = {}
        self._left: set[str] = set()
        self._past: set[str] = set()
        self._noted: Counter[str] = Counter()
        self._lost: str | None = None
        self._transport: asyncio.ReadTransport | None = None
        self._held = False
        self.send: Callable[[bytes], bool] = lambda line: False
        """Writes to the target; whether it still listens."""
        self.ready: asyncio.Future[Ready] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        """When the target has closed its end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The target can be heard."""
        self._transport = cast("asyncio.ReadTransport", transport)

    def data_received(self, data: bytes) -> None:
        """The target has written something."""
        if self._strays.full and self._cutter.empty and b"{" not in data:
            data = data[data.rfind(b"\n") + 1 :]  # lines that are no events, of which no more are kept
        for line, dropped in self._cutter.feed(data):
            self._line(line, dropped)

    def connection_lost(self, exc: Exception | None) -> None:
        """The target has closed its end."""
        for line, dropped in self._cutter.end():
            self._line(line, dropped)
        if not self.ended.done():
            self.ended.set_result(None)

    async def call(self, request: CallRequest) -> AsyncIterator[CallEvent]:
        """Send the call and yield its events, to its end."""
        if self._lost is not None:
            yield Error(request.id, "died", self._lost)
            return
        wire = self._wire_id(request.id)
        call = self._open[wire] = OpenCall(request.id)
        self._ids[request.id] = wire
        if not self.send(encode(msgspec.structs.replace(request, id=wire))):
            del self._open[wire]
            self._past.add(wire)
            yield Error(request.id, "died", "the target has closed its standard input")
            return
        while True:
            event = await call.events.get()
            self._breathe()
            yield event
            if isinstance(event, Done | Error):
                return

    def cancel(self, call: str) -> None:
        """The caller has left."""
        wire = self._ids.get(call, call)
        if self._open.pop(wire, None) is not None:
            self._left.add(wire)
            self._breathe()
            self.send(encode(Cancel(wire)))

    def lose(self, why: str) -> None:
        """The target cannot answer any more: every open call ends, and every later one at once."""
        self._lost = self._lost or why
        for wire in list(self._open):
            call = self._open.pop(wire)
            self._past.add(wire)
            call.events.put_nowait(Error(call.request, "died", self._lost, partial=call.chunks > 0))

    def _wire_id(self, call: str) -> str:
        """The call's own id, or one like it where the target has had it before, in another scenario."""
        taken = self._open.keys() | self._left | self._past
        number, wire = 1, call
        while wire in taken:
            number += 1
            wire = f"{call}.{number}"
        return wire

    def _line(self, line: bytes, dropped: int) -> None:
        event: Event | None = None
        if not dropped and b'"event"' in line and line.lstrip()[:1] == b"{":
            event = decode_event(line)
            if event is None:
                event, wrong = mend_event(line)
                if wrong:
                    self._note("bad_event", fields=wrong, event=line[:200].decode("utf-8", "replace"))
        if isinstance(event, Ready) and not self.ready.done():
            self.ready.set_result(event)
        elif event is None or isinstance(event, Ready) or not self._deliver(event):
            self._strays.keep(line[:LINE_BYTES], dropped + max(0, len(line) - LINE_BYTES))

    def _deliver(self, event: CallEvent) -> bool:
        """Hand an event to its caller; whether it was to be expected."""
        wire = event.id
        call = self._open.get(wire)
        if call is None:
            if wire in self._left:
                return True
            kind = "nobody" if wire not in self._past else "again"
            what = {"nobody": "answered_nobody", "again": "spoke_after_end"}[kind]
            if kind == "again" and isinstance(event, Done | Error):
                what = "answered_twice"
            request = wire.partition(".")[0]
            own = {"request": request} if self._ids.get(request) == wire else {}
            self._note(what, call=wire[:80], event=type(event).__name__, **own)
            return False
        event.id = call.request
        if isinstance(event, ChunkEvent):
            call.chunks += 1
            text = call.half + event.text
            call.half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
            event.text = whole(text.removesuffix(call.half))
        else:
            self._past.add(wire)
            del self._open[wire]
            sound(event)
        call.events.put_nowait(event)
        self._breathe()
        return True

    def _breathe(self) -> None:
        """Listen on, or not, for as long as a caller has too much left to read."""
        held = any(call.events.qsize() >= UNREAD for call in self._open.values())
        if self._transport is None or held == self._held or self._transport.is_closing():
            return
        self._held = held
        if held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _note(self, what: str, **details: Any) -> None:
        self._noted[what] += 1
        if self._noted[what] <= NOTES:
            self._witness.note(what, **details)
