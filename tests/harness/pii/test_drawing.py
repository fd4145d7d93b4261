from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import datetime

import pytest

from brownout.harness.contract import PiiType
from brownout.harness.pii import checksums
from brownout.harness.pii.drawing import BIRTHDAYS, DRAWN, LOCALES, Value, draw
from brownout.harness.pii.sentences import SENTENCES, sentence

NUMBERS = range(12)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _national(value: Value) -> bool:
    match value.locale:
        case "en_GB":
            return re.fullmatch(r"[A-CEGHJ-PR-TW-Z]{2}( \d\d){3} [A-D]", value.text) is not None
        case "de_DE":
            first = value.text[:10]
            return checksums.steuer_id(value.text) and sorted(map(first.count, set(first)))[-2:] == [1, 2]
        case "fr_FR":
            return checksums.nir(value.text)
    return checksums.my_number(value.text)


def _patient(value: Value) -> bool:
    rules: dict[str, Callable[[str], bool]] = {"en_GB": checksums.nhs, "de_DE": checksums.kvnr}
    rule = rules.get(value.locale)
    return rule(value.text) if rule else re.fullmatch(r"MRN-\d{8}", value.text) is not None


VALID: dict[str, Callable[[Value], object]] = {
    "email": lambda value: re.fullmatch(r"[\w.-]+@example\.(com|net|org)", value.text, re.ASCII),
    "phone": lambda value: 10 <= len(_digits(value.text)) <= 15,
    "card": lambda value: checksums.luhn(_digits(value.text)) and 13 <= len(_digits(value.text)) <= 19,
    "ssn": lambda value: re.fullmatch(r"(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}", value.text),
    "national_id": _national,
    "iban": lambda value: checksums.iban(value.text),
    "ip": lambda value: ipaddress.ip_address(value.text).is_loopback is False,
    "date_of_birth": lambda value: datetime.strptime(value.text, BIRTHDAYS[value.locale]).year < 2010,  # noqa: DTZ007
    "address": lambda value: len(value.text) >= 16 and "\n" not in value.text,
    "name": lambda value: value.text.count(" ") >= 1,
    "medical_record": _patient,
    "passport": lambda value: re.fullmatch(r"[A-Z0-9]{8,9}", value.text),
    "api_key": lambda value: re.fullmatch(r"(sk-proj-|ghp_)\w{36}|AKIA[A-Z2-7]{16}", value.text),
    "password": lambda value: len(value.text) == 16,
}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", sorted(VALID))
def test_every_value_is_valid_by_the_rules_of_its_type(kind: str, locale: str) -> None:
    """
    A masker that goes by the rules of a type has every chance to find what is planted.
    """
    values = [value for number in NUMBERS if (value := draw(kind, locale, f"0/{number}")) is not None]

    assert all(VALID[kind](value) for value in values), values
    assert len(set(values)) == len(values)
    assert bool(values) != ((kind, locale == "en_US") in {("ssn", False), ("national_id", True)})


def test_the_same_seed_draws_the_same_value() -> None:
    """
    A value depends on its seed, type and locale, and on nothing that was drawn before.
    """
    first = [draw("card", "de_DE", "7/1"), draw("name", "de_DE", "7/1")]
    again = [draw("name", "de_DE", "7/1"), draw("card", "de_DE", "7/1")]

    assert first == again[::-1]
    assert draw("card", "de_DE", "8/1") not in first


def test_every_type_of_the_contract_is_drawn_and_spoken_of() -> None:
    """
    What a contract may claim can be planted, in a sentence of every language.
    """
    claimable = set(PiiType.__args__)

    assert claimable == set(DRAWN) == set(SENTENCES["en"])
    assert all(claimable - {"ssn"} <= set(spoken) for spoken in SENTENCES.values())
    assert sentence("email", "xx_XX", 0) == SENTENCES["en"]["email"][0]
    assert sentence("ssn", "de_DE", 1) == SENTENCES["en"]["ssn"][1]
