from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from chained import OUTAGE, Chained, Link
from clients import Careful, Failed
from staging import play, verdict

from brownout.harness import scenario
from brownout.harness.contract import Context, Contract, Fallback, Stream

FAMILIES = ("degrade", "context")
LONG = {"degrade.partial-outage"}


def promises(*chain: str, **fallback: Any) -> Contract:
    """A contract that claims a chain."""
    known: dict[str, Any] = {"midstream": "error", "return_within": 30.0, "context": "secondary", **fallback}
    return Contract(stream=Stream(), context=Context(preflight=True), fallback=Fallback(chain=chain, **known))


NAMES = ("primary", "secondary")
TWO, THREE = promises(*NAMES), promises(*NAMES, "third")


def cases() -> list[Any]:
    """Every case of the families that a chain of two can be judged by."""
    found = []
    for row in scenario.load().values():
        for name in row.case_names if row.family in FAMILIES and row.id != "degrade.order" else []:
            need = row.case(name).needs
            if need is None or TWO.claims(need):
                marks = [pytest.mark.slow] if row.id in LONG else []
                found.append(pytest.param(row.id, name, marks=marks, id=f"{row.id}[{name}]"))
    return found


@pytest.mark.parametrize(("row", "case"), cases())
def test_a_careful_chain_passes(row: str, case: str) -> None:
    """
    A client that does everything right, with a second provider, passes every case.
    """
    judgement, _ = play(row, Chained, case, contract=TWO)

    assert ("pass", "") == (judgement.verdict.value, judgement.reason)


def test_a_careful_chain_of_three_is_walked_in_order() -> None:
    """
    With the first two down the third answers, each having been asked in its turn.
    """
    judgement, _ = play("degrade.order", Chained, contract=THREE)

    assert ("pass", "") == (judgement.verdict.value, judgement.reason)


@pytest.mark.parametrize(
    ("row", "case", "contract", "why"),
    [
        ("degrade.order", "", TWO, "the chain has 2 providers"),
        ("degrade.order", "", promises(*NAMES, "third", balance=True), "there is no order"),
        (
            "degrade.refusal-is-not-outage",
            "error",
            promises("primary", "secondary", on=("content_policy",)),
            "promises",
        ),
        ("degrade.answers-in-outage", "errors", Contract(fallback=Fallback(queue=True)), "nor fallback.static"),
        ("degrade.accounted", "streamed", Contract(fallback=TWO.fallback), "does not claim stream"),
        ("degrade.second-provider", "streamed", Contract(fallback=TWO.fallback), "does not claim stream"),
    ],
)
def test_what_is_not_promised_is_not_judged(row: str, case: str, contract: Contract, why: str) -> None:
    """
    Where a claim leaves a row nothing to be about, the row says why.
    """
    judgement, _ = play(row, Chained if contract.claims("fallback.chain") else Careful, case, contract=contract)

    assert ("not_applicable", True) == (judgement.verdict.value, why in judgement.reason)


class FailsOver(Chained):
    """Asks the next provider at once, and nobody twice."""

    def link(self, name: str) -> Link:
        """One attempt each."""
        link = super().link(name)
        link.attempts = 1
        return link


@pytest.mark.parametrize(
    ("row", "case"),
    [
        ("retry.recovers", "500"),
        ("retry.recovers", "reset"),
        ("retry.rate-limit-recovers", ""),
        ("retry.after-seconds", ""),
        ("retry.after-on-503", ""),
        ("retry.after-long", ""),
        ("retry.obeys-x-should-retry", "true-on-409"),
        ("retry.no-overwait", ""),
        ("retry.deadline", "429"),
        ("degrade.second-provider", "429-long"),
    ],
)
def test_to_fail_over_at_once_is_as_good_as_to_try_again(row: str, case: str) -> None:
    """
    Where a fallback is promised, its answer is a good answer.
    """
    assert "pass" == verdict(row, FailsOver, case, contract=TWO)


@pytest.mark.parametrize("row", ["retry.jitter", "retry.exponential", "retry.same-request"])
def test_who_never_tries_again_has_no_retries_to_judge(row: str) -> None:
    """
    Waits and bodies of retries are nothing to a target that asks its chain instead.
    """
    judgement, _ = play(row, FailsOver, contract=TWO)

    assert ("not_applicable", True) == (judgement.verdict.value, "the next of the chain" in judgement.reason)


class Faithful(Chained):
    """Asks nobody else."""

    elsewhere = frozenset({"context"})


class Proud(Chained):
    """Asks the fallback for the first provider's model."""

    def link(self, name: str) -> Link:
        """Its own model."""
        link = super().link(name)
        link.model = "gpt-4o-mini"
        return link


class OneKey(Chained):
    """Shows every provider the same key."""

    def link(self, name: str) -> Link:
        """The first one's."""
        link = super().link(name)
        link.http.headers["authorization"] = f"Bearer {self.places['primary.key']}"
        return link


class Hedging(Chained):
    """Asks everybody, to be sure."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str | dict[str, Any]]:
        """And once more."""
        async for piece in super().__call__(prompt, stream=stream):
            yield piece
        async for _ in self.links[-1](prompt, stream=stream):
            pass


class Backwards(Chained):
    """Goes through its fallbacks from the end."""

    def walk(self) -> list[Link]:
        """The first, and then the last."""
        return [self.links[0], *reversed(self.links[1:])]


class Skipping(Chained):
    """Forgets one."""

    def walk(self) -> list[Link]:
        """The first and the last."""
        return [self.links[0], self.links[-1]]


class PingPong(Chained):
    """Goes back and forth."""

    def walk(self) -> list[Link]:
        """Twice."""
        return self.links * 2


class Staying(Chained):
    """Stays with whoever has answered."""

    def told(self, link: Link, place: int) -> dict[str, Any]:
        """Make it the first."""
        self.links.sort(key=lambda other: other is not link)
        return super().told(link, place)


class Quoting(Chained):
    """Tells what it was told."""

    def link(self, name: str) -> Link:
        """One that quotes."""
        link = super().link(name)
        link.http.event_hooks["response"] = [self.listen]
        return link

    async def listen(self, response: httpx.Response) -> None:
        """Keep the words."""
        if response.status_code != 200:
            self.heard = (await response.aread()).decode()

    def story(self, failures: list[Failed]) -> Failed:
        """The words."""
        failure = super().story(failures)
        failure.args = (self.heard,)
        return failure


class Blaming(Chained):
    """Tells the last complaint."""

    def story(self, failures: list[Failed]) -> Failed:
        """The last."""
        return failures[-1]


class BeginningAgain(Chained):
    """Begins a broken stream again under the caller's eyes."""

    begins_again = True


class Flattering(Chained):
    """Says that the first provider has answered."""

    def told(self, link: Link, place: int) -> dict[str, Any]:
        """It always has."""
        return super().told(self.links[0], 0)


class Shopping(Chained):
    """Takes a refused prompt to the next."""

    elsewhere = OUTAGE | {"context", "content_policy"}


class Unhelpful(Chained):
    """Takes a prompt that does not fit for one that fits nowhere."""

    elsewhere = OUTAGE


class Unmeasured(Chained):
    """Measures no prompt."""

    def fits(self, prompt: str, model: str) -> bool:
        """It always does."""
        return True


class Unreserved(Chained):
    """Forgets the answer."""

    def fits(self, prompt: str, model: str) -> bool:
        """The prompt alone."""
        return len(prompt) // 4 <= 128_000


class Unbounded(Chained):
    """Lets answers be as long as they like."""

    def link(self, name: str) -> Link:
        """One without a bound."""
        return Endless(name, *(self.places[f"{name}.{what}"] for what in ("url", "key", "model")))


class Endless(Link):
    """Bounds nothing."""

    def body(self, prompt: str, stream: bool, attempt: int) -> dict[str, Any]:
        """All but the bound."""
        body = super().body(prompt, stream, attempt)
        del body["max_tokens"]
        return body


@pytest.mark.parametrize(
    ("client", "row", "case"),
    [
        (Faithful, "degrade.answers-in-outage", "errors"),
        (Faithful, "degrade.answers-in-outage", "refused"),
        (Faithful, "degrade.second-provider", "hang"),
        (Faithful, "degrade.second-provider", "html-200"),
        (Faithful, "degrade.model-gone", ""),
        (Proud, "degrade.second-provider", "500"),
        (OneKey, "degrade.second-provider", "500"),
        (Hedging, "degrade.second-provider", "500"),
        (Backwards, "degrade.order", ""),
        (Skipping, "degrade.order", ""),
        (PingPong, "degrade.no-ping-pong", "errors"),
        (PingPong, "degrade.no-ping-pong", "limits"),
        (Staying, "degrade.returns-to-primary", ""),
        (Quoting, "degrade.clean-error", "500"),
        (Quoting, "degrade.clean-error", "401"),
        (Quoting, "degrade.clean-error", "html"),
        (Blaming, "degrade.fallback-rejects", "400"),
        (BeginningAgain, "degrade.midstream", "reset"),
        (BeginningAgain, "degrade.midstream", "first-word"),
        (Flattering, "degrade.accounted", "errors"),
        (Flattering, "degrade.marked", ""),
        (Shopping, "degrade.refusal-is-not-outage", "error"),
        (Unhelpful, "degrade.bigger-context", ""),
        (Unmeasured, "context.preflight", ""),
        (Unreserved, "context.reserves-output", ""),
        (Unbounded, "context.max-tokens-set", ""),
    ],
)
def test_a_chain_that_forgets_one_thing_fails(client: type[Chained], row: str, case: str) -> None:
    """
    Whatever the chain forgets, the row that is about it says so.
    """
    assert "fail" == verdict(row, client, case, contract=THREE if row == "degrade.order" else TWO)


class Stubborn(Careful):
    """Tries again whatever it is told."""

    def again(self, response: httpx.Response) -> bool:
        """Always."""
        return True


class Vague(Careful):
    """Calls every failure an outage."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """One word for all."""
        try:
            async for piece in super().__call__(prompt, stream=stream):
                yield piece
        except Failed:
            raise Failed("provider") from None


class Fobbing(Careful):
    """Fobs its callers off."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Say something, whatever happens."""
        try:
            async for piece in super().__call__(prompt, stream=stream):
                yield piece
        except Failed:
            yield "Please come back later."


class Trying(Careful):
    """Tries three times."""

    attempts = 3


@pytest.mark.parametrize(
    ("client", "row", "case", "expected"),
    [
        (Careful, "context.error-handled", "", "pass"),
        (Careful, "context.too-large-413", "", "pass"),
        (Careful, "degrade.clean-error", "500", "pass"),
        (Stubborn, "context.error-handled", "", "fail"),
        (Stubborn, "context.too-large-413", "", "fail"),
        (Vague, "context.error-handled", "", "fail"),
        (Fobbing, "context.error-handled", "", "fail"),
        (Fobbing, "degrade.clean-error", "500", "fail"),
        pytest.param(Careful, "degrade.partial-outage", "", "pass", marks=pytest.mark.slow),
        pytest.param(Trying, "degrade.partial-outage", "", "fail", marks=pytest.mark.slow),
    ],
)
def test_who_promises_no_fallback_is_judged_too(client: type[Careful], row: str, case: str, expected: str) -> None:
    """
    A clean error and an honest one are owed by everybody.
    """
    assert expected == verdict(row, client, case)


class TestStatic:
    FIXED = Contract(fallback=Fallback(static=True))

    def test_a_fixed_answer_keeps_the_promise(self) -> None:
        """
        Who promises a fixed answer gives it, and it is no dirty error either.
        """
        assert "pass" == verdict("degrade.answers-in-outage", Fobbing, "errors", contract=self.FIXED)
        assert "pass" == verdict("degrade.clean-error", Fobbing, "500", contract=self.FIXED)

    def test_an_error_breaks_it(self) -> None:
        """
        An error is no fixed answer.
        """
        assert "fail" == verdict("degrade.answers-in-outage", Careful, "errors", contract=self.FIXED)


class Restarting(BeginningAgain):
    """Begins again, and gives the whole text at the end."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str | dict[str, Any]]:
        """The text of the last who was asked."""
        text = ""
        async for piece in super().__call__(prompt, stream=stream):
            if isinstance(piece, dict):
                yield {**piece, "text": text}
            else:
                text = text + piece if " " in piece or text == "" else piece
                yield piece


class Continuing(BeginningAgain):
    """Leaves out what was said before."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str | dict[str, Any]]:
        """Only what is new."""
        said: set[str] = set()
        async for piece in super().__call__(prompt, stream=stream):
            if isinstance(piece, dict) or piece not in said:
                yield piece
            if isinstance(piece, str):
                said.add(piece)


@pytest.mark.parametrize(
    ("client", "claim", "expected"),
    [
        (Restarting, "restart", "pass"),
        (Continuing, "continue", "pass"),
        (BeginningAgain, "restart", "fail"),
        (BeginningAgain, "continue", "fail"),
        (Chained, "restart", "fail"),
        (Chained, "continue", "fail"),
    ],
)
def test_midstream_is_judged_by_what_is_promised(client: type[Chained], claim: str, expected: str) -> None:
    """
    A restart ends with the whole text, a continuation adds the rest, and an error is neither.
    """
    contract = promises(*NAMES, midstream=claim)

    assert expected == verdict("degrade.midstream", client, "reset", contract=contract)


class Silent(Chained):
    """Says nothing of who has answered."""

    def told(self, link: Link, place: int) -> dict[str, Any]:
        """Nothing."""
        return {}


def test_who_tells_nothing_has_nothing_to_account_for() -> None:
    """
    A target that names neither provider nor model nor usage can name no wrong one.
    """
    assert "not_applicable" == verdict("degrade.accounted", Silent, "errors", contract=TWO)


def test_time_is_left_for_the_next() -> None:
    """
    A first provider that hangs does not use up the caller's patience: the second answers before the deadline.
    """
    _, history = play("degrade.second-provider", Chained, "hang", contract=TWO)

    assert ["primary", "secondary"] == [exchange.fake for exchange in history.exchanges]
