"""What must not leave does not leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from ..fakes.answer import Pace
from ..fakes.faults import Fault
from ..fakes.faults.body import MalformedJson
from ..fakes.faults.connection import Cut, HangBeforeHeaders, ResetBeforeHeaders
from ..fakes.faults.replies import (
    ContentPolicy,
    ContextLength,
    InvalidKey,
    QuotaExhausted,
    RateLimited,
    ServerError,
    Status,
    Unavailable,
)
from ..fakes.weather import always, first
from ..harness.checks.leaks import (
    leaves_the_rest_alone,
    nothing_of_others,
    nothing_personal_in_errors,
    nothing_personal_is_logged,
    nothing_personal_leaves,
    restored,
)
from ..harness.history import Call
from ..harness.pii.drawing import LOCALES
from ..harness.pii.people import Person
from ..harness.scenario import MUST, SHOULD, Case, scenario
from ..harness.stage import Stage, expect

MANY = 20
"""People of one locale: so many that a promise of less than all can be told from a broken one."""
USERS = 50
PRECISION = 0.95
ERRORS: dict[str, Fault] = {
    "400": Status(400),
    "401": InvalidKey(),
    "429": RateLimited(),
    "quota": QuotaExhausted(),
    "500": ServerError(),
    "context-length": ContextLength(forced=True),
    "content-policy": ContentPolicy(),
    "malformed-json": MalformedJson(),
    "reset": ResetBeforeHeaders(),
}
SOURCE = "GDPR 5(1)(c), 25: data minimisation, by design and by default"


async def _ask(stage: Stage, people: Sequence[Person], **options: Any) -> list[Call]:
    """Everybody says all that is to be known of them, at the same time."""
    return list(await asyncio.gather(*(stage.call(person.says(), **options) for person in people)))


@scenario("pii.prompt", MUST, needs="pii", cases={locale: locale for locale in LOCALES}, source=SOURCE)
async def prompt(stage: Stage, locale: str) -> None:
    """Personal data of the types that a target says it masks reaches no provider in a prompt.

    What has left cannot be called back. Where less than all is promised, so few have to be found that luck explains it.
    """
    await _ask(stage, await stage.people(MANY, locale))
    expect(stage.attempts()).to(nothing_personal_leaves)


@scenario("pii.stream", MUST, needs="pii", streamed=True, source=SOURCE)
async def stream(stage: Stage) -> None:
    """Streamed calls are masked as whole ones are."""
    _needs(stage, stage.contract.claims("stream"), "stream")
    await _ask(stage, await stage.people(len(LOCALES), *LOCALES), stream=True)
    expect(stage.attempts()).to(nothing_personal_leaves)


@scenario("pii.retry", MUST, needs="pii", source=SOURCE, seconds=8)
async def retry(stage: Stage) -> None:
    """The second attempt and the third are masked as the first one is.

    A retry that is built from what the caller said, and not from what was sent, undoes the masking.
    """
    people = await stage.people(len(LOCALES), *LOCALES)
    await stage.weather(first(2, ServerError()))
    # One call says it all: the failures of several at once would open a breaker, and nobody would try again.
    seen = stage.exchanges(await stage.call("\n".join(person.says() for person in people)))
    if any(exchange.faults for exchange in seen) and all(exchange.attempt == 1 for exchange in seen):
        stage.does_not_apply("the target makes no second attempt")
    expect(stage.attempts()).to(nothing_personal_leaves, after=1)


@scenario("pii.fallback", MUST, needs="pii", source=SOURCE, seconds=15)
async def fallback(stage: Stage) -> None:
    """What the next provider of the chain is sent is masked as it is for the first.

    The fallback is the path that is tested least, and often another company.
    """
    _needs(stage, stage.contract.claims("fallback.chain"), "fallback.chain")
    people = await stage.people(len(LOCALES), *LOCALES)
    await stage.weather(always(Unavailable()), at=stage.primary)
    await _ask(stage, people)
    others = [name for name in stage.fakes if name != stage.primary.fake.name]
    expect(stage.attempts(fake=others[0])).to(nothing_personal_leaves)


def _turn(content: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": content}


def _tool_use(*, arguments: str, result: str) -> list[dict[str, Any]]:
    """A turn in which the model has called a tool and been told something."""
    function = {"name": "update_customer", "arguments": arguments}
    call = {"id": "call_1", "type": "function", "function": function}
    return [
        _turn("Please update my record."),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": result},
        _turn("Is it done?"),
    ]


def _record(person: Person) -> dict[str, str]:
    return {value.type: value.text for value in person.values}


def _parts(person: Person) -> list[dict[str, Any]]:
    return [{"type": "text", "text": line} for line in person.says().splitlines()]


# How a person's data comes to stand in a part of the request: the keywords of the call.
PLACES: dict[str, Any] = {
    "system-prompt": lambda person: {"messages": [_turn(person.says(), "system"), _turn("Please answer.")]},
    "earlier-turn": lambda person: {
        "messages": [_turn(person.says()), _turn("Thank you.", "assistant"), _turn("And now?")]
    },
    "content-parts": lambda person: {
        "messages": [_turn(_parts(person)), _turn("Thank you.", "assistant"), _turn("And now?")]
    },
    "json": lambda person: {
        "text": json.dumps({"customer": _record(person), "said": person.says()}, ensure_ascii=False)
    },
    "tool-arguments": lambda person: {"messages": _tool_use(arguments=json.dumps(_record(person)), result="{}")},
    "tool-result": lambda person: {"messages": _tool_use(arguments="{}", result=person.says())},
    "metadata": lambda person: {"metadata": {"note": person.says()[:500]}},
    "user": lambda person: {"user": person.value("email") or person.values[0].text},
}


@scenario("pii.everywhere-in-the-request", MUST, needs="pii", cases=PLACES, source=SOURCE)
async def everywhere_in_the_request(stage: Stage, placed: Any) -> None:
    """No part of a request is forgotten: system prompt, earlier turns, tools, fields of JSON, metadata, user.

    Headers and the URL are looked at in every row.
    """
    for person in await stage.people(len(LOCALES), *LOCALES):
        await stage.call(**placed(person))
    expect(stage.attempts()).to(nothing_personal_leaves)


@scenario(
    "pii.logs",
    MUST,
    needs="pii",
    cases={
        "fair": Case((None, {})),
        **{name: Case((fault, {})) for name, fault in ERRORS.items()},
        "hang": Case((HangBeforeHeaders(), {})),
        "caller-leaves": Case((HangBeforeHeaders(), {"leave_after": 5.0})),
        "stream-cut": Case((Cut(3, how="reset"), {"stream": True}), streamed=True),
    },
    source=SOURCE,
    seconds=60,
)
async def logs(stage: Stage, case: tuple[Fault | None, dict[str, Any]]) -> None:
    """What a target prints and logs holds no personal data, in fair weather and in foul.

    It is the path of errors that prints the request it could not serve.
    """
    fault, options = case
    _needs(stage, not options.get("stream") or stage.contract.claims("stream"), "stream")
    people = await stage.people(len(LOCALES), *LOCALES)
    await stage.weather(*([always(fault)] if fault is not None else []))
    await _ask(stage, people, **options)
    await stage.hear_out()
    expect(stage.history).to(nothing_personal_is_logged)


@scenario("pii.caller-errors", MUST, needs="pii", cases=ERRORS, source=SOURCE, seconds=15)
async def caller_errors(stage: Stage, fault: Fault) -> None:
    """An error that a caller is given repeats nothing personal: it is shown, logged and reported to others."""
    people = await stage.people(len(LOCALES), *LOCALES)
    await stage.weather(always(fault))
    calls = await _ask(stage, people)
    if all(call.done and call.degraded for call in calls):
        stage.does_not_apply("callers are given a fallback and no error")
    expect(calls).to(nothing_personal_in_errors)


@scenario("pii.no-crosstalk", MUST, needs="pii", source=SOURCE)
async def no_crosstalk(stage: Stage) -> None:
    """What one user has said is never told to another, with fifty at once and the provider repeating everything.

    A map from placeholders to values that users share hands one user's values to the next.
    """
    people = await stage.people(USERS, *LOCALES, types=3)
    stage.answer(echo=True, pace=Pace(first=0.2))
    asked = [stage.call(person.says(), user=f"u{number}") for number, person in enumerate(people)]
    expect(list(await asyncio.gather(*asked))).to(nothing_of_others)


@scenario(
    "pii.restored",
    MUST,
    needs="pii.restore",
    cases={
        "plain": Case(None),
        "streamed": Case({"letters": None}, streamed=True),
        "split": Case({"letters": 2}, streamed=True),
    },
)
async def restored_in_place(stage: Stage, streamed: dict[str, Any] | None) -> None:
    """The caller's own values come back in the reply, each in its place, however the stream is cut.

    A placeholder that reaches the caller is a broken answer; one whose halves come in two chunks is easily missed.
    """
    _needs(stage, streamed is None or stage.contract.claims("stream"), "stream")
    people = await stage.people(len(LOCALES), *LOCALES)
    stage.answer(echo=True, **(streamed or {}))
    expect(await _ask(stage, people, stream=streamed is not None)).to(restored)


@scenario("pii.not-overmasked", SHOULD, needs="pii")
async def not_overmasked(stage: Stage) -> None:
    """Order numbers, articles, versions, prices and dates that are no birthdays reach the provider as they are.

    A model that is shown placeholders for everything answers nothing.
    """
    sentences = stage.decoys(80)
    for at in range(0, len(sentences), 8):
        await stage.call("\n".join(sentences[at : at + 8]))
    expect(stage.history).to(leaves_the_rest_alone, precision=PRECISION)


def _needs(stage: Stage, claimed: bool, claim: str) -> None:
    if not claimed:
        stage.does_not_apply(f"the contract does not claim {claim}")
