"""Is there anything to judge?"""

from __future__ import annotations

from ..harness.checks.answers import reached_the_wire
from ..harness.checks.processes import comes_to_rest
from ..harness.company import cooled
from ..harness.contract import Breaker
from ..harness.history import Call
from ..harness.scenario import MUST, Case, scenario
from ..harness.stage import Stage, expect

REST = 0.2
"""The part of a processor under which a target is at rest."""
OWN_FINDINGS = frozenset({"died", "cut", "refused"})
"""Errors that no target has told: the caller has found them itself."""


@scenario("control.answers", MUST, cases={"plain": False, "streamed": Case(value=True, needs="stream", streamed=True)})
async def answers(stage: Stage, stream: bool) -> None:
    """In fair weather a call is answered whole, and the answer comes from the provider.

    A target that fails here is broken or wired wrongly, and nothing else can be said of it.
    """
    call = await stage.call(stream=stream)
    expect(call).answered().to(reached_the_wire)


@scenario("control.alive-after", MUST, after=True)
async def alive_after(stage: Stage) -> None:
    """After every failure one fair call is answered whole, and within five seconds the target is at rest.

    A poisoned pool, a crashed process or a spinning one outlives the fault that caused it. So does a breaker that is
    still open, promised or not, and rightly: it has its cooldown, the field's minute where none is promised, and then
    the call. Whoever leaves alone a key that was refused may have none left, and says so.
    """
    await stage.weather()
    call = await stage.call()
    told = _tells_without_asking(stage, call)
    keyless = told and stage.all_keys_refused
    if told and not keyless:
        await stage.sleep(cooled(stage.contract.breaker or Breaker()))
        call = await stage.call()
    if not keyless:
        expect(call).answered()
    end = stage.elapsed() + 5e9
    while (share := await stage.cpu_share(0.1)) is not None and share >= REST and stage.elapsed() < end:
        pass
    if share is not None:
        expect(stage.history).to(comes_to_rest, share=REST)
    elif keyless:
        stage.does_not_apply("every key has been refused, and the target leaves dead keys alone")


def _tells_without_asking(stage: Stage, call: Call) -> bool:
    """Whether the caller was told of a failure by a target that has asked nobody."""
    return call.error is not None and call.error not in OWN_FINDINGS and not stage.exchanges(call)
