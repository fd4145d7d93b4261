"""The user always gets something honest.

Who answers when a provider fails is here; what callers are told of it is in `degrade_honesty.py`.
"""

from __future__ import annotations

from ..fakes.faults import AnyFault, Fault
from ..fakes.faults.answers import StopReason
from ..fakes.faults.body import HtmlPage, MalformedJson
from ..fakes.faults.connection import Cut, HangBeforeHeaders, Refuse, ResetBeforeHeaders
from ..fakes.faults.replies import ContentPolicy, ContextLength, ModelGone, RateLimited, ServerError, Status
from ..fakes.server import FakeServer
from ..fakes.weather import always, sometimes
from ..harness.checks.degrading import (
    keys_stay_at_home,
    mostly_answered,
    served_by,
    serves_again,
    shown_to_nobody_else,
    told_something,
    walks_the_chain,
)
from ..harness.checks.hints import waits_for_retry_after
from ..harness.checks.retries import bounded, tried_once
from ..harness.history import Call
from ..harness.scenario import MUST, SHOULD, Case, scenario
from ..harness.stage import Stage, expect

AFTERWARDS = 3.0
"""Seconds to watch for attempts that go on behind the caller's back."""
FALLBACKS = "Site Reliability Engineering, chapter 22: graceful degradation"


def link(stage: Stage, place: int) -> FakeServer:
    """The fake at a place of the chain that the target promises, counted from 0."""
    assert stage.contract.fallback is not None
    return stage.fakes[stage.contract.fallback.chain[place]]


async def _served_by_the_next(stage: Stage, call: Call) -> None:
    """What is to hold of a call whose first provider fails."""
    second = link(stage, 1)
    expect(call).answered().ended().to(served_by, fake=second.fake.name, model=second.fake.model)
    expect(stage.attempts(call)).to(keys_stay_at_home)


@scenario(
    "degrade.answers-in-outage",
    MUST,
    needs="fallback",
    cases={"errors": ServerError(), "refused": Refuse()},
    seconds=30,
    source=FALLBACKS,
)
async def answers_in_outage(stage: Stage, fault: AnyFault) -> None:
    """In a total outage of the first provider every caller gets the promised fallback, before the deadline.

    Ten callers, one after the other: what one of them is given costs the next one nothing. Where a fixed answer is all
    that is promised, it is what they get.
    """
    if stage.contract.claims("fallback.chain"):
        await stage.weather(always(fault), at=link(stage, 0))
        expect(await stage.calls(10, every=0.2)).answered().ended()
    elif stage.contract.claims("fallback.static"):
        await stage.weather(always(fault))
        expect(await stage.calls(10, every=0.2)).to(told_something).ended()
    else:
        stage.does_not_apply("the contract claims neither fallback.chain nor fallback.static")


@scenario(
    "degrade.second-provider",
    MUST,
    needs="fallback.chain",
    cases={
        "500": (ServerError(), False),
        "429": (RateLimited(), False),
        "429-long": (RateLimited(retry_after=120), False),
        "529": (Status(529), False),
        "hang": (HangBeforeHeaders(), False),
        "refused": (Refuse(), False),
        "reset": (ResetBeforeHeaders(), False),
        "html-200": (HtmlPage(), False),
        "broken-json": (MalformedJson(), False),
        "streamed": Case((ServerError(), True), streamed=True),
        "cut-before-the-first-token": Case((Cut(0, how="reset"), True), streamed=True),
    },
    seconds=40,
)
async def second_provider(stage: Stage, case: tuple[AnyFault, bool]) -> None:
    """When the first provider fails, in whatever way, the next of the chain answers, by its own model and key.

    One completed answer: a second one would be paid for, too. A provider that asked to be left alone is.
    """
    fault, stream = case
    if stream:
        stage.needs("stream")
    await stage.weather(always(fault), at=link(stage, 0))
    call = await stage.call(stream=stream)
    await stage.sleep(AFTERWARDS)
    await _served_by_the_next(stage, call)
    if isinstance(fault, RateLimited) and fault.retry_after is not None:
        expect(stage.attempts(call)).to(waits_for_retry_after)


@scenario("degrade.order", MUST, needs="fallback.chain", seconds=35)
async def order(stage: Stage) -> None:
    """When the first and the second provider are down the third answers, each having been asked in its turn."""
    assert stage.contract.fallback is not None
    chain = list(stage.contract.fallback.chain)
    if len(chain) < 3:
        stage.does_not_apply(f"the chain has {len(chain)} providers: their order shows from the third on")
    if stage.contract.fallback.balance:
        stage.does_not_apply("the contract claims fallback.balance: there is no order")
    await stage.weather(*(always(ServerError(), provider=name) for name in chain[:2]))
    call = await stage.call()
    third = link(stage, 2)
    expect(call).answered().to(served_by, fake=third.fake.name, model=third.fake.model)
    expect(stage.attempts(call)).to(walks_the_chain, chain=chain, every=True).to(
        bounded, at_most=stage.contract.max_attempts
    )


@scenario("degrade.no-ping-pong", MUST, needs="fallback.chain", cases={"errors": False, "limits": True}, seconds=40)
async def no_ping_pong(stage: Stage, limited: bool) -> None:
    """When every provider is down the chain is walked once: nobody is asked again whose turn is over.

    Going round and round is a retry storm at every provider at once.
    """
    assert stage.contract.fallback is not None
    await stage.weather(always(RateLimited() if limited else ServerError()))
    calls = await stage.calls(2)
    await stage.sleep(AFTERWARDS)
    attempts = expect(stage.attempts(calls)).to(bounded, at_most=stage.contract.max_attempts)
    if not stage.contract.fallback.balance:
        attempts.to(walks_the_chain, chain=list(stage.contract.fallback.chain))
    expect(calls).ended()


@scenario("degrade.returns-to-primary", MUST, needs="fallback.chain", seconds=75)
async def returns_to_primary(stage: Stage) -> None:
    """A provider that has recovered serves again within the time promised, twice the breaker's cooldown by default.

    The fallback is dearer, slower or worse; that is why it comes second.
    """
    within = stage.contract.return_within
    await stage.weather(always(ServerError()), at=link(stage, 0))
    await stage.calls(10)
    await stage.weather()
    recovered = stage.elapsed() / 1e9
    calls = [await stage.call()]
    while not _served(stage, calls[-1]) and stage.elapsed() / 1e9 - recovered < within:
        await stage.sleep(within / 30)
        calls.append(await stage.call())
    expect(calls).to(serves_again, fake=link(stage, 0).fake.name, since=recovered, within=within)


@scenario("degrade.partial-outage", MUST, seconds=25)
async def partial_outage(stage: Stage) -> None:
    """While three of ten requests fail at random, 99 of 100 callers have their answer.

    Four hundred callers, because a client that tries three times loses no more than three of a hundred. Never more than
    three attempts of a call fail in a row: four are what the field makes.
    """
    await stage.weather(sometimes(0.3, ServerError(), attempts=(1, 3)), at=stage.primary)
    calls = await stage.calls(400, every=0.025)
    expect(calls).to(mostly_answered, share=0.99)


@scenario("degrade.model-gone", SHOULD, needs="fallback.chain")
async def model_gone(stage: Stage) -> None:
    """A model that has been retired is not asked for twice: the next of the chain answers."""
    await stage.weather(always(ModelGone()), at=link(stage, 0))
    call = await stage.call()
    await _served_by_the_next(stage, call)
    expect(stage.attempts(call, link(stage, 0).fake.name)).to(tried_once)


@scenario("degrade.bigger-context", SHOULD, needs="fallback.context")
async def bigger_context(stage: Stage) -> None:
    """A prompt that does not fit one model is answered by the larger one that is promised for it."""
    assert stage.contract.fallback is not None
    larger = stage.fakes[stage.contract.fallback.context or ""]
    await stage.weather(
        *(always(ContextLength(forced=True), provider=name) for name in stage.fakes if name != larger.fake.name)
    )
    call = await stage.call()
    expect(call).answered().to(served_by, fake=larger.fake.name, model=larger.fake.model)


@scenario(
    "degrade.refusal-is-not-outage",
    SHOULD,
    needs="fallback.chain",
    cases={"error": ContentPolicy(), "filtered": StopReason("content_filter")},
)
async def refusal_is_not_outage(stage: Stage, fault: Fault) -> None:
    """A prompt that one provider refuses for what it says is not taken to the next, unless that is promised."""
    assert stage.contract.fallback is not None
    if "content_policy" in stage.contract.fallback.on:
        stage.does_not_apply("contract.fallback.on promises that a refused prompt is taken to the next provider")
    first = link(stage, 0)
    await stage.weather(always(fault), at=first)
    call = await stage.call()
    await stage.sleep(AFTERWARDS)
    expect(stage.attempts(call)).to(shown_to_nobody_else, fake=first.fake.name)


def _served(stage: Stage, call: Call) -> bool:
    """Whether the first of the chain has answered a call."""
    return any(x.fake == link(stage, 0).fake.name and x.sent_whole for x in stage.exchanges(call))
