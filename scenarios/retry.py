"""Transient faults are retried, politely and not for ever.

What a provider's own hints ask for is in `retry_after.py`, what many callers do together in `retry_crowd.py`.
"""

from __future__ import annotations

import math

from ..fakes.faults import AnyFault, Fault
from ..fakes.faults.connection import ResetBeforeHeaders, StaleConnections
from ..fakes.faults.replies import (
    ContentPolicy,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    ServerError,
    Status,
    Unavailable,
)
from ..fakes.weather import always, first
from ..harness.checks.answers import reached_the_wire
from ..harness.checks.retries import bounded, prompt_is_sent_once, same_request, tried_again, tried_once
from ..harness.checks.spacing import spaced
from ..harness.company import ALONE, company
from ..harness.scenario import MUST, SHOULD, Case, scenario
from ..harness.stage import Stage, expect

RETRIES = "provider documentation: rate limits and 5xx are to be retried with exponential backoff and jitter"
CLIENT_ERRORS = "RFC 9110 15.5: a 4xx says that the request is at fault"
OVERLOADED = "Anthropic documentation: 529 overloaded_error is temporary"
AFTERWARDS = 3.0
"""Seconds to watch for attempts that go on behind the caller's back."""


@scenario(
    "retry.recovers",
    MUST,
    cases={
        **{str(status): Status(status) for status in (500, 502, 503, 504, 408)},
        "529": Case(Overloaded(), dialects=("anthropic",)),
        "reset": ResetBeforeHeaders(),
    },
    source=RETRIES,
)
async def recovers(stage: Stage, fault: Fault) -> None:
    """A transient fault is retried until the answer comes.

    Where a fallback is promised, its answer is as good.
    """
    await stage.weather(first(1, fault), at=stage.primary)
    call = await stage.call()
    expect(call).answered()


@scenario("retry.rate-limit-recovers", MUST, source=RETRIES)
async def rate_limit_recovers(stage: Stage) -> None:
    """A 429 that does not say when to come back is retried, and not sooner than half a second after the first attempt.

    Twenty callers meet it, because how long a client waits is partly chance.
    """
    await stage.weather(first(1, RateLimited()), at=stage.primary)
    if stage.contract.breaker is None:  # one that nobody promised may open all the same, were they refused together
        calls = [await stage.call() for _ in range(20)]
    else:
        async with company(stage, strict=True) as apart:
            calls = await stage.calls(20, every=0.2 * apart)
    expect(calls).answered()
    expect(stage.attempts(calls)).to(spaced, at_least=0.5, first=True)


@scenario("retry.bounded", MUST, seconds=20)
async def attempts_are_bounded(stage: Stage) -> None:
    """A call makes no more attempts than promised, however long the fault lasts.

    Attempts that go on after the caller has its error count too.
    """
    await stage.weather(always(Unavailable()))
    async with company(stage, every=ALONE):
        call = await stage.call()
        await stage.sleep(AFTERWARDS)
    expect(stage.attempts(call)).to(bounded, at_most=stage.contract.max_attempts)


@scenario("retry.deadline", MUST, cases={"503": False, "429": True}, seconds=65)
async def deadline(stage: Stage, hinted: bool) -> None:
    """Retries end with the caller's patience: there is an answer or an error before the deadline.

    Attempts that each behave well add up past it, most of all where each obeys a `Retry-After` of its own:
    three that are a third of the deadline each, and a little more.
    """
    hint = math.ceil(0.35 * stage.contract.deadline)
    await stage.weather(always(RateLimited(retry_after=hint) if hinted else Unavailable()))
    call = await stage.call()
    expect(call).ended().to(reached_the_wire)


@scenario(
    "retry.not-on-client-error",
    MUST,
    cases={str(status): Status(status) for status in (400, 401, 403, 404, 413, 422)},
    source=CLIENT_ERRORS,
)
async def not_on_client_error(stage: Stage, fault: Fault) -> None:
    """A request that the provider finds fault with is not sent again as it was.

    The answer will be the same, and for a wrong key it may lock the account.
    """
    await _is_final(stage, fault)
    expect(stage.attempts()).to(tried_once)


@scenario(
    "retry.not-on-quota-exhausted",
    MUST,
    cases={
        "insufficient_quota": Case(QuotaExhausted(), dialects=("openai", "azure_openai")),
        "billing": Case(
            QuotaExhausted(),
            dialects=("anthropic", "gemini", "vertex", "bedrock", "cohere", "mistral", "openai_compatible"),
        ),
        "spend-limit": Case(QuotaExhausted(kind="enforced_spend_limit_reached"), dialects=("anthropic",)),
        "trial-month": Case(QuotaExhausted(kind="trial_month"), dialects=("cohere",)),
    },
    source="OpenAI documentation: insufficient_quota is no rate limit, waiting does not help; Anthropic: spend limits",
)
async def not_on_quota_exhausted(stage: Stage, fault: Fault) -> None:
    """An account that has nothing left to spend is not asked again.

    OpenAI says so with the status of a rate limit, and so does Anthropic of a spend limit; only the error's code tells
    the two apart. Of the month of a trial key Cohere says so in words alone.
    """
    await _is_final(stage, fault)
    expect(stage.attempts()).to(tried_once)


@scenario(
    "retry.not-on-content-policy",
    MUST,
    cases={
        "policy": Case(
            ContentPolicy(),
            dialects=("openai", "anthropic", "gemini", "vertex", "bedrock", "cohere", "mistral", "openai_compatible"),
        ),
        "content-filter": Case(ContentPolicy(), dialects=("azure_openai",)),
    },
    source=CLIENT_ERRORS,
)
async def not_on_content_policy(stage: Stage, fault: Fault) -> None:
    """A prompt that is refused for what it says is not sent again as it was."""
    await _is_final(stage, fault)
    expect(stage.attempts()).to(prompt_is_sent_once)


@scenario("retry.obeys-x-should-retry", SHOULD, cases={"false-on-500": False, "true-on-409": True})
async def obeys_x_should_retry(stage: Stage, should: bool) -> None:
    """`x-should-retry` outweighs the status: what it forbids is not retried, and what it asks for is."""
    if should:
        await stage.weather(first(1, Status(status=409, should_retry=True)), at=stage.primary)
        call = await stage.call()
        expect(stage.attempts(call)).to(tried_again)
    else:
        await _is_final(stage, ServerError(should_retry=False))
        expect(stage.attempts()).to(tried_once)


@scenario("retry.no-amplification", MUST, seconds=20, heals=False)
async def no_amplification(stage: Stage) -> None:
    """The layers of an integration do not multiply each other's attempts.

    An SDK that tries three times, under a framework that does so, behind a gateway that does so, is 27 attempts for one
    request, just when the provider can least bear it.
    """
    await stage.weather(always(Unavailable()))
    async with company(stage):
        calls = await stage.calls(2)
        if stage.contract.claims("stream"):
            calls.append(await stage.call(stream=True))
        await stage.sleep(AFTERWARDS)
    expect(stage.attempts(calls)).to(bounded, at_most=stage.contract.max_attempts)


@scenario("retry.same-request", MUST, seconds=8)
async def same_body_each_time(stage: Stage) -> None:
    """Every attempt carries the same body, and the same idempotency key where one is sent.

    A retry that asks something else is another request, and is paid for as one.
    """
    await stage.weather(first(2, Unavailable()), at=stage.primary)
    async with company(stage, every=ALONE):
        call = await stage.call()
    stage.about_retries_of(call)
    expect(stage.attempts(call)).to(same_request)


@scenario("retry.overloaded-529", MUST, dialects=("anthropic",), source=OVERLOADED)
async def overloaded_529(stage: Stage) -> None:
    """A 529 is temporary: it is retried, and the caller has its answer."""
    await stage.weather(first(1, Overloaded()), at=stage.primary)
    call = await stage.call()
    expect(call).answered()
    expect(stage.attempts(call)).to(tried_again)


@scenario(
    "retry.stale-connection",
    MUST,
    cases={how: StaleConnections(idle=1.0, how=how) for how in ("fin", "reset")},
    source="RFC 9112 9.3.1: a client whose idle connection was closed retries on another",
)
async def stale_connection(stage: Stage, fault: AnyFault) -> None:
    """A request that rides a connection which the server has given up never troubles the caller."""
    await stage.weather(always(fault))
    before = await stage.call()
    await stage.sleep(2.0)
    after = await stage.call()
    expect([before, after]).answered()


async def _is_final(stage: Stage, fault: Fault) -> None:
    """A call to a provider that says no and means it, and a look at what follows."""
    await stage.weather(always(fault), at=stage.primary)
    await stage.call()
    await stage.sleep(AFTERWARDS)
