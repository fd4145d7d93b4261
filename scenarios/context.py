"""Inputs that do not fit."""

from __future__ import annotations

from ..fakes.faults import Fault
from ..fakes.faults.replies import ContextLength, TooLarge
from ..fakes.weather import always
from ..harness.checks.fitting import (
    bounds_its_output,
    fits_the_window,
    leaves_room,
    sent_smaller,
    told_it_does_not_fit,
)
from ..harness.scenario import MUST, SHOULD, scenario
from ..harness.stage import Stage, expect

AFTERWARDS = 3.0
"""Seconds to watch for attempts that go on behind the caller's back."""
WORD = " the"
"""A word that is one token to the tokenizers of all providers, and one to the fakes, who count four bytes."""
NEARLY = 200
"""Tokens that a prompt which just fits leaves for the answer."""


@scenario("context.error-handled", MUST, source="provider documentation: context_length_exceeded")
async def error_handled(stage: Stage) -> None:
    """A prompt that the provider calls too long is not sent again as it was, and the caller is told what is wrong."""
    await _does_not_fit(stage, ContextLength(forced=True))


@scenario("context.too-large-413", MUST, source="RFC 9110 15.5.14")
async def too_large_413(stage: Stage) -> None:
    """A request that is refused with 413 is not sent again as it was, and the caller is told what is wrong."""
    await _does_not_fit(stage, TooLarge())


@scenario("context.preflight", SHOULD, needs="context.preflight")
async def preflight(stage: Stage) -> None:
    """Nothing that is over the model's window leaves: the call costs a round trip, and may cost tokens, for nothing."""
    call = await stage.call(WORD * round(1.25 * _window(stage)))
    fair = await stage.call()
    expect(fair).answered()
    expect(call).ended()
    expect(stage.attempts(call)).to(fits_the_window, windows=_windows(stage), allow_none=True)


@scenario("context.reserves-output", SHOULD, needs="context.preflight")
async def reserves_output(stage: Stage) -> None:
    """A prompt that just fits is not sent with a promise of more tokens than the window has left."""
    call = await stage.call(WORD * (_window(stage) - NEARLY))
    fair = await stage.call()
    expect(fair).answered()
    expect(call).ended()
    expect(stage.attempts(call)).to(leaves_room, windows=_windows(stage), allow_none=True)


@scenario("context.max-tokens-set", SHOULD)
async def max_tokens_set(stage: Stage) -> None:
    """Every request bounds its output: without a bound, an answer may cost a hundred times what was meant."""
    calls = [await stage.call()]
    if stage.contract.claims("stream"):
        calls.append(await stage.call(stream=True))
    expect(stage.attempts(calls)).to(bounds_its_output)


async def _does_not_fit(stage: Stage, fault: Fault) -> None:
    """A call whose prompt no provider takes."""
    await stage.weather(always(fault))
    call = await stage.call()
    await stage.sleep(AFTERWARDS)
    expect(call).ended().to(told_it_does_not_fit)
    expect(stage.attempts(call)).to(sent_smaller)


def _window(stage: Stage) -> int:
    """The tokens of the first provider's model."""
    return _windows(stage)[stage.primary.fake.model]


def _windows(stage: Stage) -> dict[str, int]:
    """The window of every model that the fakes have."""
    fakes = [server.fake for server in stage.fakes.values()]
    return {name: model.window for fake in fakes for name in fake.known() if (model := fake.find(name)) is not None}
