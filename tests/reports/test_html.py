from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from brownout.reports import html
from brownout.reports.results import CaseResult, Results, RowResult, ViolationResult

Reader = Callable[[str], bytes | None]
MOST = 3_000_000


def test_a_case_without_a_history_is_still_told(run: Results) -> None:
    """
    Where histories are gone the page says what the results say, and does not fail.
    """
    page = html.render(run, lambda path: None)

    assert "retried after 0.51 s" in page
    assert 'class="log"' not in page


def test_no_key_is_on_the_page(run: Results, histories: Reader) -> None:
    """
    The keys that were in use, and what looks like one, are nowhere on the page, though logs and messages had them.
    """
    page = html.render(run, histories)

    assert "sk-brownout" not in page
    assert "swordfish" not in page
    assert "topsecret" not in page
    assert "[key of secondary]" in page


def test_evidence_leads_to_the_exchange(run: Results, histories: Reader) -> None:
    """
    A violation's evidence is a link to the exchange in the wire log of the same case.
    """
    page = html.render(run, histories)

    assert '<a href="#case-retry.after-seconds-x2">x2</a>' in page
    assert 'id="case-retry.after-seconds-x2" class="proof"' in page


@pytest.mark.slow
def test_a_huge_run_stays_small(run: Results) -> None:
    """
    Hundreds of failing cases with megabytes of history make a page within its budget that tells each at least briefly.
    """
    exchange = {"kind": "exchange", "fake": "primary", "canary": "abcdef", "method": "POST", "status": 500}
    lines = [json.dumps({"kind": "call", "id": "c1", "canary": "abcdef", "ended": 10**9, "error": "x" * 50_000})]
    lines += [
        json.dumps(
            exchange | {"id": f"x{n}", "started": n * 10**7, "finished": n * 10**7 + 10**6, "request_body": "y" * 9000}
        )
        for n in range(40)
    ]
    history = "\n".join(lines).encode()
    violation = ViolationResult("bounded", "40 attempts", "at most 4", [f"x{n}" for n in range(40)])
    cases = [CaseResult(f"case {n}", "fail", "40 attempts", [violation], history="h.jsonl") for n in range(200)]
    row = RowResult("retry.bounded", "must", "Bounded.", "fail", "", cases)
    huge = msgspec.structs.replace(run, results=[row])

    page = html.render(huge, lambda path: history)

    assert len(page) < MOST
    assert all(f"<b>case {n}</b>" in page for n in range(200))
    assert "no more room for this case" in page
