from __future__ import annotations

import pytest

from brownout.harness.checks.limits import ENOUGH
from brownout.scenarios.quota import Limit


@pytest.mark.parametrize("rpm", [1, 10, 60, 600, 10_000])
@pytest.mark.parametrize("window", [1.0, 60.0])
def test_load_is_offered_until_a_share_can_be_told(rpm: int, window: float) -> None:
    """
    A limit of ten a minute lets thirteen leave in twenty seconds, which is too few to judge.
    """
    limit = Limit(rpm / 60, rpm * window / 60)

    assert limit.allowed > ENOUGH
