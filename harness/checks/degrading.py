"""Who answers when a provider fails, and what the caller is told of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from ...fakes.journal import Exchange
from ..history import Call, History
from . import NothingToJudge, Violation, check
from .answers import LATE
from .attempts import ids, of_one_call
from .spending import about_money
from .streams import is_whole

# What a caller has no use for and an attacker has. Hosts are those of the fakes and of the providers they stand for:
# a target may well name a page of its own.
LEAKS = {
    "a stack trace": re.compile(
        r"Traceback \(most recent call last\)|File \"[^\"]+\", line \d+"
        r"|\n\s+at [\w$.<>]+ ?\(|goroutine \d+ \[running\]|panicked at "
    ),
    "a provider's address": re.compile(
        r"127\.0\.0\.1|localhost:\d+|\b[\w.-]*\.(openai|azure|anthropic|googleapis|amazonaws|cohere|mistral)\.(com|ai)\b"
    ),
    "a key": re.compile(r"\bsk-[\w*-]{8,}|<[0-9a-f]{12}>"),
}
REQUEST_AT_FAULT = frozenset({"invalid", "unauthorized", "content_policy", "context"})
"""Errors that tell a caller that there is something wrong with the call."""
DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8}|\d{3,4}|latest)$")
"""What providers add to a model's name when they say which one has answered."""


@check
def served_by(calls: list[Call], *, history: History, fake: str, model: str) -> Iterator[Violation]:
    """The answer is the named provider's, by its own model, and it is the only one that is completed and paid for."""
    for call in calls:
        whole = [exchange for exchange in history.attempts([call]) if exchange.sent_whole]
        served = [exchange for exchange in whole if exchange.fake == fake]
        if not served:
            yield Violation(f"no whole answer left {fake}", f"an answer of {fake}'s", (call.id, *ids(whole)))
        elif len(whole) > 1:
            yield Violation(f"{len(whole)} completed answers", "one: each of them is paid for", (call.id, *ids(whole)))
        elif served[0].model != model:
            yield Violation(f"{fake} was asked for {served[0].model}", model, (call.id, served[0].id))


@check
def keys_stay_at_home(attempts: list[Exchange], *, history: History) -> Iterator[Violation]:
    """No provider is shown the key of another."""
    owners = {key: fake for fake, keys in history.heading.keys.items() for key in keys}
    for exchange in attempts:
        owner = owners.get(exchange.key or "", exchange.fake)
        if owner != exchange.fake:
            yield Violation(f"{exchange.fake} was shown the key of {owner}", "a key of its own", (exchange.id,))


@check
def walks_the_chain(attempts: list[Exchange], *, chain: list[str], every: bool = False) -> Iterator[Violation]:
    """A call asks the providers of the chain in their order, and none again once it has left it; `every` skips none."""
    for group in of_one_call(attempts):
        asked = [exchange for exchange in group if exchange.fake in chain]
        for earlier, later in pairwise(asked):
            if chain.index(later.fake) < chain.index(earlier.fake):
                saw = f"{later.fake} asked after {earlier.fake}"
                yield Violation(saw, f"each in its turn: {', '.join(chain)}", (earlier.id, later.id))
                break
        seen = {exchange.fake for exchange in asked}
        last = max((chain.index(fake) for fake in seen), default=-1)
        missed = [fake for fake in chain[: last + 1] if fake not in seen]
        if every and missed:
            yield Violation(f"{', '.join(missed)} not asked", f"each in its turn: {', '.join(chain)}", ids(group))


@check
def gives_nothing_away(calls: list[Call], *, marks: list[str]) -> Iterator[Violation]:
    """What a caller is told of a failure has no stack trace in it, no provider's words, address, host or key.

    `marks` are pieces of what the provider had said.
    """
    if not any(call.ended is not None for call in calls):
        raise NothingToJudge("no caller was told anything")
    for call in calls:
        told = f"{call.message}\n{call.text}"
        found = [(what, match.group()) for what, leak in LEAKS.items() if (match := leak.search(told))]
        found += [("the provider's own words", mark) for mark in marks if mark in told]
        for what, piece in found:
            saw = f"{what}, {piece[:60]!r}, in {call.message[:120]!r}"
            yield Violation(saw, "an error in the target's own words", (call.id,))


@check
def tells_the_outage(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """A caller whose provider is down is told so, not that the call itself was wrong, as a fallback may complain."""
    for call in calls:
        evidence = (call.id, *ids(history.attempts([call])))
        if call.error in REQUEST_AT_FAULT:
            saw = f"an error of the kind {call.error}: {call.message[:120]!r}"
            yield Violation(saw, "that the service is not available", evidence)
        elif call.done and not is_whole(call, history):
            yield Violation(f"{call.text[:80]!r} as an answer", "that the service is not available", evidence)


@check
def accounts_for_the_answer(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """Provider, model and usage that a caller is told of are those of the answer, and of no attempt that failed."""
    judged = False
    for call in calls:
        answered = [exchange for exchange in history.attempts([call]) if exchange.sent_whole]
        if not call.done or len(answered) != 1:
            continue
        (exchange,) = answered
        told: list[tuple[str, object, object]] = []
        if call.model is not None:
            told.append(("model", DATED.sub("", call.model.rpartition("/")[2]), DATED.sub("", exchange.model or "")))
        if call.provider in history.heading.keys:
            told.append(("provider", call.provider, exchange.fake))
        if call.usage is not None and call.usage.input is not None:
            told.append(("input tokens", call.usage.input, exchange.input_tokens))
        if call.usage is not None and call.usage.output is not None:
            told.append(("output tokens", call.usage.output, exchange.output_tokens))
        judged = judged or bool(told)
        for what, saw, true in told:
            if saw != true:
                yield Violation(f"{what}: {saw}", f"{what}: {true}", (call.id, exchange.id))
    if not judged:
        any_answered = any(call.done for call in calls)
        told_nothing = "no answered call told its caller a model, a provider or a usage"
        raise NothingToJudge(told_nothing if any_answered else "no call was answered: there is nothing to account for")


@check
def tells_the_fallback(calls: list[Call], *, history: History, fair: list[str]) -> Iterator[Violation]:
    """The caller can tell a fallback's answer: by provider, model or a flag it differs from one of fair weather.

    `fair` names calls of fair weather.
    """
    usual = {(call.provider, call.model) for call in history.calls if call.id in fair and call.done}
    answered = [call for call in calls if call.done]
    if not usual or not answered:
        raise NothingToJudge("there is no answer of a fallback's to tell from one of fair weather")
    for call in answered:
        if not call.degraded and (call.provider, call.model) in usual:
            saw = f"provider {call.provider}, model {call.model}, as in fair weather"
            yield Violation(saw, "another provider or model, or a flag", (call.id,))


@check
def serves_again(calls: list[Call], *, history: History, fake: str, since: float, within: float) -> Iterator[Violation]:
    """After its recovery a provider serves again, within the time promised; both in seconds.

    `since` is the moment of its recovery.
    """
    served = [call for call in calls if any(x.sent_whole for x in history.attempts([call], fake))]
    first = min((call.start_seconds - since for call in served), default=None)
    if first is None:
        yield Violation(f"{fake} served nobody again", f"within {within:g} s of its recovery", (calls[-1].id,))
    elif first > within + LATE:
        saw = f"{fake} served again {first:.2f} s after its recovery"
        yield Violation(saw, f"within {within:g} s", (served[0].id,), first - within - LATE)


@check
def shown_to_nobody_else(attempts: list[Exchange], *, fake: str) -> Iterator[Violation]:
    """A prompt that one provider refuses for what it says is not offered to the next."""
    if not any(exchange.fake == fake and exchange.faults for exchange in attempts):
        raise NothingToJudge(f"{fake} refused nothing")
    for group in of_one_call(attempts):
        others = [exchange for exchange in group if exchange.fake != fake]
        if others:
            saw = f"the refused prompt was sent to {others[0].fake}"
            yield Violation(saw, "the caller is told of the refusal", ids(group))


@check
def mostly_answered(calls: list[Call], *, history: History, share: float) -> Iterator[Violation]:
    """Of all callers at least this share has the whole answer."""
    lost = [call for call in calls if not is_whole(call, history)]
    if len(calls) - len(lost) < share * len(calls):
        if sum(not about_money(call) for call in lost) <= (1 - share) * len(calls):
            raise NothingToJudge("calls were refused for want of money: the cap is too small for so many at once")
        saw = f"{len(calls) - len(lost)} of {len(calls)} calls answered"
        yield Violation(saw, f"at least {share:.0%}", tuple(call.id for call in lost[:10]))


@check
def told_something(calls: list[Call]) -> Iterator[Violation]:
    """Every caller gets an answer that says something, although no provider gives one."""
    for call in calls:
        if not (call.done and call.text):
            saw = f"error {call.error}: {call.message[:120]}" if call.error else "an empty answer"
            yield Violation(saw, "the fixed answer that is promised", (call.id,))
