"""The cap is a wall.

The meter is the fakes' own: tokens they billed at the prices of `fakes/prices.toml`, or of `providers.*.price` in the
target file, in integer micro-dollars. A row spends its way to the cap with long answers; a cap that 500 of the longest
do not reach is given up, so state one for tests that some twenty to two hundred of them take.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from ..fakes.answer import Pace
from ..fakes.faults import Fault
from ..fakes.faults.connection import Cut, Refuse
from ..fakes.faults.stream import NoUsage
from ..fakes.server import FakeServer
from ..fakes.weather import always, first
from ..harness.checks.spending import accounts_truly, refused_unsent, within_cap, within_own_cap, worst_case_fits
from ..harness.history import Call
from ..harness.scenario import MUST, SHOULD, Case, scenario
from ..harness.spending import SHORTEST, Spending, pieces, prose
from ..harness.stage import Stage, expect

COST = "OWASP Top 10 for LLM applications, LLM10:2025 unbounded consumption"
CAP = "spend.cap"
SHORT_CALLS, NEARLY = 100, 0.8
"""Short answers before the cap at most, and of the dearest call what is left then: less than it takes."""


@dataclass(frozen=True, slots=True)
class Streams:
    """How streams are to end before they have been paid for."""

    fault: Fault | None = None
    every: int | None = None
    """Which of them it befalls, each third one: were it all, a breaker would be right to open, and nothing be spent."""
    part: float = 1.0
    """How much of the longest answer has come when it is cut or left."""
    leaving: bool = False
    estimated: float = 0.0
    """By how much of the cap a target may be wrong that is never told what it paid."""


@scenario("spend.cap", MUST, needs=CAP, heals=False, seconds=10, source=COST)
async def cap(stage: Stage) -> None:
    """Calls one after the other never cost more than the cap."""
    spending = of_everybody(stage)
    await spending.until_refused()
    expect(stage.history).to(within_cap)


@scenario("spend.fails-closed", MUST, needs=CAP, heals=False, seconds=10, source=COST)
async def fails_closed(stage: Stage) -> None:
    """When the cap is reached no request is sent, and callers are told why at once, or given a fallback."""
    spending = of_everybody(stage)
    await spending.until_refused()
    for _ in range(5):
        await spending.call(spending.longest)
    expect(stage.history).to(within_cap, at_once=True)
    expect(spending.calls[-5:]).to(refused_unsent)


@scenario("spend.concurrent", MUST, needs=CAP, heals=False, seconds=10, source=COST)
async def concurrent(stage: Stage) -> None:
    """Fifty callers at once, just under the cap, do not break it.

    Whoever looks at the budget, sends, and books the cost afterwards lets all of them pass.
    """
    spending = of_everybody(stage)
    await spending.call(spending.longest)  # how dear a call can be shows only then: a target may bound its answers
    await spending.until(left=5 * spending.dearest)
    spending.answer_fields["pace"] = Pace(first=0.5)
    await spending.call(spending.longest, crowd=50)
    await spending.until_refused()
    expect(stage.history).to(within_cap, at_once=True)


@scenario(
    "spend.streams",
    MUST,
    needs=CAP,
    heals=False,
    cases={
        "with-usage": Case(Streams(), needs="stream", streamed=True),
        "without-usage": Case(Streams(NoUsage(), estimated=0.1), needs="stream", streamed=True),
        "cut-short": Case(Streams(Cut(how="reset"), 3, 0.8, estimated=0.1), needs="stream", streamed=True),
        "cancelled": Case(Streams(part=0.25, leaving=True, estimated=0.25), needs="stream", streamed=True),
    },
    seconds=10,
    source=COST,
)
async def streams(stage: Stage, how: Streams) -> None:
    """Streams are paid from the cap: with and without a usage frame, cut short, and left by their callers.

    The provider bills what it has sent. Where it does not say how much that was, the target may be wrong by a part of
    the cap: a tenth, and a quarter where what was sent last reached nobody.
    """
    spending = of_everybody(stage, stream=True)
    await spending.call(SHORTEST)
    chunks = max(1, int(how.part * pieces(spending.longest)))
    fault = replace(how.fault, chunks=chunks) if isinstance(how.fault, Cut) else how.fault
    if fault is not None and (not isinstance(fault, NoUsage) or _asks_for_usage(stage)):
        await stage.weather(always(fault, every=how.every))
    if how.leaving:
        spending.call_fields["leave_after_chunks"] = chunks
    spending.answer_fields["pace"] = Pace(between=0.01 if how.leaving else 0.0)
    await spending.until_refused(crowd=5, estimated=how.estimated)
    expect(stage.history).to(within_cap, at_once=True, estimated=how.estimated, tried=0.5)


@scenario("spend.retries", MUST, needs=CAP, heals=False, seconds=15, source=COST)
async def retries(stage: Stage) -> None:
    """Attempts that were billed and whose answers were lost are paid from the cap.

    A reset in the middle of an answer costs the whole answer, and the next attempt costs another. It befalls three
    calls of ten: were it half of all requests, a breaker would be right to open, and nothing be spent.
    """
    spending = of_everybody(stage)
    await spending.call(SHORTEST)
    await stage.weather(first(1, Cut(how="reset"), chance=0.3))
    await spending.until_refused(crowd=5)
    expect(stage.history).to(within_cap, at_once=True, tried=0.5)


@scenario("spend.fallback-price", MUST, needs=CAP, heals=False, seconds=15, source=COST)
async def fallback_price(stage: Stage) -> None:
    """A fallback that is dearer is paid from the cap at its own price."""
    fallback = stage.contract.fallback
    if fallback is None or not fallback.chain:
        stage.does_not_apply("the contract does not claim fallback.chain")
    first_one, second = (stage.fakes[name] for name in fallback.chain[:2])
    spending = of_everybody(stage, at=second)
    if spending.price.output <= Spending(stage, spending.cap, first_one).price.output:
        stage.does_not_apply("the second provider of the chain is no dearer than the first")
    await spending.call(SHORTEST)
    await stage.weather(always(Refuse()), at=first_one)
    await spending.until_refused(crowd=5)
    expect(stage.history).to(within_cap, at_once=True, billed_at=second.fake.name)


@scenario("spend.per-user", MUST, needs="spend.per_user", heals=False, seconds=10, source=COST)
async def per_user(stage: Stage) -> None:
    """A user whose budget is spent is refused, and nobody else is."""
    remembered_in_one_scenario(stage)
    spend = stage.contract.spend
    assert spend is not None
    spending = Spending(stage, spend.per_user or 0, stage.primary, user="greedy")
    await spending.until_refused()
    if spend.cap is not None and spend.cap - spending.spent < spending.dearest:
        stage.does_not_apply("one user may spend nearly all that everybody may")
    stage.answer()
    others = await stage.calls(5, user="modest", max_tokens=200)
    expect(stage.history).to(within_own_cap, user="greedy")
    expect(others).answered()


@scenario("spend.output-inflation", MUST, needs=CAP, heals=False, seconds=10, source=COST)
async def output_inflation(stage: Stage) -> None:
    """Answers fifty times longer than usual do not break the cap.

    Whoever expects the next answer to cost what the last ones did lets one more pass. A bound on the output does not.
    """
    spending = of_everybody(stage)
    usual = await _nearly_spent(spending)
    for _ in range(3):
        await spending.call(spending.longest)
    await spending.until_refused()
    expect(stage.history).to(within_cap, at_once=True, usual=[call.id for call in usual])


@scenario("spend.estimates-first", SHOULD, needs=CAP, heals=False, seconds=10, source=COST)
async def estimates_first(stage: Stage) -> None:
    """A request whose longest answer would cost more than what is left is not sent."""
    spending = of_everybody(stage)
    if stage.contract.claims("spend.post_paid"):
        stage.does_not_apply("the call that crosses the cap is still made, as the contract says")
    await _nearly_spent(spending)
    stage.answer()
    last = [await stage.call(max_tokens=spending.longest) for _ in range(3)]
    expect(last).to(worst_case_fits, prices=prices(stage), allow_none=True)


async def _nearly_spent(spending: Spending) -> list[Call]:
    """Come so near the cap that one dear call crosses it, the last steps with short answers; these calls.

    Whoever expects the next answer to be like the last ones is misled.
    """
    await spending.call(spending.longest)
    dearest = spending.dearest
    await spending.until(left=2 * dearest)
    usual: list[Call] = []
    while len(usual) < SHORT_CALLS and not spending.refused and spending.cap - spending.spent > NEARLY * dearest:
        usual += await spending.call(max(SHORTEST, spending.longest // 50), crowd=5)
    return usual


@scenario("spend.restart", MUST, needs="spend.durable", heals=False, seconds=10, source=COST)
async def restart(stage: Stage) -> None:
    """What was spent is remembered after `kill -9` and a new start."""
    spending = of_everybody(stage)
    await spending.until(left=spending.cap // 3)
    stage.answer(text=prose(spending.longest), pace=Pace(first=0.1, between=0.01))
    crashing = asyncio.ensure_future(stage.call(max_tokens=spending.longest, stream=stage.contract.claims("stream")))
    await stage.sleep(0.5)
    await stage.kill()
    await crashing
    await stage.restart()
    await spending.until_refused()
    expect(stage.history).to(within_cap, at_once=True)


@scenario(
    "spend.accurate",
    SHOULD,
    needs="spend",
    cases={
        "plain": {},
        "streamed": Case({}, needs="stream", streamed=True),
        "cached": {"cached_tokens": 1024},
        "reasoning": {"reasoning_tokens": 300},
    },
    source="provider documentation: the usage of an answer",
)
async def accurate(stage: Stage, fields: dict[str, Any]) -> None:
    """What a call is said to have cost is what was billed, within one per cent.

    Cached tokens of the prompt are cheaper, and what a model thinks before it speaks is paid like what it says.
    """
    stream = stage.history.heading.case == "streamed"
    stage.answer(text=prose(500), **fields)
    calls = [await stage.call("Please answer. " + prose(1500), stream=stream, max_tokens=900) for _ in range(3)]
    if all(call.cost is None for call in calls):
        stage.does_not_apply("the target does not say what a call has cost")
    expect(calls).to(accounts_truly)


def of_everybody(stage: Stage, *, at: FakeServer | None = None, **call_fields: Any) -> Spending:
    """Calls in nobody's name that are paid from the cap."""
    remembered_in_one_scenario(stage)
    spend = stage.contract.spend
    if spend is None or spend.cap is None:
        stage.does_not_apply("the contract does not claim spend.cap")
    return Spending(stage, spend.cap, at or stage.primary, call_fields=call_fields)


def remembered_in_one_scenario(stage: Stage) -> None:
    """End the scenario here, where a budget that it spends would be spent for every row that follows."""
    if not stage.fresh:
        stage.does_not_apply("the target is started once for the run: a budget spent here is spent for every other row")


def prices(stage: Stage) -> dict[str, list[float]]:
    """Of each fake the price of input and output, and how long an answer of its model may be."""
    models = {name: server.fake.find(server.fake.model) for name, server in stage.fakes.items()}
    return {name: [m.price.input, m.price.output, m.max_output] for name, m in models.items() if m is not None}


def _asks_for_usage(stage: Stage) -> bool:
    """Whether the target has asked for the frame that the fault would take away."""
    return any("include_usage" in exchange.request_body for exchange in stage.exchanges(stage.history.calls))
