from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from histories import history
from programs import PROGRAMS, alive, start

from brownout.fakes.clock import RealClock
from brownout.fakes.fake import Limits
from brownout.harness import stage as staging
from brownout.harness.clock import WarpClock, unavailable
from brownout.harness.rig import Rig
from brownout.harness.stage import Stage
from brownout.harness.target_file import Calling, CommandCall, HttpCall, Provider, PythonCall, TargetFile
from brownout.harness.targets.make import Targets

COMMAND = Calling(command=CommandCall((sys.executable, str(PROGRAMS / "unruly.py"), "polite")))
PYTHON = Calling(python=PythonCall("callables:plain", sys.executable, (str(PROGRAMS),)))
SERVICE = Calling(http=HttpCall("http://127.0.0.1:{port}/v1/chat/completions"))
PROVIDERS = {"primary": Provider("openai", "gpt-4o-mini")}


@pytest.mark.parametrize("measured", [0.19996, 0.2, 0.2004, 0.0])
def test_what_a_scenario_goes_by_is_what_is_judged(measured: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The share of a processor that ends the wait for rest is the one in the history: none is at rest here and busy there.
    """

    async def share(*_: Any) -> float:
        return measured

    monkeypatch.setattr(staging, "cpu_share", share)
    target: Any = SimpleNamespace(keeper=1)
    written = history()

    told = asyncio.run(Stage(written, {}, target, RealClock(), 0).cpu_share(0.25))

    assert [told] == [event.details["share"] for event in written.events if event.what == "cpu"]
    assert told == pytest.approx(measured, abs=0.0005)


@pytest.mark.parametrize(
    ("calling", "program"),
    [(COMMAND, ()), (PYTHON, ()), (SERVICE, (sys.executable, str(PROGRAMS / "service.py"), "{port}"))],
    ids=["command", "python", "http"],
)
async def test_a_killed_target_is_another_process_in_the_same_place(calling: Calling, program: tuple[str, ...]) -> None:
    """
    After `kill` and `restart` the target answers again, in the same folder, and the history tells of both.
    """
    file = TargetFile("test", calling, PROVIDERS, start=start(command=program))
    async with Targets(file, RealClock()) as targets, Rig(file, RealClock(), targets.one) as rig:
        stage = Stage(history(), rig.fakes, rig.target, rig.clock, rig.origin)
        home: Any = rig.target
        first, folder = rig.target.pid, home._home.workdir
        before = await stage.call("fine")
        await stage.kill()
        gone = await stage.call("fine")
        await stage.restart()
        after = await stage.call("fine")

        assert [False, True, False] == [call.error in {"died", "refused"} for call in (before, gone, after)]
        assert not alive(first or 0)
        assert folder == home._home.workdir
        assert [{"pid": first}] == [event.details for event in rig.events if event.what == "killed"]
        assert [{"pid": rig.target.pid}] == [x.details for x in stage.history.events if x.what == "restarted"]


async def test_limits_are_the_scenarios_own() -> None:
    """
    What a scenario lets the fakes allow ends with it, and stands in its history.
    """
    file = TargetFile("test", COMMAND, PROVIDERS)
    rig = Rig(file, RealClock(), Targets(file, RealClock()).one)
    stage = Stage(history(), rig.fakes, rig.target, rig.clock, rig.origin)

    stage.limits(Limits(rpm=600, window=2.0))
    allowed = [server.quota.limits for server in rig.fakes.values()]
    await rig.fair()

    assert [Limits(rpm=600, window=2.0)] == allowed
    assert [Limits()] == [server.quota.limits for server in rig.fakes.values()]
    assert [("limits", 600)] == [(event.what, event.details["rpm"]) for event in stage.history.events]


@pytest.mark.skipif(unavailable() is not None, reason="there is no target time on this machine")
@pytest.mark.parametrize(("rate", "leaps", "real"), [(1.0, False, True), (1.0, True, False), (50.0, False, False)])
def test_people_wait_where_time_neither_leaps_nor_runs(rate: float, leaps: bool, real: bool) -> None:
    """
    A clock that leaps runs at the rate of wall time whenever anything happens: its rate alone says nothing.
    """
    target: Any = SimpleNamespace()
    with WarpClock() as clock:
        clock.rate, clock.leaps = rate, leaps

        assert real == Stage(history(), {}, target, clock, 0).in_real_time

    assert Stage(history(), {}, target, RealClock(), 0).in_real_time
