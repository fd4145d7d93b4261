"""What the reference has written down agrees with what its providers charge."""

from __future__ import annotations

import pytest

from brownout.fakes.fake import price_list
from brownout.scenarios.targets.reference.context import WINDOWS
from brownout.scenarios.targets.reference.ledger import PRICES


@pytest.mark.parametrize("model", PRICES)
def test_its_prices_are_those_of_the_list(model: str) -> None:
    """
    A price that the reference knows is the one that the fakes bill.
    """
    listed, known = price_list()[model].price, PRICES[model]

    assert (listed.input, listed.cached, listed.output) == (known.input, known.cached, known.output)
    assert (listed.cache_write or 0.0) == known.cache_written


def test_its_windows_are_those_of_the_list() -> None:
    """
    Every model that the reference can pay for it can fit prompts to.
    """
    assert {model: price_list()[model].window for model in PRICES} == WINDOWS
