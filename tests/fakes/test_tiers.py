from __future__ import annotations

import pytest
from languages import LANGUAGES

from brownout.fakes import dialects
from brownout.fakes.fake import Limits, models_of, price_list
from brownout.fakes.quota import Exceeded, Quota
from brownout.fakes.tiers import limits_of, tiers


@pytest.mark.parametrize("name", tiers())
def test_a_tier_allows_something_and_not_everything(name: str) -> None:
    """
    Each tier says whose it is and where its figures are from, and refuses the first request beyond its minute.
    """
    tier = tiers()[name]
    limits = limits_of(name)
    assert limits.rpm is not None
    quota = Quota(limits)
    at_most = min(limits.rpm, limits.rpd or limits.rpm)

    refused = [quota.admit("key", "model", 1, 0.0, 0.0) for _ in range(at_most + 1)]

    assert tier.whose
    assert tier.source
    assert [None] * at_most == refused[:-1]
    assert isinstance(refused[-1], Exceeded)


def test_limits_that_are_given_are_those() -> None:
    """
    A table of one's own stays as it is.
    """
    assert Limits(rpm=7) == limits_of(Limits(rpm=7))


@pytest.mark.parametrize("dialect", dialects.NAMES)
def test_every_dialect_has_models_with_prices(dialect: str) -> None:
    """
    A provider serves models that write, at prices that are known.
    """
    writing = [model for model in models_of(dialect).values() if model.max_output > 0]

    assert writing
    assert all(model.dialect in dialects.NAMES for model in writing)


@pytest.mark.parametrize("name", price_list())
def test_a_price_is_one(name: str) -> None:
    """
    What was cached is no dearer than what was not, and no model writes more than fits its window.
    """
    model = price_list()[name]

    assert model.price.cached is None or model.price.cached <= model.price.input
    assert model.price.cache_write is None or model.price.cache_write >= model.price.input
    assert 0 <= model.max_output <= model.window


def test_the_models_of_the_languages_are_on_the_list() -> None:
    """
    Whatever tests ask for has a price, but for what stands for a server of one's own.
    """
    asked = {language.model for name, language in LANGUAGES.items() if not name.startswith("openai_compatible")}

    assert asked <= set(price_list())
