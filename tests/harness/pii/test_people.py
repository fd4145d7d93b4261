from __future__ import annotations

from brownout.harness.pii.drawing import DRAWN, LOCALES, Value
from brownout.harness.pii.finder import Finder
from brownout.harness.pii.people import decoys, people
from brownout.scenarios.targets.reference.masking import Masking


def test_no_value_is_part_of_another() -> None:
    """
    What is found of fifty people is one value and no accident, whatever is said around it.
    """
    crowd = people(50, LOCALES, DRAWN, "0")
    values = [value for person in crowd for value in person.values]

    found = [each.value for person in crowd for each in Finder(values).find(person.says())] if values else []

    assert len(values) == len(set(values))
    assert sorted(values, key=str) == sorted(found, key=str)


def test_a_person_says_everything_and_a_seed_makes_the_same_people() -> None:
    """
    Each of the claimed types that the locale has is said once, by people whom the seed alone makes.
    """
    (person,) = people(1, ["de_DE"], ["email", "ssn", "iban"], "3")

    assert ["email", "iban"] == [value.type for value in person.values]
    assert all(value.text in person.says() for value in person.values)
    assert person.value("email") == person.values[0].text
    assert person.value("ssn") is None
    assert [person] == people(1, ["de_DE"], ["email", "ssn", "iban"], "3")


def test_decoys_are_distinct_and_of_several_kinds() -> None:
    """
    So many sentences as are asked for, each with something else that has to survive.
    """
    made = list(decoys(24, "0"))

    assert 24 == len({value for _, value in made})
    assert all(value.text in sentence and value.type == "decoy" for sentence, value in made)
    assert made == list(decoys(24, "0"))


def test_a_careful_masker_leaves_every_decoy_alone() -> None:
    """
    Patterns with checksums and words nearby take none of a thousand decoys for personal data.
    """
    said = [sentence for sentence, _ in decoys(1000, "1")]

    assert said == [Masking().mask(sentence) for sentence in said]


def test_values_are_compared_by_what_they_are() -> None:
    """
    Two values of one text are two if their types differ.
    """
    assert Value("card", "de_DE", "1") != Value("phone", "de_DE", "1")
