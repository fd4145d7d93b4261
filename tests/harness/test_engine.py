from __future__ import annotations

from pathlib import Path

import pytest

from brownout.harness import finding, scenario
from brownout.harness.case import Finished
from brownout.harness.engine import Engine, Plan
from brownout.harness.target_file import read
from brownout.reports.results import CaseResult


@pytest.mark.parametrize(("shaky", "verdict"), [(True, "inconclusive"), (False, "fail")])
def test_an_interrupted_run_accuses_nobody_by_what_it_would_have_seen_again(
    shaky: bool, verdict: str, tmp_path: Path
) -> None:
    """
    A failure that a busy machine may have made is no failure where there was no time to run it again alone.
    """
    file, row = read(finding.READY_MADE / "naive.toml"), scenario.load()["retry.jitter"]
    engine = Engine(Plan(file, "naive", (row,), report_dir=tmp_path))
    result = CaseResult("", "fail", "17 of 30 came back together")
    engine._finished.append(Finished(row, result, shaky=shaky))

    engine._unsettled()

    assert verdict == result.verdict
    assert shaky == ("before this could be seen again alone" in result.reason)
