"""Personal data stays here: placeholders go to the model, and the caller's own values come back in its answer.

    A detector finds one kind of value: a pattern, and a check (a checksum, words nearby) that what it found is one.
    Each call has a map of its own from placeholders to values; nothing is shared, and nothing outlives the call.
    A placeholder that a stream brings in pieces is held back until it is whole.

Names are found only where somebody introduces themselves: no pattern finds a name among words.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

PLACEHOLDER = re.compile(r"\[[A-Z]+_\d+\]")
BEGUN = re.compile(r"\[(?:[A-Z]+(?:_\d*)?)?$")
"""The beginning of what may become a placeholder, at the end of what has come."""

Fits = Callable[[re.Match[str]], bool]


@dataclass(frozen=True)
class Detector:
    """Finds one kind of value: the pattern's first group, or all of it, where it fits.

    A pattern's letters and digits are ASCII, except where it says (?u:...).
    """

    kind: str
    pattern: str
    fits: Fits = lambda found: True


def _compact(found: re.Match[str]) -> str:
    return re.sub(r"[^0-9A-Z]", "", found[0])


def _weighted(digits: str, weights: Iterable[int]) -> int:
    return sum(int(c) * weight for c, weight in zip(digits, weights, strict=False))


def _in_turn(digits: str) -> int:
    """The digits of all products with 1 and 2 in turn, added up."""
    return sum(sum(divmod(int(c) * (1 + place % 2), 10)) for place, c in enumerate(digits))


def _luhn(found: re.Match[str]) -> bool:
    return _in_turn(_compact(found)[::-1]) % 10 == 0


def _kvnr(found: re.Match[str]) -> bool:
    return _in_turn(f"{ord(found[0][0]) - 64:02d}{found[0][1:9]}") % 10 == int(found[0][9])


def _nhs(found: re.Match[str]) -> bool:
    return _weighted(_compact(found), range(10, 0, -1)) % 11 == 0


def _my_number(found: re.Match[str]) -> bool:
    return -_weighted(found[0], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11 % 10 == int(found[0][-1])


def _nir(found: re.Match[str]) -> bool:
    return sum(divmod(int(found[0]), 100)) % 97 == 0


def _steuer_id(found: re.Match[str]) -> bool:
    product = 10
    for digit in found[0][:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(found[0][-1])


def _iban(found: re.Match[str]) -> bool:
    number = _compact(found)
    return int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1


def _ip(found: re.Match[str]) -> bool:
    try:
        ipaddress.ip_address(found[0])
    except ValueError:
        return False
    return True


BIRTH = re.compile(r"born|birth|geboren|geburt|naissance|né|生年月日|生まれ", re.IGNORECASE)


def _birthday(found: re.Match[str]) -> bool:
    """A date is personal where somebody says, just before or after it, that it is one of birth."""
    around = found.string[max(0, found.start() - 30) : found.end() + 12]
    return BIRTH.search(around) is not None


def _phone(found: re.Match[str]) -> bool:
    number = _compact(found)
    national = re.fullmatch(r"1?[2-9]\d\d[2-9]\d{6}", number) is not None
    return 9 <= len(number) <= 15 and (found[0][0] in "+0(" or national)


DETECTORS = (
    Detector(
        "SECRET",
        r"(?i:password|passwort|mot de passe|パスワード)[\"']?(?: is| ist| est)? ?[::は]\s*[\"']?([^\s\"']+)",
    ),
    Detector("KEY", r"\b(?:sk-[\w-]{20,}|gh[pousr]_\w{30,}|AKIA[A-Z0-9]{16})"),
    Detector("EMAIL", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    Detector("IBAN", r"\b[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", _iban),
    Detector("IP", r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)", _ip),
    Detector("IP", r"(?<![\w:])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:])", _ip),
    Detector("CARD", r"\b\d(?:[ -]?\d){12,18}\b", _luhn),
    Detector("SSN", r"\b\d{3}-\d\d-\d{4}\b"),
    Detector("ID", r"\b[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D]\b"),
    Detector("ID", r"\b[12]\d{14}\b", _nir),
    Detector("ID", r"\b\d{12}\b", _my_number),
    Detector("ID", r"\b\d{11}\b", _steuer_id),
    Detector("PATIENT", r"\bMRN-?\d{6,10}\b"),
    Detector("PATIENT", r"\b\d{3} ?\d{3} ?\d{4}\b", _nhs),
    Detector("PATIENT", r"\b[A-Z]\d{9}\b", _kvnr),
    Detector("BIRTHDAY", r"\b\d{1,2}[./]\d{1,2}[./]\d{4}\b|\b\d{4}-\d\d-\d\d\b|\d{4}年\d{1,2}月\d{1,2}日", _birthday),
    Detector("PASSPORT", r"(?i:passport|reisepass|passeport|パスポート|旅券)[^.\n]{0,20}?\b(?=\w*\d)([A-Z0-9]{8,9})\b"),
    Detector("PHONE", r"(?<![\w.-])(?:\+|\(?\d)[\d ()./-]{6,20}\d(?!\w)", _phone),
    Detector(
        "NAME", r"(?:[Mm]y name is|[Ii]ch heiße|[Mm]ein Name ist|[Jj]e m'appelle) ((?u:\w+(?:[ '-][A-ZÀ-Þ]\w+)*))"
    ),
    Detector("NAME", r"名前は ?((?u:\w+ \w+?))(?=です|。)"),
)


def _unescaped(text: str) -> str:
    """A text that is JSON, such as the arguments of a tool, with its letters as they are read."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False) if "\\u" in text else text
    except ValueError:
        return text


class Masking:
    """The placeholders of one call."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._placeholders: dict[str, str] = {}
        self._held = ""

    def mask(self, said: Any) -> Any:
        """What the caller has said, with placeholders in every text of it."""
        match said:
            case str():
                said = _unescaped(said)
                for detector in DETECTORS:
                    said = re.sub(detector.pattern, partial(self._masked, detector), said, flags=re.ASCII)
                return said
            case list():
                return [self.mask(each) for each in said]
            case dict():
                return {name: self._named(each) if name == "user" else self.mask(each) for name, each in said.items()}
        return said

    def restore(self, told: Any) -> Any:
        """What the model has told, with the caller's own values."""
        match told:
            case str():
                return PLACEHOLDER.sub(lambda found: self._values.get(found[0], found[0]), told)
            case list():
                return [self.restore(each) for each in told]
            case dict():
                return {name: self.restore(each) for name, each in told.items()}
        return told

    def restored(self, piece: str | dict[str, Any]) -> list[str | dict[str, Any]]:
        """What a piece of a stream lets be told: the text up to a placeholder that is not whole yet."""
        if isinstance(piece, dict):
            held, self._held = self._held, ""
            return [*filter(None, [held]), self.restore(piece)]
        text = self._held + piece
        begun = BEGUN.search(text)
        whole, self._held = (text[: begun.start()], begun[0]) if begun else (text, "")
        return [self.restore(whole)] if whole else []

    def _named(self, user: Any) -> Any:
        """Who is called by an address or a number has another name here, the same in every call."""
        return user if self.mask(user) == user else f"user-{hashlib.sha256(str(user).encode()).hexdigest()[:16]}"

    def _masked(self, detector: Detector, found: re.Match[str]) -> str:
        if not detector.fits(found):
            return found[0]
        group = found.re.groups
        value, (begin, end) = found[group], found.span(group)
        if value not in self._placeholders:
            placeholder = f"[{detector.kind}_{len(self._values) + 1}]"
            self._placeholders[value], self._values[placeholder] = placeholder, value
        return found.string[found.start() : begin] + self._placeholders[value] + found.string[end : found.end()]
