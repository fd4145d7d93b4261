"""How a scenario spends its way to a cap: by what its calls cost on the fakes' own meter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..fakes.answer import Answer
from ..fakes.fake import Price
from ..fakes.journal import Exchange
from ..fakes.server import FakeServer
from .history import Call
from .stage import Stage

CALLS_TO_THE_CAP = 20
"""Calls that take a cap at least: with fewer, one call more or less would say nothing."""
MOST_CALLS = 500
"""Calls after which a cap is given up as too far away."""
BEYOND = 3
"""Calls, or crowds, past the cap after which it is plain that nothing stops them."""
FAR = 10
"""Callers at once where the cap is far."""
IN_VAIN = 3
"""Times in a row that calls may come to the wire and cost nothing."""
NEAR = 20
"""The part of the longest answer that is too little to be worth another call."""
SHORTEST = 16
"""Tokens of the shortest answer."""
PROMPT_TOKENS = 40
"""What a short prompt takes at most."""
SETTLING = 0.005
"""Seconds between looks at exchanges that are not over."""
SYLLABLE, MOST_SYLLABLES, WORDS = "answer-", 120, 4
"""Long words are few pieces, and no tokenizer takes them for fewer tokens than the fakes do; a text has several."""


def prose(tokens: int) -> str:
    """A text of a little more than so many tokens, of which a bound on the output leaves something."""
    word = SYLLABLE * max(1, min(MOST_SYLLABLES, 4 * tokens // (WORDS * len(SYLLABLE))))
    return " ".join([word] * (4 * tokens // len(word) + 1))


def pieces(tokens: int) -> int:
    """In how many pieces an answer of so many tokens is streamed."""
    return len(Answer(text=prose(tokens)).cut_to(tokens).pieces(None))


@dataclass
class Spending:
    """Calls that cost money: `cap` and all amounts are micro-dollars."""

    stage: Stage
    cap: int
    at: FakeServer
    """Whose model answers."""
    user: str | None = None
    """In whose name; None is nobody's, and everything that was spent counts."""
    call_fields: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `Stage.call`."""
    answer_fields: dict[str, Any] = field(default_factory=dict)
    """Further fields of `Answer`."""
    calls: list[Call] = field(default_factory=list)
    _last: list[Call] = field(default_factory=list)
    _in_vain: int = 0

    @property
    def price(self) -> Price:
        """What the model costs."""
        model = self.at.fake.find(self.at.fake.model)
        return Price(0.0, 0.0) if model is None else model.price

    @property
    def longest(self) -> int:
        """Tokens of an answer of which a cap takes some calls."""
        model = self.at.fake.find(self.at.fake.model)
        most = 16_384 if model is None else min(model.max_output, model.window // 2)
        return max(SHORTEST, min(most, self._tokens(self.cap // CALLS_TO_THE_CAP)))

    @property
    def spent(self) -> int:
        """What the fakes have billed so far."""
        return sum(exchange.microdollars for exchange in self._exchanges())

    @property
    def dearest(self) -> int:
        """What the dearest exchange was billed; before there is any, what the longest answer would be."""
        known = max((exchange.microdollars for exchange in self._exchanges()), default=0)
        return known or round(self.longest * self.price.output)

    @property
    def refused(self) -> bool:
        """Whether a call of the last ones never came to the wire."""
        return any(not self.stage.exchanges(call) for call in self._last)

    async def call(self, tokens: int, *, crowd: int = 1, **fields: Any) -> list[Call]:
        """As many callers at once, each with an answer of so many tokens, until their exchanges are billed."""
        before = self.spent
        self.stage.answer(text=prose(tokens), **self.answer_fields)
        given = {"max_tokens": tokens, "user": self.user, **self.call_fields, **fields}
        self._last = await self.stage.calls(crowd, **given)
        while any(not exchange.ended for exchange in self._exchanges()):
            await self.stage.sleep(SETTLING)
        self.calls += self._last
        self._in_vain = self._in_vain + 1 if self.spent == before else 0
        return self._last

    async def until(self, left: int) -> None:
        """Call until no more than `left` of the cap is left, or a call stays off the wire.

        The last answer is as long as is needed.
        """
        while self._worth_another:
            room = self.cap - left - self.spent
            tokens = min(self.longest, self._tokens(room))
            if tokens < max(SHORTEST, self.longest // NEAR):
                return
            await self.call(tokens, crowd=self._crowd(room, 1))

    async def until_refused(self, *, crowd: int = 1, estimated: float = 0.0) -> None:
        """Call until a call stays off the wire, or it is plain that nothing stops them; near the cap in such crowds.

        It is plain beyond the cap and what is allowed besides: `estimated` is by how much of the cap one may be wrong.
        """
        spend = self.stage.contract.spend
        most = self.cap * (1 + estimated) + (0 if spend is None else spend.overshoot or 0)
        while self._worth_another and self.spent <= most + BEYOND * crowd * self.dearest:
            await self.call(self.longest, crowd=self._crowd(self.cap - self.spent, crowd))

    @property
    def _worth_another(self) -> bool:
        return not self.refused and len(self.calls) < self._most_calls and self._in_vain < IN_VAIN

    @property
    def _most_calls(self) -> int:
        """Calls after which the cap is given up: at once where it is plain that none of them would reach it."""
        dearest = max(self.dearest, self.longest * self.price.output)
        return MOST_CALLS if self.cap <= 2 * MOST_CALLS * dearest else FAR

    def _crowd(self, room: int, near: int) -> int:
        """How many may come at once: far from the cap it does not matter."""
        return max(FAR, near) if room > 2 * max(FAR, near) * self.dearest else near

    def _tokens(self, microdollars: int) -> int:
        """How long an answer so much money pays."""
        paid = microdollars - PROMPT_TOKENS * self.price.input
        return int(paid / self.price.output) if self.price.output else 0

    def _exchanges(self) -> list[Exchange]:
        if self.user is not None:
            return self.stage.exchanges([call for call in self.stage.history.calls if call.user == self.user])
        return [exchange for fake in self.stage.fakes.values() for exchange in fake.journal]
