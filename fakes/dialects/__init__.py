"""The wire formats of the providers, one file each.

A dialect reads a request into an `Ask` and renders everything a provider can say as scripts. It knows no fault, no
weather and no socket.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

from ..ask import Ask, Request, Trouble
from ..fake import Fake
from ..script import Op, Send

NAMES = ("openai",)


class Dialect(Protocol):
    """A provider's wire format."""

    name: str
    troubles: frozenset[str]
    """The kinds of `Trouble` it can render: at least all of `ask.TROUBLES`."""
    writing: frozenset[str]
    """The routes whose answer is a text that a model writes."""

    def read(self, request: Request, fake: Fake) -> Ask:
        """Read a request; what the provider would refuse comes with its `trouble`."""

    def answer(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script of an ask that has no trouble."""

    def trouble(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """The provider's own way of saying no."""

    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The body of that, to be sent where no status can be sent any more."""

    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The event that tells of an error inside a stream, after `sent` events."""

    def garbage(self, ask: Ask) -> Send:
        """An event whose framing is right and whose payload cannot be parsed."""

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper answer, whole or streamed, without its substance.

        "no_choices" has an empty list where the answers belong, "null_content" an answer whose text is null.
        """

    def ping(self, ask: Ask) -> Send:
        """What the provider sends in a stream to keep the connection alive; a comment where it has nothing else."""

    def unknown_event(self, ask: Ask) -> Send | None:
        """An event of a type that no client knows yet and every client has to ignore; None where there can be none."""


def dialect(name: str) -> Dialect:
    """A provider that speaks the dialect of that name and remembers nothing yet."""
    found: Dialect = import_module(f".{name}", __name__).DIALECT()
    return found
