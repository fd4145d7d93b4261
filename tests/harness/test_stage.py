from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from histories import history

from brownout.fakes.clock import RealClock
from brownout.harness import stage as staging
from brownout.harness.stage import Stage


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
