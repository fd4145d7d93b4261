"""The provider says when to come back: not sooner, and not much later."""

from __future__ import annotations

from ..fakes.faults import Fault
from ..fakes.faults.replies import RateLimited, Unavailable
from ..fakes.weather import always, first
from ..harness.checks.hints import comes_back_within, leaves_alone, waits_for_retry_after
from ..harness.checks.retries import bounded, survives_the_hint
from ..harness.checks.spacing import spaced
from ..harness.history import Call
from ..harness.scenario import MUST, SHOULD, scenario
from ..harness.stage import Stage, expect

RETRY_AFTER = "RFC 9110 10.2.3; provider documentation"
AFTERWARDS = 3.0
"""Seconds to watch for attempts that go on behind the caller's back."""


async def _refused_once(stage: Stage, fault: Fault, seconds: float) -> Call:
    """A call whose first attempt is refused with a hint, watched until the hint is over."""
    await stage.weather(first(1, fault), at=stage.primary)
    call = await stage.call()
    left = seconds + 0.5 - (stage.elapsed() - call.started) / 1e9
    if left > 0:
        await stage.sleep(left)
    return call


@scenario("retry.after-seconds", MUST, source=RETRY_AFTER, seconds=12)
async def after_seconds(stage: Stage) -> None:
    """A 429 that says when to come back is obeyed.

    Coming back sooner costs the caller quota and keeps the limit in force. Ten seconds, because two hide behind
    ordinary backoff. Another provider may answer instead; the one that asked is left alone all the same.
    """
    hint = int(stage.within_deadline(10))
    call = await _refused_once(stage, RateLimited(retry_after=hint), hint)
    expect(call).answered()
    expect(stage.attempts(call)).to(waits_for_retry_after)


@scenario("retry.after-escalating", MUST, source=RETRY_AFTER, seconds=40)
async def after_escalating(stage: Stage) -> None:
    """Each wait is as long as the reply that it follows has asked for, not as long as the first one's."""
    share = stage.within_deadline(37) / 37
    waits = (RateLimited(retry_after=round(seconds * share, 1)) for seconds in (5, 12, 20))
    await stage.weather(*(first(attempt, fault) for attempt, fault in enumerate(waits, 1)), at=stage.primary)
    call = await stage.call()
    expect(stage.attempts(call)).to(waits_for_retry_after)


@scenario("retry.after-on-503", SHOULD, source=RETRY_AFTER, seconds=12)
async def after_on_503(stage: Stage) -> None:
    """A 503 that says when to come back is obeyed too."""
    hint = int(stage.within_deadline(10))
    call = await _refused_once(stage, Unavailable(retry_after=hint), hint)
    expect(call).answered()
    expect(stage.attempts(call)).to(waits_for_retry_after)


@scenario(
    "retry.after-date",
    SHOULD,
    cases={
        "date": 0.0,
        "clock-behind": -300.0,
    },
    source=RETRY_AFTER,
    seconds=14,
)
async def after_date(stage: Stage, skew: float) -> None:
    """A date in `Retry-After` is a date by the server's clock, which its `Date` header shows.

    To a client that trusts its own clock, a server whose clock is five minutes behind names a date long past.
    """
    hint = int(stage.within_deadline(12))
    call = await _refused_once(stage, RateLimited(retry_after=hint, form="date", skew=skew), hint)
    expect(stage.attempts(call)).to(waits_for_retry_after)


@scenario(
    "retry.after-ms",
    SHOULD,
    dialects=("openai", "azure_openai"),
    source="OpenAI and Azure send retry-after-ms beside or instead of Retry-After",
)
async def after_ms(stage: Stage) -> None:
    """`retry-after-ms` is obeyed to the fraction of a second."""
    call = await _refused_once(stage, RateLimited(retry_after=1.5, form="ms"), 1.5)
    expect(stage.attempts(call)).to(waits_for_retry_after).to(comes_back_within, seconds=1.5 + 2)


@scenario(
    "retry.after-retryinfo",
    SHOULD,
    dialects=("gemini", "vertex"),
    source="google.rpc.RetryInfo",
)
async def after_retryinfo(stage: Stage) -> None:
    """The delay that Gemini asks for in the body of its error is obeyed."""
    call = await _refused_once(stage, RateLimited(retry_after=3, form="own"), 3)
    expect(stage.attempts(call)).to(leaves_alone, seconds=3.0)


@scenario("retry.after-long", MUST, source=RETRY_AFTER, seconds=65, heals=False)
async def after_long(stage: Stage) -> None:
    """A wait that is longer than the caller's patience is neither shortened nor imposed on the caller.

    The provider is not asked again before its time, and the caller is told before the deadline.
    """
    await stage.weather(always(RateLimited(retry_after=600)), at=stage.primary)
    call = await stage.call()
    await stage.sleep(AFTERWARDS)
    expect(call).ended()
    expect(stage.attempts(call)).to(waits_for_retry_after, followed=False)


@scenario(
    "retry.after-bogus",
    MUST,
    cases={
        "zero": RateLimited(literal="0"),
        "negative": RateLimited(literal="-5"),
        "word": RateLimited(literal="banana"),
        "infinite": RateLimited(literal="1e309"),
        "overflow": RateLimited(literal="3000000"),
        "empty": RateLimited(literal=""),
        "past": RateLimited(literal="Wed, 21 Oct 2015 07:28:00 GMT"),
        "disagreeing": RateLimited(literal="2", literal_ms="500"),
    },
    seconds=30,
)
async def after_bogus(stage: Stage, fault: Fault) -> None:
    """A hint that makes no sense does no harm: no crash, no hot loop, no endless attempts.

    3,000,000 seconds overflow a timer of 32-bit milliseconds, which then fires at once.
    """
    await stage.weather(always(fault), at=stage.primary)
    call = await stage.call(patience=30.0)
    await stage.sleep(AFTERWARDS)
    control: list[Call] = []
    if call.error == "other":
        # Whether that is the target's usual word for a 429, or a crash.
        await stage.weather(always(RateLimited()), at=stage.primary)
        control.append(await stage.call())
    expect(stage.attempts(call)).to(spaced, at_least=0.2).to(bounded, at_most=stage.contract.max_attempts)
    expect(call).to(survives_the_hint, control=[other.id for other in control])


@scenario("retry.no-overwait", SHOULD, source=RETRY_AFTER)
async def no_overwait(stage: Stage) -> None:
    """A short wait is kept short: who was asked for one second is back within two.

    Waiting longer than asked for makes the caller pay for a limit that is no longer there.
    """
    call = await _refused_once(stage, RateLimited(retry_after=1), 1)
    expect(stage.attempts(call)).to(comes_back_within, seconds=2.0)
