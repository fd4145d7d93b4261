"""What a fake does about a request, apart from any wire.

It reads the request in its dialect, counts it against the limits, lets the weather rewrite the answer, and writes all
of it into the journal. The server plays what comes of it on a socket, `inprocess` plays it inside httpx.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from random import Random

from .answer import Answer, find_canary
from .ask import Ask, Request, Trouble
from .clock import Clock, RealClock
from .dialects import dialect
from .dialects.session import Session
from .fake import Fake
from .faults import Fault, name_of
from .journal import Exchange, failure, fingerprint
from .masking import Mask
from .meter import Tally, settle_batch
from .picking import Picked, pick
from .quota import Exceeded, Quota
from .rewriting import Rewritten, rewritten
from .script import Head, Op, Reset, Script, Wait, header, with_headers
from .weather import Weather

LONGEST_ANSWER = 1024 * 1024
"""Bytes of padding up to which a fair answer is kept in the journal."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is to be played, and the tally of what leaves of it."""

    script: Script
    ask: Ask | None = None
    tally: Tally | None = None


class Responder:
    """Answers the requests of one fake."""

    def __init__(
        self,
        fake: Fake,
        *,
        clock: Clock | None = None,
        origin: int | None = None,
        weather: Weather | None = None,
        named: Mapping[str, Weather] | None = None,
        number: Callable[[], int] | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        self.fake = fake
        self.clock: Clock = clock or RealClock()
        self.origin = self.clock.nanoseconds() if origin is None else origin
        self.weather = weather or Weather()
        self.named = dict(named or {})
        """Weathers that a client picks by its base URL, see `picking`; they are asked about requests only."""
        self.answer = Answer()
        self.quota = Quota(fake.limits)
        self.journal: list[Exchange] = []
        self._number = number or _counter()
        self.revoked: set[str] = set()
        """Keys that were good once, and are from here on refused as wrong ones."""
        self._mask = Mask([*fake.keys, *secrets])
        self.dialect = dialect(fake.dialect)
        self._attempts: Counter[str | None] = Counter()

    def seconds(self) -> float:
        """The time of the fakes' clock in seconds; only differences mean anything."""
        return self.clock.nanoseconds() / 1e9

    def elapsed(self) -> int:
        """Nanoseconds since the scenario began."""
        return self.clock.nanoseconds() - self.origin

    def open(self, connection: int, accepted: int) -> Exchange:
        """A request begins: its journal entry."""
        name = f"x{self._number()}"
        exchange = Exchange(name, self.fake.name, self.fake.dialect, connection, accepted, self.elapsed())
        self.journal.append(exchange)
        return exchange

    def reply(
        self, exchange: Exchange, request: Request, session: Session | None = None, refusal: Trouble | None = None
    ) -> Reply:
        """What is to be played in answer to a request, or in a session to one of its events.

        A `refusal` is what the session says to that whatever the weather.
        """
        try:
            return self._reply(exchange, request, session, refusal)
        except Exception as error:  # a broken dialect or fault breaks its exchange, never the server
            self.note(exchange, request)
            return self._broken(exchange, error)

    def read(self, exchange: Exchange, request: Request, session: Session | None = None) -> None:
        """Read a request that will never be answered: it counts as an attempt and is noted, nothing else."""
        try:
            self._note_ask(exchange, self._ask(pick(request, self.named), session), request)
        except Exception as error:  # as above
            self.note(exchange, request)
            exchange.error = failure(error)

    def refusal(self, exchange: Exchange, request: Request, trouble: Trouble) -> Reply:
        """The provider's refusal of a request whose body cannot be read, whatever the weather."""
        self.note(exchange, request)
        exchange.trouble = trouble.kind
        ask = Ask(self.dialect, self.fake, "unknown", request, now=self.clock.epoch(), trouble=trouble)
        try:
            return Reply(_dated(self.dialect.trouble(ask, trouble), ask), ask)
        except Exception as error:  # as above
            return self._broken(exchange, error)

    def note(self, exchange: Exchange, request: Request, key: str | None = None) -> None:
        """Write a request into the journal, as far as it came, without its secrets."""
        mask = self._mask.also(key)
        exchange.method = mask.text(request.method)
        exchange.path = mask.path(request.path + ("?" + request.query if request.query else ""))
        exchange.request_headers = mask.headers(request.headers)
        exchange.request_body = mask.text(request.body.decode("utf-8", "replace"))

    def masked(self, text: str) -> str:
        """What a client has said, without secrets."""
        return self._mask.text(text)

    def settle(self, exchange: Exchange, reply: Reply) -> None:
        """An exchange is over: what it cost."""
        ask = reply.ask
        if ask is None or reply.tally is None:
            return
        model = self.fake.find(ask.model)
        reply.tally.settle(exchange, model.price if model else None)
        beyond = exchange.output_tokens - (ask.max_output or 0)
        self.quota.settle(ask.key, ask.model, beyond, self.seconds())
        settle_batch(exchange, ask)  # limits a minute are not about it

    def _broken(self, exchange: Exchange, error: Exception) -> Reply:
        exchange.error, exchange.ended = failure(error), "stopped"
        return Reply((Reset(),))

    def _ask(self, picked: Picked, session: Session | None = None) -> Ask:
        good = tuple(key for key in self.fake.keys if key not in self.revoked)
        fake = replace(self.fake, keys=good, revoked=tuple(sorted(self.revoked))) if self.revoked else self.fake
        ask = (session or self.dialect).read(picked.request, fake)
        ask.trouble = picked.trouble or ask.trouble
        ask.canary = find_canary(ask.texts)
        self._attempts[ask.canary] += 1
        ask.attempt = self._attempts[ask.canary]
        ask.now = self.clock.epoch()
        ask.answer = self.answer.heard(ask.texts)
        ask.random = Random(f"{self.weather.seed}/{self.fake.name}/{ask.canary}/{ask.attempt}")
        return ask

    def _reply(self, exchange: Exchange, request: Request, session: Session | None, refusal: Trouble | None) -> Reply:
        picked, now = pick(request, self.named), self.seconds()
        ask = self._ask(picked, session)
        ask.trouble = refusal or ask.trouble
        self._count(ask, now)
        fair = self._fair(ask)
        self._note_ask(exchange, ask, request)
        faults = () if refusal else self._faults(picked, ask, now)
        if picked.trouble is not None:
            exchange.error = self._mask.also(ask.key).text(picked.trouble.message or "")
        if session is not None:
            played = _biting(rewritten(fair, faults, ask, session.carried), exchange) if faults else fair
            return Reply(played, ask, Tally(ask, fair))
        script: Script = _biting(rewritten(fair, faults, ask), exchange) if faults else fair
        return Reply(_dated(script, ask), ask, Tally(ask, fair))

    def _faults(self, picked: Picked, ask: Ask, now: float) -> tuple[Fault, ...]:
        """The faults that meet the request: those it has picked, or those of the weather."""
        if picked.trouble is not None:
            return ()
        return (picked.fault,) if picked.fault is not None else (picked.weather or self.weather).faults(ask, now)

    def _count(self, ask: Ask, now: float) -> None:
        """Count the request against the limits of its key and model."""
        if ask.trouble is None and ask.model is not None and ask.route not in self.dialect.sessions:
            tokens = ask.input_tokens + (ask.max_output or 0)
            exceeded = self.quota.admit(ask.key, ask.model, tokens, now, ask.now)
            ask.trouble = None if exceeded is None else _too_much(exceeded)
        ask.quota = self.quota.state(ask.key, ask.model, now, ask.now)

    def _fair(self, ask: Ask) -> list[Op]:
        if ask.trouble is not None:
            return list(ask.dialect.trouble(ask, ask.trouble))
        return [Wait(ask.answer.pace.first), *ask.dialect.answer(ask)]

    def _note_ask(self, exchange: Exchange, ask: Ask, request: Request) -> None:
        self.note(exchange, request, ask.key)
        text = self._mask.also(ask.key).text
        exchange.route, exchange.stream, exchange.max_output = ask.route, ask.stream, ask.max_output
        exchange.model = None if ask.model is None else text(ask.model)
        exchange.user = None if ask.user is None else text(ask.user)
        exchange.texts, exchange.tools = tuple(map(text, ask.texts)), tuple(map(text, ask.tools))
        exchange.canary, exchange.attempt, exchange.key = ask.canary, ask.attempt, fingerprint(ask.key)
        exchange.input_tokens, exchange.cached_tokens = ask.input_tokens, ask.cached_tokens
        exchange.cache_written_tokens = ask.cache_written_tokens
        if ask.trouble is None:
            # A long stream is not put together only to be found too long: every other exchange would wait for it.
            known = ask.answer.weight <= LONGEST_ANSWER
            exchange.answer = text(ask.answer.whole(ask.canary)) if known else None
        else:
            exchange.trouble = ask.trouble.kind


def _biting(played: Rewritten, exchange: Exchange) -> Script:
    """What is to be played; a fault enters the journal when it bites."""
    for index, op in enumerate(played.ops):
        exchange.faults += tuple(map(name_of, played.biting(index)))
        yield op


def _dated(script: Script, ask: Ask) -> Script:
    """The script with the date in its head, where no fault has set another."""
    for op in script:
        if isinstance(op, Head) and header(op.headers, "date") is None:
            yield with_headers(op, ("date", formatdate(ask.now, usegmt=True)))
        else:
            yield op


def _too_much(exceeded: Exceeded) -> Trouble:
    kind = "rate_limited_tokens" if exceeded.dimension == "tokens" else "rate_limited"
    return Trouble(kind, retry_after=exceeded.retry_after)


def _counter() -> Callable[[], int]:
    counts = iter(range(1, 2**62))
    return lambda: next(counts)
