"""What callers are told when a provider fails: the truth, and nothing that is none of their business."""

from __future__ import annotations

from ..fakes.faults import AnyFault, Fault
from ..fakes.faults.answers import NoChoices
from ..fakes.faults.body import HtmlPage
from ..fakes.faults.connection import Cut, Refuse
from ..fakes.faults.replies import InvalidKey, ModelGone, RateLimited, ServerError, Status
from ..fakes.weather import always
from ..harness.checks.contents import no_garbage
from ..harness.checks.degrading import (
    accounts_for_the_answer,
    gives_nothing_away,
    tells_the_fallback,
    tells_the_outage,
)
from ..harness.checks.streams import ended_once, text_is_a_beginning, told_of_the_break
from ..harness.scenario import MUST, SHOULD, Case, scenario
from ..harness.stage import Stage, expect
from .degrade import link

MARK = "gpu-7f3a9c.inference.internal"
"""What a provider's error says of itself, by which its words are known again."""
WORDS = f"Upstream {MARK} has failed, incident 5521 ({MARK})"


@scenario(
    "degrade.clean-error",
    MUST,
    cases={
        "500": (ServerError(should_retry=False, message=WORDS), False),
        "429": (RateLimited(should_retry=False, message=WORDS), False),
        "401": (InvalidKey(), False),
        "html": (HtmlPage(404, title=WORDS), False),
        "refused": (Refuse(), False),
        "streamed": Case((ServerError(should_retry=False, message=WORDS), True), needs="stream", streamed=True),
    },
    source="OWASP: improper error handling",
)
async def clean_error(stage: Stage, case: tuple[AnyFault, bool]) -> None:
    """When every provider is down a caller gets a clean error, in the target's own words.

    Stack traces, provider's words, addresses, host names and keys help nobody who calls, and everybody who attacks.
    """
    fault, stream = case
    await stage.weather(always(fault))
    call = await stage.call(stream=stream)
    told = expect(call).ended().to(gives_nothing_away, marks=[MARK])
    if not any(stage.contract.claims(f"fallback.{other}") for other in ("static", "cached", "queue")):
        told.to(no_garbage)


@scenario(
    "degrade.midstream",
    MUST,
    needs="fallback.midstream",
    streamed=True,
    cases={
        "first-word": Cut(1, how="reset"),
        "reset": Cut(7, how="reset"),
        "closed": Cut(7, how="fin"),
        "clean": Cut(7, how="clean"),
    },
)
async def midstream(stage: Stage, fault: Fault) -> None:
    """When a stream breaks after its first words the caller gets what is promised for that: no word lost or repeated.

    "error" is an error; "restart" is the whole text of another answer at the end of the call; "continue" is the rest.
    """
    assert stage.contract.fallback is not None
    await stage.weather(always(fault), at=stage.primary)
    call = await stage.call(stream=True)
    ended = expect(call).ended().to(text_is_a_beginning).to(ended_once)
    if stage.contract.fallback.midstream == "error":
        ended.to(told_of_the_break)
    else:
        ended.answered()


@scenario(
    "degrade.fallback-rejects",
    MUST,
    needs="fallback.chain",
    cases={"400": Status(400, message=WORDS), "401": InvalidKey(), "404": ModelGone(message=WORDS)},
)
async def fallback_rejects(stage: Stage, complaint: Fault) -> None:
    """When the first provider is down and the next finds fault with the request, the caller hears of the outage.

    There was nothing wrong with the request until it was made over for a provider that it was not meant for.
    """
    first = link(stage, 0).fake.name
    others = (always(complaint, provider=name) for name in stage.fakes if name != first)
    await stage.weather(always(ServerError(should_retry=False), provider=first), *others)
    call = await stage.call()
    expect(call).ended().to(tells_the_outage).to(gives_nothing_away, marks=[MARK])


@scenario(
    "degrade.accounted",
    MUST,
    needs="fallback.chain",
    cases={
        "errors": (ServerError(), False),
        "empty-answer": Case((NoChoices(), False), dialects=("openai", "azure_openai", "openai_compatible")),
        "streamed": Case((Cut(0, how="fin"), True), streamed=True),
    },
    seconds=20,
)
async def accounted(stage: Stage, case: tuple[Fault, bool]) -> None:
    """Provider, model and usage that the caller is told of are those of the answer; what failed is not counted in."""
    fault, stream = case
    if stream:
        stage.needs("stream")
    await stage.weather(always(fault), at=link(stage, 0))
    call = await stage.call(stream=stream)
    if call.done and (call.model, call.provider, call.usage) == (None, None, None):
        stage.does_not_apply("the target tells its callers neither provider nor model nor usage")
    expect(call).to(accounts_for_the_answer)


@scenario("degrade.marked", SHOULD, needs="fallback.chain", seconds=20)
async def marked(stage: Stage) -> None:
    """The caller can tell a fallback's answer: by the provider, the model, or a flag in the reply."""
    fair = await stage.call()
    await stage.weather(always(ServerError()), at=link(stage, 0))
    call = await stage.call()
    expect(call).to(tells_the_fallback, fair=[fair.id])
