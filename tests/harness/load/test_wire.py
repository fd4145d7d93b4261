from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.answer import CANARY, NO_CANARY
from brownout.harness.load.wire import CALLS_EACH, Order, begun, canary, line, said

NUMBERS = st.tuples(st.integers(0, 100), st.integers(0, CALLS_EACH - 1))


@given(seed=st.integers(0, 2**31), numbers=st.sets(NUMBERS, min_size=2, max_size=50))
def test_no_canary_comes_twice(seed: int, numbers: set[tuple[int, int]]) -> None:
    """
    Every call of every Locust process has a canary of its own, which a fake finds in the prompt.
    """
    made = [canary(seed, worker, number) for worker, number in numbers]

    assert len(numbers) == len(set(made))
    assert NO_CANARY not in made
    for one in made:
        found = CANARY.search(begun(one, "u1", stream=False).messages[0]["content"])
        assert found is not None
        assert one == found[1]


def test_the_same_seed_gives_the_same_canaries() -> None:
    """
    The seed decides, and nothing else.
    """
    assert canary(1, 0, 7) == canary(1, 0, 7)
    assert canary(1, 0, 7) != canary(2, 0, 7)


def test_a_message_is_one_line() -> None:
    """
    What is said is read again as it was meant.
    """
    order = Order(1, "aaaaaa", "u1\n", "a\nb", stream=True)

    assert 1 == line(order).count(b"\n")
    assert order == said.decode(line(order))
