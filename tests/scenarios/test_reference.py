"""What the reference has written down of models agrees with what its providers say and charge."""

from __future__ import annotations

import pytest

from brownout.fakes.fake import price_list
from brownout.scenarios.targets.reference.models import MODELS


@pytest.mark.parametrize("model", MODELS)
def test_its_prices_are_those_of_the_list(model: str) -> None:
    """
    A price that the reference knows is the one that the fakes bill.
    """
    listed, known = price_list()[model].price, MODELS[model]

    assert (listed.input, listed.cached, listed.output) == (known.input, known.cached, known.output)
    assert (listed.cache_write or 0.0) == known.cache_written


@pytest.mark.parametrize("model", MODELS)
def test_its_windows_are_those_of_the_list(model: str) -> None:
    """
    A prompt is fitted to the window that the fakes have.
    """
    assert price_list()[model].window == MODELS[model].window
