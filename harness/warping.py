"""Whether a run's target lives in target time, or why it does not."""

from __future__ import annotations

import asyncio
import shutil

from ..fakes.clock import RealClock
from .clock import WarpClock, unavailable, why_not_program, why_not_target
from .placeholders import names_in
from .protocol import CallRequest
from .rig import Rig
from .target_file import TargetFile

ANSWER_WITHIN = 10.0
"""Wall seconds that the target has for the call by which it is seen whether it lives in target time."""


def why_real(file: TargetFile) -> str | None:
    """Why a target can only be run in real time, as far as this can be told without starting it."""
    if not file.start.warp:
        return "the target file says start.warp = false"
    if file.running:
        return "the target is running already"
    if not file.fresh:
        return "one process serves the whole run (start.fresh)"
    return unavailable() or _why_not_program(_program(file))


async def why_not_running(rig: Rig) -> str | None:
    """Why a target that runs does not live on its rig's clock, having called it once."""
    pid = rig.target.pid
    assert isinstance(rig.clock, WarpClock)
    return None if pid is None else await why_not_target(rig.clock, pid, lambda: _exchange(rig))


async def _exchange(rig: Rig) -> None:
    """One fair call; what it comes to is not judged here."""

    async def ask() -> None:
        messages = [{"role": "user", "content": "Please answer."}]
        async for _ in rig.target.call(CallRequest("probe", messages, stream=False, user=None)):
            pass

    asked = asyncio.ensure_future(ask())
    timer = asyncio.ensure_future(RealClock().sleep(ANSWER_WITHIN))
    try:
        await asyncio.wait({asked, timer}, return_when=asyncio.FIRST_COMPLETED)
        await rig.target.cancel("probe")
    finally:
        asked.cancel()
        timer.cancel()
        await asyncio.gather(asked, timer, return_exceptions=True)


def _program(file: TargetFile) -> str:
    if file.call.python is not None:
        return file.call.python.interpreter
    return (file.call.command.command if file.call.command is not None else file.start.command)[0]


def _why_not_program(program: str) -> str | None:
    """One that is not found, or is named by a placeholder, is told of when it has been started."""
    if next(names_in(program), None) is not None or shutil.which(program) is None:
        return None
    return why_not_program(program)
