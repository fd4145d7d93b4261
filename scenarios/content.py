"""A 200 is not yet an answer."""

from __future__ import annotations

from ..fakes.dialects import finishes
from ..fakes.faults import Fault
from ..fakes.faults.answers import NoChoices, NullContent, StopReason
from ..fakes.faults.body import EmptyBody, ErrorInOk, HtmlPage, MalformedJson
from ..fakes.faults.compression import Compressed
from ..fakes.faults.headers import WrongContentType
from ..fakes.faults.payload import ReorderedKeys, UnknownFields, UnknownValues, WrongTypes
from ..fakes.script import header
from ..fakes.weather import always
from ..harness.checks.contents import fits_the_schema, no_garbage, nothing_invented, noticed
from ..harness.checks.retries import bounded
from ..harness.checks.streams import ended_once, finish_tells
from ..harness.history import Call
from ..harness.scenario import MAY, MUST, SHOULD, Case, scenario
from ..harness.stage import Stage, expect


def _both(fault: Fault) -> dict[str, Case]:
    """A plain and a streamed case."""
    return {"plain": Case((fault, False)), "streamed": Case((fault, True), needs="stream", streamed=True)}


async def _no_answer(stage: Stage, case: tuple[Fault, bool]) -> None:
    """A 200 that is no answer, however often it is asked for."""
    fault, stream = case
    await stage.weather(always(fault))
    call = await stage.call(stream=stream)
    _is_no_answer(stage, call)


def _is_no_answer(stage: Stage, call: Call) -> None:
    expect(call).ended().to(no_garbage).to(ended_once)
    expect(stage.attempts(call)).to(bounded, at_most=stage.contract.max_attempts)


@scenario("content.malformed-json", MUST, cases={"plain": Case((MalformedJson(), False))})
async def malformed_json(stage: Stage, case: tuple[Fault, bool]) -> None:
    """A body that is no JSON is a failure."""
    await _no_answer(stage, case)


@scenario("content.html-200", MUST, cases=_both(HtmlPage()))
async def html_200(stage: Stage, case: tuple[Fault, bool]) -> None:
    """A web page with status 200 is a failure.

    Gateways, captive portals and maintenance pages answer like this.
    """
    await _no_answer(stage, case)


@scenario("content.empty-body", MUST, cases=_both(EmptyBody()))
async def empty_body(stage: Stage, case: tuple[Fault, bool]) -> None:
    """A 200 without a body is a failure."""
    await _no_answer(stage, case)


@scenario(
    "content.wrong-type",
    MUST,
    cases={"content-type": Case((WrongContentType(), False)), "field-types": Case((WrongTypes(), False))},
)
async def wrong_type(stage: Stage, case: tuple[Fault, bool]) -> None:
    """A body of another type than promised, or fields of other types, never reach the caller as an answer."""
    await _no_answer(stage, case)


@scenario("content.error-in-200", MUST, cases=_both(ErrorInOk()))
async def error_in_200(stage: Stage, case: tuple[Fault, bool]) -> None:
    """An error envelope in a 200 is an error."""
    await _no_answer(stage, case)


@scenario(
    "content.no-choices",
    MUST,
    cases={
        "plain": Case(False, dialects=("openai", "azure_openai", "gemini", "vertex", "mistral", "openai_compatible")),
        "no-blocks": Case(True, dialects=("anthropic", "bedrock", "cohere")),
    },
    source="Anthropic documentation: an empty list of content blocks is a model that had nothing to say",
)
async def no_choices(stage: Stage, empty: bool) -> None:
    """An answer without any choice is no answer, and nothing crashes.

    Where an answer is a list of blocks and not of choices, an empty list is an empty answer, and may be told as one.
    """
    await stage.weather(always(NoChoices()))
    call = await stage.call()
    routes = {exchange.route for exchange in stage.exchanges(call)}
    if empty or routes & stage.primary.dialect.blocks:
        expect(call).ended().to(nothing_invented)
    else:
        _is_no_answer(stage, call)


@scenario("content.null-content", MUST)
async def null_content(stage: Stage) -> None:
    """A null where the text belongs reaches the caller as an empty answer or as an error, and nothing crashes."""
    await stage.weather(always(NullContent()))
    call = await stage.call()
    expect(call).ended().to(nothing_invented)


@scenario(
    "content.unknown-fields",
    MUST,
    cases={"new-fields": UnknownFields(), "new-values": UnknownValues(), "reordered-keys": ReorderedKeys()},
)
async def unknown_fields(stage: Stage, fault: Fault) -> None:
    """New fields, new values and reordered keys are tolerated: providers add to their answers without notice."""
    stage.answer(unicode=True)
    await stage.weather(always(fault))
    expect(await stage.call()).answered()


@scenario("content.bad-structured-output", SHOULD, needs="schema")
async def bad_structured_output(stage: Stage) -> None:
    """Structured output that does not fit its schema is repaired or asked for again, a bounded number of times."""
    stage.answer(text='{"unfinished": ["this is not what the schema says"')
    call = await stage.call()
    expect(call).ended().to(fits_the_schema, schema=stage.contract.schema)
    expect(stage.attempts(call)).to(bounded, at_most=stage.contract.max_attempts)


@scenario(
    "content.refusal",
    SHOULD,
    dialects=("openai", "azure_openai", "anthropic", "gemini", "vertex", "bedrock", "openai_compatible"),
)
async def refusal(stage: Stage) -> None:
    """A refusal is reported as one, not as an answer.

    At Cohere and Mistral a model that declines says so in an answer like any other, and nobody can tell.
    """
    stage.answer(refusal="I am sorry, I cannot help with that.")
    call = await stage.call()
    expect(call).ended().to(finish_tells, finishes=finishes("refusal", "content_filter"), errors=["content_policy"])


@scenario("content.truncated-by-length", SHOULD)
async def truncated_by_length(stage: Stage) -> None:
    """The caller can see that an answer was cut off by its length."""
    await stage.weather(always(StopReason("length")))
    call = await stage.call()
    expect(call).ended().to(finish_tells, finishes=finishes("length"), errors=["context", "invalid"])


@scenario(
    "content.compressed",
    MUST,
    cases={name: Compressed(name) for name in ("gzip", "deflate", "br")},
    source="RFC 9110 8.4",
)
async def compressed(stage: Stage, fault: Compressed) -> None:
    """A body in an encoding that the target has asked for is decoded."""
    stage.answer(unicode=True)
    probe = await stage.call()
    offers = [header(exchange.request_headers, "accept-encoding") or "" for exchange in stage.exchanges(probe)]
    if not any(str(fault.encoding) in offer for offer in offers):
        stage.does_not_apply(f"the target does not ask for {fault.encoding}")
    await stage.weather(always(fault))
    expect(await stage.call()).answered()


@scenario("content.quality-drop", MAY, needs="quality")
async def quality_drop(stage: Stage) -> None:
    """An answer that has nothing to do with the question is noticed."""
    stage.answer(text="Lorem ipsum dolor sit amet, consectetur adipiscing elit.")
    call = await stage.call("What is the capital of France?")
    expect(call).ended().to(noticed)
