"""An answer is given again to whom it belongs, as long as it is good, and never when it was none.

Calls with one canary ask the same question; all others are questions of their own, and no cache knows them.
"""

from __future__ import annotations

from typing import Any

from ..fakes.answer import Pace
from ..fakes.fake import Fake
from ..fakes.faults import Fault
from ..fakes.faults.body import ErrorInOk
from ..fakes.faults.connection import Cut
from ..fakes.faults.replies import ServerError
from ..fakes.weather import always
from ..harness.checks.answers import reached_the_wire
from ..harness.checks.caching import asks_again, expired, from_the_cache, not_mistaken
from ..harness.checks.retries import asked_once
from ..harness.history import Call
from ..harness.scenario import MUST, SHOULD, Case, scenario
from ..harness.stage import Stage, expect

SYSTEM = [{"role": "system", "content": "You answer in verse."}, {"role": "user", "content": "Please answer."}]
EARLIER = [
    {"role": "user", "content": "Please listen."},
    {"role": "assistant", "content": "I do."},
    {"role": "user", "content": "Please answer."},
]
TOOL = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object", "properties": {}}}}
LONGEST_WAIT = 90.0
"""Seconds that the end of a ttl is waited for in real time."""


@scenario("cache.hit", MUST, needs="cache")
async def hit(stage: Stage) -> None:
    """The same question is answered again without asking the provider, and the answer is the same."""
    first = await stage.call(user="u1")
    again = await stage.call(user="u1", canary=first.canary)
    expect(first).to(reached_the_wire)
    expect([first, again]).answered()
    expect(again).to(from_the_cache)


@scenario(
    "cache.no-errors-cached",
    MUST,
    needs="cache",
    cases={"500": ServerError(should_retry=False), "error-in-200": ErrorInOk()},
    seconds=25,
)
async def no_errors_cached(stage: Stage, fault: Fault) -> None:
    """What failed is asked again: an error is no answer to be kept."""
    await _recovers(stage, fault, stream=False)


@scenario(
    "cache.no-partials-cached",
    MUST,
    needs="cache",
    cases={
        "half-a-body": Case((Cut(how="fin"), False)),
        "broken-stream": Case((Cut(chunks=3, how="fin"), True), streamed=True),
        "ended-stream": Case((Cut(chunks=3, how="clean"), True), streamed=True),
    },
    seconds=25,
)
async def no_partials_cached(stage: Stage, case: tuple[Fault, bool]) -> None:
    """An answer that broke off is asked again: a part of it is no answer to be kept."""
    fault, stream = case
    if stream:
        stage.needs("stream")
    await _recovers(stage, fault, stream=stream)


@scenario("cache.no-fallbacks-cached", MUST, needs="cache", seconds=10)
async def no_fallbacks_cached(stage: Stage) -> None:
    """What stood in for the provider's answer is not given again once the provider has recovered."""
    stage.needs("fallback")
    await _recovers(stage, ServerError(should_retry=False), stream=False, everywhere=False)


@scenario(
    "cache.keyed-right",
    MUST,
    needs="cache",
    cases={
        "system prompt": {"messages": SYSTEM},
        "earlier turns": {"messages": EARLIER},
        "model": {"model": "another"},
        "length": {"max_tokens": 333},
        "tools": {"tools": [TOOL]},
        "temperature": {"temperature": 0.5},
        "user": {"user": "u2"},
    },
)
async def keyed_right(stage: Stage, case: dict[str, Any]) -> None:
    """Another model, system prompt, length, user or whatever else changes the answer makes it another question.

    Where a target does not tell the provider what differs, the answers do not differ either; but what one user was told
    is never told to another, unless the contract says that the cache is for all.
    """
    what = next(iter(case)).replace("messages", "system prompt" if case.get("messages") is SYSTEM else "conversation")
    asked = {"user": "u1", **case}
    if what == "model":
        asked["model"] = _another_model(stage.primary.fake)
    first = await stage.call(user="u1")
    other = await stage.call(**asked)
    if not other.done:
        stage.does_not_apply(f"a question with another {what} is not answered")
    if what == "user" and stage.contract.cache and stage.contract.cache.scope == "all":
        stage.does_not_apply("the cache is for all users")
    if what != "user" and _sent(stage, first) == _sent(stage, other):
        stage.does_not_apply(f"the target does not tell the provider of another {what}")
    again = await stage.call(canary=first.canary, **asked)
    expect([first, again]).answered()
    expect(again).to(not_mistaken, what=what)


@scenario("cache.expires", MUST, needs="cache.ttl", seconds=40)
async def expires(stage: Stage) -> None:
    """When an answer's time is over the provider is asked again."""
    assert stage.contract.cache is not None
    ttl = stage.contract.cache.ttl or 0.0
    if stage.in_real_time and ttl > LONGEST_WAIT:
        stage.does_not_apply(f"nobody waits for {ttl:g} s in real time: --clock auto")
    first = await stage.call(user="u1")
    await stage.sleep(1.05 * ttl + 1.0)
    again = await stage.call(user="u1", canary=first.canary)
    expect(again).answered().to(expired, ttl=ttl)


@scenario("cache.single-flight", SHOULD, needs="cache.single_flight")
async def single_flight(stage: Stage) -> None:
    """Callers with the same question at the same moment share one request."""
    stage.answer(pace=Pace(first=1.0))
    calls = await stage.calls(20, user="u1", canary=stage.new_canary())
    expect(calls).answered()
    expect(stage.attempts(calls)).to(asked_once)


async def _recovers(stage: Stage, fault: Fault, *, stream: bool, everywhere: bool = True) -> None:
    """A question in bad weather, and the same again when it is fair and another question has been answered."""
    await stage.weather(always(fault), at=None if everywhere else stage.primary)
    first = await stage.call(stream=stream, user="u1")
    await stage.weather()
    control = await stage.call(stream=stream, user="u1")
    again = await stage.call(stream=stream, user="u1", canary=first.canary)
    expect(again).to(asks_again, control=[control.id])


def _another_model(fake: Fake) -> str | None:
    """One that the provider has besides the one that is asked for."""
    models = {name: fake.find(name) for name in fake.known() if name != fake.model}
    return next((name for name, model in models.items() if model is not None and model.max_output), None)


def _sent(stage: Stage, call: Call) -> list[str]:
    """What the provider was told, but for the question's mark."""
    return [exchange.request_body.replace(call.canary, "") for exchange in stage.exchanges(call)]
