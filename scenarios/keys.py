"""Keys are used, changed and kept to oneself."""

from __future__ import annotations

import asyncio

from ..fakes.faults import Fault
from ..fakes.faults.body import HtmlPage
from ..fakes.faults.connection import Cut, ResetBeforeHeaders
from ..fakes.faults.replies import InvalidKey, ServerError
from ..fakes.weather import Rule, always
from ..harness.checks.keys import dead_key_rests, not_in_url, not_logged, not_returned, rotates
from ..harness.scenario import MUST, Case, scenario
from ..harness.stage import Stage, expect

TRAFFIC = 16
"""Callers while a key is revoked, four a second."""
REST = 8.0
"""Seconds that are longer than the usual rest after a failure that passes."""
LEAKS = {
    "fair": Case((None, False)),
    "wrong-key": Case((InvalidKey(), False)),
    "server-error": Case((ServerError(should_retry=False), False)),
    "reset": Case((ResetBeforeHeaders(), False)),
    "not-json": Case((HtmlPage(), False)),
    "broken-stream": Case((Cut(chunks=3, how="reset"), True), needs="stream", streamed=True),
}
"""What a target may say too much in: it logs most when something has gone wrong."""
LEAKING = 25.0


@scenario(
    "keys.rotation",
    MUST,
    needs="keys.second",
    cases={"plain": False, "streamed": Case(True, streamed=True)},
    seconds=8,
)
async def rotation(stage: Stage, stream: bool) -> None:
    """When a key is revoked while callers are served, the provider's next key is used, and no caller notices."""
    if stream:
        stage.needs("stream")
    _has_a_memory_of_its_own(stage)
    first = await stage.call(stream=stream)
    used = [(x.fake, x.key) for x in stage.exchanges(first) if x.key is not None]
    traffic = asyncio.ensure_future(stage.calls(TRAFFIC, every=0.25, stream=stream))
    await stage.sleep(TRAFFIC * 0.25 / 3)
    if used:
        stage.revoke(used[-1][1] or "")
    calls = await traffic
    expect([first, *calls]).answered()
    if used:
        expect(stage.attempts(fake=used[-1][0])).to(rotates, revoked=used[-1][1])


@scenario("keys.dead-key-left-alone", MUST, seconds=10)
async def dead_key_left_alone(stage: Stage) -> None:
    """A key that the provider has once called invalid is not used again, as long as there is another way to answer.

    Each further attempt is lost time for a caller, and to the provider it looks like somebody who guesses keys. A rest
    of a few seconds, as after a failure that passes, is no end: the last calls come after one.
    """
    if not (stage.contract.claims("keys.second") or stage.contract.claims("fallback.chain")):
        stage.does_not_apply("there is neither another key nor another provider to use instead")
    _has_a_memory_of_its_own(stage)
    first = await stage.call()
    for exchange in stage.exchanges(first)[-1:]:
        stage.revoke(exchange.key or "")
    calls = [await stage.call() for _ in range(6)]
    await stage.sleep(stage.within_deadline(REST))
    calls.append(await stage.call())
    if stage.contract.claims("stream"):
        calls += [await stage.call(stream=True) for _ in range(3)]
    expect(stage.attempts(calls)).to(dead_key_rests)


@scenario("keys.not-logged", MUST, cases=LEAKS, seconds=LEAKING)
async def keys_are_not_logged(stage: Stage, case: tuple[Fault | None, bool]) -> None:
    """No key, and no more than eight characters in a row of one, is written to standard output, error or a log file.

    Logs are kept, copied and read by many. Where something fails, targets write down the most: the request's headers,
    the whole configuration, the provider's reply.
    """
    if not stage.is_heard:
        stage.does_not_apply("the target was not started here, and what it writes is not seen")
    await _meet(stage, case)
    await stage.hear_out()
    expect(stage.history).to(not_logged)


@scenario("keys.not-returned", MUST, cases=LEAKS, seconds=LEAKING)
async def keys_are_not_returned(stage: Stage, case: tuple[Fault | None, bool]) -> None:
    """No key, and no more than eight characters in a row of one, reaches a caller, in an answer or in an error."""
    await _meet(stage, case)
    expect(stage.history.calls).to(not_returned)


@scenario("keys.not-in-url", MUST, cases=LEAKS, seconds=LEAKING)
async def keys_are_not_in_urls(stage: Stage, case: tuple[Fault | None, bool]) -> None:
    """No key, and no more than eight characters in a row of one, stands in the path or the query of a request.

    Proxies and servers log the address of every request.
    """
    await _meet(stage, case)
    expect(stage.attempts()).to(not_in_url)


async def _meet(stage: Stage, case: tuple[Fault | None, bool]) -> None:
    """Two calls in the weather of a case."""
    fault, stream = case
    rules: list[Rule] = [] if fault is None else [always(fault)]
    await stage.weather(*rules)
    await stage.calls(2, stream=stream)


def _has_a_memory_of_its_own(stage: Stage) -> None:
    """A key that one row kills must not be dead in the next."""
    if not stage.fresh:
        stage.does_not_apply("one process serves the whole run, and the key would be dead for all other rows")
