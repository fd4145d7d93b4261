from __future__ import annotations

import pytest

from brownout.fakes.answer import Answer, count_tokens
from brownout.harness.spending import pieces, prose


@pytest.mark.parametrize("tokens", [16, 50, 209, 327, 833, 16_384])
def test_a_bound_on_the_output_cuts_prose_and_leaves_most_of_it(tokens: int) -> None:
    """
    Whoever takes an empty answer for a failure would try again, and its breaker would open.
    """
    bounded = Answer(text=prose(tokens)).cut_to(tokens)

    assert tokens / 2 <= count_tokens(bounded.text or "") <= tokens < count_tokens(prose(tokens))


@pytest.mark.parametrize("tokens", [16, 50, 209, 327, 833, 16_384])
def test_every_answer_comes_in_pieces(tokens: int) -> None:
    """
    A stream that is to be cut or left after a part of it has more than one.
    """
    assert 3 <= pieces(tokens) <= 100
