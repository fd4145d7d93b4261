"""What the users of a load run say.

Where a target says that it masks personal data each of them is somebody, and says a few things of themselves in every
call, so that all of it is said again and again. Where it says that it restores them, too, every other call asks the
provider to repeat the question, and the caller's own values are to come back in the reply.

It is handed to Locust by the socket, in clear, and is written nowhere.
"""

from __future__ import annotations

from math import ceil

import msgspec

from ..contract import Pii
from ..pii.drawing import LOCALES
from ..pii.people import Person, people

MOST = 50
"""So many people there are; where there are more users, several are the same."""
AT_A_TIME = 3
"""Things that somebody says of themselves in one call."""
REPEAT = "Please repeat word for word:"
"""What asks a fake to say the question again; it holds nothing that anybody would mask."""
PLAIN = "Please answer."


class Crowd(msgspec.Struct):
    """Everybody's sentences, and whether a target is to bring back what they hold."""

    sentences: list[list[str]] = []
    restores: bool = False

    def says(self, person: int, number: int) -> str:
        """What somebody says in their call of that number, from 0."""
        if not self.sentences:
            return PLAIN
        own = self.sentences[person % len(self.sentences)]
        turn, asks = divmod(number, 2) if self.restores else (number, 0)
        turn %= ceil(len(own) / AT_A_TIME)
        said = "\n".join(own[turn * AT_A_TIME : (turn + 1) * AT_A_TIME])
        return f"{REPEAT if asks else PLAIN}\n{said}"


def gathered(pii: Pii | None, users: int, seed: int) -> list[Person]:
    """The people that so many users are: nobody where nothing is masked."""
    if pii is None:
        return []
    locales = [locale for locale in LOCALES if not pii.locales or locale in pii.locales]
    found = people(min(users, MOST), locales, pii.types, str(seed)) if locales else []
    return [person for person in found if person.values]


def crowd_of(people: list[Person], pii: Pii | None) -> Crowd:
    """What those people say."""
    return Crowd([person.sentences() for person in people], pii is not None and pii.restore)
