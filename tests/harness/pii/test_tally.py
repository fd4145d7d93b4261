from __future__ import annotations

import pytest
from histories import history

from brownout.harness.history import History, Planted, Sighting
from brownout.harness.pii.places import QUESTION
from brownout.harness.pii.tally import Count, tally


def planted(number: int, kind: str = "name", locale: str = "de_DE") -> History:
    """A history in which one call planted so many values of a type."""
    made = history()
    made.planted = [Planted(f"v{n}", kind, locale) for n in range(number)]
    made.sightings = [Sighting(f"v{n}", QUESTION, "c1") for n in range(number)]
    return made


def test_values_are_counted_once_however_often_they_were_seen() -> None:
    """
    A value that was seen twice is one of those that were seen.
    """
    made = planted(4)

    (count,) = tally(made, seen=[Sighting("v1", "prompt", "x1"), Sighting("v1", "header", "x1")])

    assert (4, 1, 0.75) == (len(count.planted), len(count.seen), count.recall)
    assert ["prompt", "header"] == [one.place for one in count.seen["v1"]]


def test_what_nobody_said_here_is_not_counted() -> None:
    """
    A value of an earlier scenario, or of calls that are not meant, is none of these calls'.
    """
    made = planted(2)
    made.planted.append(Planted("v9", "email", "en_US"))

    assert [0] == [len(count.seen) for count in tally(made, seen=[Sighting("v9", "prompt", "x1")])]
    assert [] == tally(made, calls=["c2"])
    assert 1 == len(tally(made, calls=["c1"]))


@pytest.mark.parametrize(
    ("planted_values", "seen", "promised", "broken"),
    [
        (20, 0, 1.0, False),
        (20, 1, 1.0, True),
        (1, 1, 1.0, True),
        (20, 20, 0.4, True),  # none was found of which two in five should be
        (20, 14, 0.4, False),  # six found, eight expected: luck
        (3, 3, 0.4, False),  # so few say nothing
        (20, 6, 0.9, False),  # rarer than one in a hundred, not than one in a thousand
        (20, 8, 0.9, True),
        (20, 1, 0.9, False),
        (20, 20, 0.0, False),
    ],
)
def test_luck_breaks_no_promise(planted_values: int, seen: int, promised: float, broken: bool) -> None:
    """
    Where all is promised one is too many; where less is, chance has to be out of the question.
    """
    count = Count("name", "de_DE", {f"v{n}" for n in range(planted_values)})
    for n in range(seen):
        count.seen[f"v{n}"].append(Sighting(f"v{n}", "prompt", "x1"))

    assert broken == count.breaks(promised)
