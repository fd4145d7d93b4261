"""What a scenario gets to work with: its fakes, its target, its clock."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, replace
from random import Random
from string import ascii_lowercase, digits
from typing import Any, NoReturn

import msgspec

from ..fakes.answer import Answer
from ..fakes.clock import Clock
from ..fakes.fake import Limits
from ..fakes.faults import Door, name_of
from ..fakes.journal import Exchange, fingerprint
from ..fakes.server import FakeServer
from ..fakes.weather import Rule, Weather
from .clock import WarpClock
from .contract import Contract
from .expecting import Attempts, Expect, Subject
from .history import Call, History, Incident, hear
from .pii.drawing import Value
from .pii.people import Person, decoys, people
from .protocol import CallEvent, CallRequest, ChunkEvent
from .targets import Target
from .targets.vitals import Vitals, cpu_share, vitals

PATIENCE = 5.0
"""Seconds past the deadline after which the harness stops waiting for a call."""


class DoesNotApply(Exception):
    """The scenario is about nothing that this target does."""


_stage: ContextVar[Stage] = ContextVar("stage")


class Stage:
    """One scenario's fakes, target and clock, and the history they write."""

    def __init__(
        self,
        history: History,
        fakes: dict[str, FakeServer],
        target: Target,
        clock: Clock,
        origin: int,
        *,
        fresh: bool = True,
    ) -> None:
        self.history = history
        self.fakes = fakes
        self.clock = clock
        self.fresh = fresh
        """Whether nothing that the target remembers outlives the scenario."""
        self.over = False
        """Whether the target has ended, and nothing can be asked of it any more."""
        self._target = target
        self._origin = origin
        self.personal: list[Value] = []
        """What no target may let out, and no history may hold."""
        self._spared: set[str] = set()
        self._random = Random(f"{history.heading.seed}/{history.heading.scenario}/{history.heading.case}")

    @property
    def contract(self) -> Contract:
        """What the target promises."""
        return self.history.contract

    @property
    def primary(self) -> FakeServer:
        """The first fake of the target file."""
        return next(iter(self.fakes.values()))

    def elapsed(self) -> int:
        """Nanoseconds of target time since the scenario began."""
        return self.clock.nanoseconds() - self._origin

    @property
    def in_real_time(self) -> bool:
        """Whether people wait as long as the target does: time runs no faster, and does not leap."""
        leaps = isinstance(self.clock, WarpClock) and self.clock.leaps
        return self.clock.rate == 1 and not leaps

    def note(self, what: str, **details: Any) -> None:
        """Write something that happened into the history."""
        self.history.events.append(Incident(self.elapsed(), what, details))

    async def weather(self, *rules: Rule, at: FakeServer | None = None) -> None:
        """Put rules in force at every fake, or at one, with the others fair; no rules are fair weather everywhere."""
        seed, now = self.history.heading.seed, self.clock.nanoseconds() / 1e9
        doors = any(isinstance(fault, Door) for rule in rules for fault in rule.faults)
        names = [[name_of(fault) for fault in rule.faults] for rule in rules]
        where = {"at": at.fake.name} if at is not None else {}
        self.note("weather", rules=names, doors=doors, **where)
        for fake in self.fakes.values():
            await fake.change(Weather(rules if at in {None, fake} else (), seed, now, self._spared))

    def answer(self, **fields: Any) -> None:
        """Let every fake answer differently: the keywords are the fields of `Answer`."""
        for fake in self.fakes.values():
            fake.answer = replace(Answer(), **fields)

    def limits(self, limits: Limits) -> None:
        """Let every fake allow so much, from here on."""
        for fake in self.fakes.values():
            fake.quota.change(limits, fake.seconds())
        self.note("limits", **msgspec.structs.asdict(limits))

    @property
    def all_keys_refused(self) -> bool:
        """Whether the fakes have said of every key there is that it is not valid, in this scenario or before it."""
        refused = {exchange.key for fake in self.fakes.values() for exchange in fake.journal if exchange.status == 401}
        return all(fingerprint(key) in refused for fake in self.fakes.values() for key in fake.fake.keys)

    def revoke(self, key: str) -> None:
        """Have a key, given by its fingerprint, refused as a wrong one by the fake whose it is, from here on."""
        for fake in self.fakes.values():
            fake.revoked |= {secret for secret in fake.fake.keys if fingerprint(secret) == key}
        self.note("revoked", key=key)

    def count_connections(self) -> None:
        """Note in the history which connections are open, by the fakes' own count."""
        open_ = {name: sorted(c.arrival.connection for c in fake.connections) for name, fake in self.fakes.items()}
        self.note("connections", open=open_)

    async def hear_out(self) -> None:
        """Give the target half a second to write down what it has to, let it end, and read all that it has written.

        Much is written only then: buffers are, and what is registered for the exit. It is the last that is done with a
        target, unless one process serves the whole run: that one is read, in its log files too, and goes on.
        """
        await self.clock.sleep(0.5)
        if not self.fresh:
            self._target.hear()
            return
        with self._slowed_down():
            await self._target.stop()
        self.over = True

    async def kill(self) -> None:
        """End the target as a power cut does: `kill -9`, for it and for everything that it started.

        Calls that are open end as `died`. The target notes the event `killed` in the history.
        """
        with self._slowed_down():
            await self._target.kill()

    async def restart(self) -> None:
        """Start a target that was killed again: with the same folder, the same port and the same addresses.

        It starts in real time, as at the beginning, and the history has the event `restarted`.
        """
        with self._slowed_down():
            await self._target.start({})
        if isinstance(self.clock, WarpClock):
            self.clock.keeper = self._target.keeper or 0
        self.note("restarted", pid=self._target.pid)

    async def people(self, count: int, *locales: str, types: int | None = None) -> list[Person]:
        """So many people, of the locales in turn, each with a value of every type that the target says it masks.

        `types` is how many of these are enough. What people say is sought in everything that the target lets out.
        """
        assert self.contract.pii is not None
        claimed = self.contract.pii
        wanted = [locale for locale in locales if not claimed.locales or locale in claimed.locales]
        if not wanted:
            self.does_not_apply(f"contract.pii.locales does not name {' or '.join(locales)}")
        seed = str(self.history.heading.seed)
        with self._slowed_down():
            found = await asyncio.to_thread(people, count, wanted, claimed.types[:types], seed)
        if not any(person.values for person in found):
            self.does_not_apply(f"nothing that the contract's types name exists in {' or '.join(wanted)}")
        self.personal += [value for person in found for value in person.values]
        return [person for person in found if person.values]

    def decoys(self, count: int) -> list[str]:
        """So many sentences with something that looks like personal data and is none."""
        found = list(decoys(count, str(self.history.heading.seed)))
        self.personal += [value for _, value in found]
        return [text for text, _ in found]

    @property
    def is_heard(self) -> bool:
        """Whether what the target writes is read: that of one that was not started here is not."""
        return self._target.keeper is not None

    @property
    def cancels(self) -> bool:
        """Whether the target can be told that a caller has left who has heard nothing yet."""
        return self._target.cancels

    def within_deadline(self, seconds: float) -> float:
        """A duration, or as much of it as leaves a quarter of the target's deadline for everything else."""
        return min(seconds, 0.75 * self.contract.deadline)

    def vitals(self) -> Vitals | None:
        """How the target's processes are, noted in the history; None where the harness has not started them."""
        keeper = self._target.keeper
        if keeper is None:
            return None
        found = vitals(keeper)
        self.note("vitals", **asdict(found))
        return found

    async def cpu_share(self, seconds: float) -> float | None:
        """The part of a processor that the target uses over so many wall seconds, noted in the history."""
        keeper = self._target.keeper
        if keeper is None:
            return None
        # Processor time is wall time: what beats once a second must not be seen to beat fifty times.
        with self._slowed_down():
            share = round(await cpu_share(keeper, seconds, self.clock), 3)
        self.note("cpu", share=share)
        return share

    @contextmanager
    def _slowed_down(self) -> Iterator[None]:
        """Let target time run as wall time does for a while."""
        if not isinstance(self.clock, WarpClock):
            yield
            return
        clock, before = self.clock, self.clock.rate
        with clock.held():
            clock.rate = 1.0
            try:
                yield
            finally:
                clock.rate = before

    async def sleep(self, seconds: float) -> None:
        """Let target time pass."""
        await self.clock.sleep(seconds)

    async def call(
        self,
        text: str = "Please answer.",
        *,
        stream: bool = False,
        user: str | None = None,
        messages: Sequence[dict[str, Any]] | None = None,
        canary: str | None = None,
        leave_after: float | None = None,
        leave_after_chunks: int | None = None,
        patience: float | None = None,
        read_every: float = 0.0,
        spared: bool = False,
        **fields: Any,
    ) -> Call:
        """One call to the target, to its end.

        The canary is planted in the last message; with that of another call it is the same question. A call that is
        `spared` meets no fault. `leave_after` seconds or `leave_after_chunks` chunks make the caller leave early; a
        caller that takes one chunk every `read_every` seconds is slow. After `patience` seconds (the deadline and five
        seconds) the harness stops waiting.
        """
        call = self._new_call(text, messages, stream, user, canary)
        request = CallRequest(call.id, call.messages, stream, user, **fields)
        call.metadata, call.tools = request.metadata, request.tools or []
        self.history.calls.append(call)
        if spared:
            self._spared.add(call.canary)
        call.started = self.elapsed()
        waiting = self.contract.deadline + PATIENCE if patience is None else patience
        reader = asyncio.ensure_future(self._read(call, self._target.call(request), leave_after_chunks, read_every))
        leaving = leave_after is not None and leave_after < waiting
        timer = asyncio.ensure_future(self.clock.sleep(leave_after if leave_after is not None and leaving else waiting))
        try:
            await asyncio.wait({reader, timer}, return_when=asyncio.FIRST_COMPLETED)
            if not reader.done():
                if leaving:
                    call.cancelled = self.elapsed()
                else:
                    call.given_up = self.elapsed()
            if not reader.done() or call.cancelled is not None:
                await self._target.cancel(call.id)
        finally:
            reader.cancel()
            timer.cancel()
            await asyncio.gather(reader, timer, return_exceptions=True)
        return call

    async def calls(self, count: int, *, every: float = 0.0, **fields: Any) -> list[Call]:
        """Several callers, one every so many seconds; 0 is all at once."""

        async def late(number: int) -> Call:
            if every:
                await self.clock.sleep(number * every)
            return await self.call(**fields)

        return list(await asyncio.gather(*(late(number) for number in range(count))))

    async def callers(self, count: int, *, seconds: float, pause: float, **fields: Any) -> list[Call]:
        """Several callers for so many seconds, each with a pause between the end of a call and its next one.

        They start spread over one pause. Who still waits ten seconds past the end gives up.
        """
        began = self.elapsed()
        made: list[Call] = []

        async def caller(number: int) -> None:
            await self.clock.sleep(number * pause / count)
            while (left := seconds - (self.elapsed() - began) / 1e9) > 0:
                patience = min(left + 10.0, self.contract.deadline + PATIENCE)
                made.append(await self.call(patience=patience, **fields))
                await self.clock.sleep(pause)

        await asyncio.gather(*(caller(number) for number in range(count)))
        return made

    def exchanges(self, calls: Call | Sequence[Call]) -> list[Exchange]:
        """What the fakes have seen of calls so far, for a scenario that goes by it."""
        canaries = {call.canary for call in ([calls] if isinstance(calls, Call) else calls)}
        return [exchange for fake in self.fakes.values() for exchange in fake.journal if exchange.canary in canaries]

    def does_not_apply(self, reason: str) -> NoReturn:
        """End the scenario here: what it is about is nothing that this target does."""
        self.note("not_applicable", reason=reason)
        raise DoesNotApply(reason)

    def needs(self, claim: str) -> None:
        """End the scenario here where the contract does not make a claim."""
        if not self.contract.claims(claim):
            self.does_not_apply(f"the contract does not claim {claim}")

    def about_retries_of(self, calls: Call | Sequence[Call]) -> None:
        """End the scenario here, where a chain of providers is asked instead of the same one again."""
        made = Counter((exchange.canary, exchange.fake) for exchange in self.exchanges(calls))
        if self.contract.claims("fallback.chain") and made and max(made.values()) == 1:
            self.does_not_apply("no call is tried again at the same provider: the next of the chain is asked instead")

    def attempts(self, calls: Call | Sequence[Call] | None = None, fake: str | None = None) -> Attempts:
        """The exchanges made for calls, at one fake or at all."""
        if calls is None:
            return Attempts(None, fake)
        chosen = [calls] if isinstance(calls, Call) else calls
        return Attempts(tuple(call.id for call in chosen), fake)

    def expect(self, subject: Subject) -> Expect:
        """What is to hold of calls, of attempts, or of the whole history."""
        return Expect(self.history, subject)

    def new_canary(self) -> str:
        """A canary that no call has had."""
        return "".join(self._random.choices(ascii_lowercase + digits, k=6))

    def _new_call(
        self,
        text: str,
        messages: Sequence[dict[str, Any]] | None,
        stream: bool,
        user: str | None,
        canary: str | None,
    ) -> Call:
        canary = canary or self.new_canary()
        turns = [dict(message) for message in messages or [{"role": "user", "content": text}]]
        turns[-1]["content"] = f"[bo:{canary}] {turns[-1]['content']}"
        return Call(f"c{len(self.history.calls) + 1}", canary, 0, turns, stream, user)

    async def _read(
        self, call: Call, events: AsyncIterator[CallEvent], leave_after_chunks: int | None, read_every: float
    ) -> None:
        async for event in events:
            hear(call, event, self.elapsed())
            if isinstance(event, ChunkEvent):
                if leave_after_chunks is not None and len(call.chunks) >= leave_after_chunks:
                    call.cancelled = self.elapsed()
                    return
                if read_every:
                    await self.clock.sleep(read_every)


def expect(subject: Subject) -> Expect:
    """What is to hold of calls, of attempts, or of the whole history, in the scenario that is being run."""
    return _stage.get().expect(subject)


async def perform(stage: Stage, run: Any, *arguments: Any) -> None:
    """Run a scenario's function on its stage."""
    token = _stage.set(stage)
    try:
        await run(stage, *arguments)
    except DoesNotApply:
        return
    finally:
        _stage.reset(token)
