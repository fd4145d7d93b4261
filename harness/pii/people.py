"""Somebody with one value of each type, and things that only look like values.

No value of a run is part of another, or of what is said around it: what is found is then one value and no accident.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from .drawing import Value, draw
from .sentences import SENTENCES, sentence

DECOY = "decoy"
"""The type of what is nobody's, and has to survive."""


@dataclass(frozen=True, slots=True)
class Person:
    """One value of each type; `number` says how they speak."""

    number: int
    values: tuple[Value, ...]

    def sentences(self) -> list[str]:
        """A sentence for each value."""
        return [sentence(value.type, value.locale, self.number).format(value.text) for value in self.values]

    def says(self) -> str:
        """A prompt with every value in it."""
        return "\n".join(self.sentences())

    def value(self, kind: str) -> str | None:
        """Their value of a type; None where they have none."""
        return next((value.text for value in self.values if value.type == kind), None)


def people(count: int, locales: Sequence[str], kinds: Iterable[str], seed: str) -> list[Person]:
    """So many people, of the locales in turn; the same seed makes the same people."""
    wanted = sorted(set(kinds))
    taken = [_squeezed(word) for spoken in SENTENCES.values() for ways in spoken.values() for word in ways]
    found = []
    for number in range(count):
        locale = locales[number % len(locales)]
        drawn = [_own(kind, locale, f"{seed}/{number}", taken) for kind in wanted]
        found.append(Person(number // len(locales), tuple(value for value in drawn if value is not None)))
    return found


def _own(kind: str, locale: str, seed: str, taken: list[str]) -> Value | None:
    """A value that neither holds nor is held by what is taken, which it joins."""
    again = 0
    while (value := draw(kind, locale, f"{seed}/{again}")) is not None:
        again += 1
        squeezed = _squeezed(value.text)
        if not any(squeezed in other or other in squeezed for other in taken):
            taken.append(squeezed)
            return value
    return None


def _squeezed(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def decoys(count: int, seed: str) -> Iterator[tuple[str, Value]]:
    """Sentences with what looks like personal data and is none, and what has to survive of each."""
    random = Random(f"{seed}/decoys")
    made = [make for make in DECOYS for _ in range(-(-count // len(DECOYS)))][:count]
    for make in made:
        before, text, behind = make(random)
        yield f"{before}{text}{behind}", Value(DECOY, "", text)


def _order(random: Random) -> tuple[str, str, str]:
    return "Where is order ", f"ORD-{random.randrange(10**5, 10**6)}-{random.choice('ABC')}", "?"


def _sku(random: Random) -> tuple[str, str, str]:
    letters = "".join(random.choices("BDKMQX", k=3))
    return "Is article ", f"{letters}-{random.randrange(1000, 10000)}/{random.choice('SML')}", " in stock?"


def _version(random: Random) -> tuple[str, str, str]:
    numbers = f"{random.randrange(2, 30)}.{random.randrange(100, 400)}.{random.randrange(10, 90)}"
    return "We upgraded to version ", f"v{numbers}", "."


def _release(random: Random) -> tuple[str, str, str]:
    date = f"2024-{random.randrange(1, 13):02d}-{random.randrange(1, 29):02d}"
    return "The release of ", date, " broke the export."


def _price(random: Random) -> tuple[str, str, str]:
    return "The invoice says ", f"{random.randrange(2, 90)},{random.randrange(100, 1000)}.50 EUR", "."


def _tracking(random: Random) -> tuple[str, str, str]:
    return "The parcel has tracking code ", f"TRK{random.randrange(10**8, 10**9)}X", "."


def _commit(random: Random) -> tuple[str, str, str]:
    return "It fails since commit ", f"b{random.randrange(16**8):08x}c", "."


def _quantity(random: Random) -> tuple[str, str, str]:
    return "We need ", f"{random.randrange(1100, 9900)} pieces", " by Friday."


DECOYS = (_order, _sku, _version, _release, _price, _tracking, _commit, _quantity)
