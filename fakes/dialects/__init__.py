"""The wire formats of the providers, one file each.

A dialect reads a request into an `Ask` and renders everything a provider can say as scripts. It knows no fault, no
weather and no socket.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from ..ask import Ask, Request, Trouble
from ..fake import Fake
from ..script import Op, Send

if TYPE_CHECKING:
    from .session import Session

BESIDE = {"length": ("max_output_tokens", "model_length")}
"""Further words for an ending: OpenAI's responses have some of their own, and Mistral tells one length from another."""
NAMES = ("openai", "anthropic", "gemini", "vertex", "cohere", "openai_compatible", "azure_openai", "mistral", "bedrock")


class Dialect(Protocol):
    """A provider's wire format; most of what is not its own is in `speaker.Speaker`."""

    @property
    def name(self) -> str:
        """As target files write it."""

    @property
    def base(self) -> str:
        """What of the paths belongs to the base URL that clients are given, such as "/v1"."""

    @property
    def signs(self) -> bool:
        """Whether callers sign requests with a key, under its `fake.key_id`, and need not send it."""

    @property
    def troubles(self) -> frozenset[str]:
        """The kinds of `Trouble` it can render: at least all of `ask.TROUBLES`."""

    @property
    def writing(self) -> frozenset[str]:
        """The routes whose answer is a text that a model writes."""

    @property
    def blocks(self) -> frozenset[str]:
        """Those of them whose answer is a list of blocks, of which there may be none, and not one of choices."""

    @property
    def finishes(self) -> Mapping[str, str]:
        """The provider's own word for each way in which an answer ends: those of `Answer.finish`, and "refusal"."""

    @property
    def closed_lists(self) -> frozenset[str]:
        """Fields of an answer whose values are a closed list and carry nothing of the answer itself."""

    @property
    def unions(self) -> frozenset[str]:
        """Fields of an answer whose objects are exactly one of several things, told by the only field they have."""

    @property
    def sessions(self) -> frozenset[str]:
        """The routes that open a WebSocket."""

    @abstractmethod
    def session(self, ask: Ask) -> Session:
        """The session that an ask has opened, whose route is one of `sessions`."""

    @abstractmethod
    def read(self, request: Request, fake: Fake) -> Ask:
        """Read a request; what the provider would refuse comes with its `trouble`."""

    @abstractmethod
    def answer(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script of an ask that has no trouble."""

    @abstractmethod
    def trouble(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """The provider's own way of saying no."""

    @abstractmethod
    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The body of that, to be sent where no status can be sent any more."""

    @abstractmethod
    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The event that tells of an error inside a stream, after `sent` events."""

    @abstractmethod
    def garbage(self, ask: Ask) -> Send:
        """An event whose framing is right and whose payload cannot be parsed."""

    @abstractmethod
    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper answer, whole or streamed, without its substance.

        "no_choices" has an empty list where the answers belong, "null_content" an answer whose text is null.
        """

    @abstractmethod
    def ping(self, ask: Ask) -> Send:
        """What the provider sends in a stream to keep the connection alive; a comment where it has nothing else."""

    @abstractmethod
    def unknown_event(self, ask: Ask) -> Send | None:
        """An event of a type that no client knows yet and every client has to ignore; None where there can be none."""


def finishes(*reasons: str) -> list[str]:
    """Every word by which some provider says that an answer ended so, the reasons' own names included."""
    spoken = [dialect(name).finishes for name in NAMES]
    words = {*reasons, *(words[reason] for words in spoken for reason in reasons)}
    words.update(*(BESIDE.get(reason, ()) for reason in reasons))
    return sorted(words - {words["stop"] for words in spoken})


def dialect(name: str) -> Dialect:
    """A provider that speaks the dialect of that name and remembers nothing yet."""
    found: Dialect = import_module(f".{name}", __name__).DIALECT()
    return found
