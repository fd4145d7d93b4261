"""Valid values of every type and locale: the same seed and number give the same value, whatever else is drawn.

Faker knows how people, streets and accounts are called and numbered where; what it leaves loose (British and Japanese
numbers with a check digit, German tax ids) is drawn here by the rules of who gives them out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any, get_args

from ..contract import Locale
from . import checksums

LOCALES: tuple[Locale, ...] = get_args(Locale)
PHONES = {
    "en_US": re.compile(r"(\+1-|001-)?\(?[2-9]\d\d\)?[-. ]?[2-9](?!11)\d\d[-.]?\d{4}"),
    "en_GB": re.compile(r"(\+44 ?|\+44\(0\)|0|\(0)[1-9][\d() ]{8,12}"),
    "de_DE": re.compile(r"(\+49 ?|\+49\(0\)|0|\(0)[1-9][\d() ]{8,13}"),
    "fr_FR": re.compile(r"(\+33 ?|\+33 ?\(0\)|0)[1-79][\d ]{8,12}"),
    "ja_JP": re.compile(r"0[1-9]\d?-\d{4}-\d{4}"),
}
BIRTHDAYS = {
    "en_US": "%m/%d/%Y",
    "en_GB": "%d/%m/%Y",
    "de_DE": "%d.%m.%Y",
    "fr_FR": "%d/%m/%Y",
    "ja_JP": "%Y年%m月%d日",
}
# "?" is a letter and "#" a digit of those that stand for it.
PASSPORTS = {
    "en_US": "A########",
    "en_GB": "#########",
    "de_DE": "C#F##T###",
    "fr_FR": "##??#####",
    "ja_JP": "T?#######",
}
API_KEYS = ("sk-proj-", "ghp_", "AKIA")
LETTERS = "ABCEGHJKLMNPRSTWXYZ"
"""Letters that every number below may have."""
ISSUED = LETTERS + LETTERS.lower() + "0123456789"

_lock = Lock()


@dataclass(frozen=True, slots=True)
class Value:
    """One piece of personal data; `type` is a word of the contract's."""

    type: str
    locale: str
    text: str


def draw(kind: str, locale: str, seed: str) -> Value | None:
    """A valid value; None where there is none of this type in this locale."""
    if (kind == "ssn") != (locale == "en_US") and kind in {"ssn", "national_id"}:
        return None
    with _lock:  # the generators are shared, and a scenario draws in a thread of its own
        fake = _faker(locale)
        fake.seed_instance(f"{seed}/{locale}/{kind}")
        return Value(kind, locale, DRAWN[kind](fake, locale))


@cache
def _faker(locale: str) -> Any:
    from faker import Faker  # noqa: PLC0415  # it takes half a second, and most runs plant nothing

    return Faker(locale)


def _until(drawn: Callable[[], str], fits: Callable[[str], object]) -> str:
    while not fits(text := drawn()):
        pass
    return text


def _phone(fake: Any, locale: str) -> str:
    return _until(fake.phone_number, PHONES[locale].fullmatch)


def _card(fake: Any, _: str) -> str:
    brand = fake.random_element(("visa16", "mastercard", "amex", "discover"))
    number = _until(lambda: str(fake.credit_card_number(brand)), checksums.luhn)
    return re.sub(r"(\d{4})(?=\d)", r"\1 ", number) if len(number) == 16 and fake.boolean() else number


def _national_id(fake: Any, locale: str) -> str:
    match locale:
        case "en_GB":
            stem = fake.bothify("A? ## ## ## ", letters=LETTERS) + fake.random_element("ABCD")
            return str(stem)
        case "de_DE":
            return _until(lambda: _steuer_id(fake), bool)
        case "fr_FR":
            return _until(fake.ssn, lambda text: text.isdigit() and len(text) == 15 and checksums.nir(text))
        case "ja_JP":
            return _until(lambda: checksums.completed(fake.numerify("%" + "#" * 10), checksums.my_number) or "", bool)
    raise AssertionError(locale)


def _steuer_id(fake: Any) -> str:
    """Of its first ten digits exactly one is there twice."""
    own = list(fake.random_elements("0123456789", length=9, unique=True))
    stem = "".join(fake.random_elements([*own, fake.random_element(own)], length=10, unique=True))
    return "" if stem[0] == "0" else checksums.completed(stem, checksums.steuer_id) or ""


def _iban(fake: Any, _: str) -> str:
    compact = _until(fake.iban, checksums.iban)
    return re.sub(r"(.{4})(?=.)", r"\1 ", compact) if fake.boolean() else compact


def _ip(fake: Any, _: str) -> str:
    if fake.boolean(25):
        return str(fake.ipv6())
    return _until(fake.ipv4_public, lambda text: len(text) >= 13)


def _birthday(fake: Any, locale: str) -> str:
    return str(fake.date_of_birth(minimum_age=19, maximum_age=90).strftime(BIRTHDAYS[locale]))


def _address(fake: Any, _: str) -> str:
    return _until(lambda: re.sub(r"\s*\n\s*", ", ", fake.address()), lambda text: len(text) >= 16)


def _name(fake: Any, locale: str) -> str:
    parts = (fake.last_name(), fake.first_name()) if locale == "ja_JP" else (fake.first_name(), fake.last_name())
    return " ".join(parts)


def _medical_record(fake: Any, locale: str) -> str:
    match locale:
        case "en_GB":
            number = _until(lambda: checksums.completed(fake.numerify("4########"), checksums.nhs) or "", bool)
            return f"{number[:3]} {number[3:6]} {number[6:]}"
        case "de_DE":
            stem = fake.bothify("?########", letters=LETTERS)
            return checksums.completed(stem, checksums.kvnr) or ""
    return str(fake.numerify("MRN-########"))


def _passport(fake: Any, locale: str) -> str:
    return str(fake.bothify(PASSPORTS[locale], letters=LETTERS))


def _api_key(fake: Any, _: str) -> str:
    prefix = str(fake.random_element(API_KEYS))
    letters, length = (LETTERS + "234567", 16) if prefix == "AKIA" else (ISSUED, 36)
    return prefix + "".join(fake.random_elements(letters, length=length))


def _password(fake: Any, _: str) -> str:
    return _until(lambda: fake.password(length=16), lambda text: text[0].isalnum() and text[-1].isalnum())


DRAWN: dict[str, Callable[[Any, str], str]] = {
    "email": lambda fake, locale: str(fake.ascii_safe_email()),
    "phone": _phone,
    "card": _card,
    "ssn": lambda fake, locale: _until(fake.ssn, lambda text: not text.startswith("9")),
    "national_id": _national_id,
    "iban": _iban,
    "ip": _ip,
    "date_of_birth": _birthday,
    "address": _address,
    "name": _name,
    "medical_record": _medical_record,
    "passport": _passport,
    "api_key": _api_key,
    "password": _password,
}
