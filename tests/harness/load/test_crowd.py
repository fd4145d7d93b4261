from __future__ import annotations

from brownout.fakes.answer import Answer
from brownout.harness.contract import Pii
from brownout.harness.load.crowd import MOST, PLAIN, REPEAT, Crowd, crowd_of, gathered


def test_where_nothing_is_masked_nobody_says_anything_of_themselves() -> None:
    """
    Without a claim users ask what they always ask.
    """
    assert [] == gathered(None, 20, 0)
    assert [] == gathered(Pii(("ssn",), locales=("de_DE",)), 20, 0)
    assert PLAIN == Crowd().says(3, 7)


def test_everybody_says_all_of_it_in_turn() -> None:
    """
    A few things in each call, and after a few calls everything; where it is to come back, once of twice on demand.
    """
    pii = Pii(("email", "phone", "card", "iban", "passport"), locales=("de_DE", "fr_FR"), restore=True)
    people = gathered(pii, 3, 0)
    crowd = crowd_of(people, pii)
    said = [crowd.says(1, number) for number in range(4)]

    assert 3 == len(people)
    assert ["de_DE", "fr_FR", "de_DE"] == [person.values[0].locale for person in people]
    assert [PLAIN, REPEAT, PLAIN, REPEAT] == [text.partition("\n")[0] for text in said]
    assert people[1].sentences() == [line for text in said[::2] for line in text.splitlines()[1:]]
    assert [text.partition("\n")[2] for text in said[::2]] == [text.partition("\n")[2] for text in said[1::2]]
    assert said[0] == crowd.says(1 + len(people), 4)


def test_where_nothing_comes_back_nothing_is_asked_for_again() -> None:
    """
    Whoever is not promised their values back asks plainly.
    """
    pii = Pii(("email",))
    crowd = crowd_of(gathered(pii, 1000, 0), pii)

    assert MOST == len(crowd.sentences)
    assert all(crowd.says(0, number).startswith(PLAIN) for number in range(3))


def test_a_fake_repeats_only_what_it_is_asked_to() -> None:
    """
    A question without the words that ask for it is answered by words one can count.
    """
    answer = Answer(echo=True, echo_asked=REPEAT)

    assert f"{REPEAT}\na" == answer.heard(["x", f"{REPEAT}\na"]).whole("k7q2x9")
    assert answer.heard([PLAIN]).whole("k7q2x9").startswith("k7q2x9-1 ")
