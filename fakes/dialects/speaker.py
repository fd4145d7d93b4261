"""The course of a request, which is the same at every provider: path, key, body, answer or refusal.

A dialect is a `Speaker` that fills in what is its own. Whatever happens inside, a request that the provider refuses
gets its refusal, and what answering had changed is taken back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from ..ask import Ask, Request, Trouble
from ..fake import Fake
from ..script import Op
from . import Dialect
from .reading import Routes
from .refusing import Refused
from .wire import Unreadable

if TYPE_CHECKING:
    from .session import Session

NESTED = "The request is nested too deeply."


class Speaker(Dialect, ABC):
    """What all dialects do alike; see `Dialect` for what each attribute means."""

    name: ClassVar[str]
    base: ClassVar[str] = ""
    signs: ClassVar[bool] = False
    troubles: ClassVar[frozenset[str]]
    writing: ClassVar[frozenset[str]]
    blocks: ClassVar[frozenset[str]] = frozenset()
    finishes: ClassVar[Mapping[str, str]]
    closed_lists: ClassVar[frozenset[str]] = frozenset()
    unions: ClassVar[frozenset[str]] = frozenset()
    sessions: ClassVar[frozenset[str]] = frozenset()
    routes: ClassVar[Routes]

    def read(self, request: Request, fake: Fake) -> Ask:
        """Read a request; what the provider would refuse comes with its trouble, of several the first it looks at."""
        ask = Ask(self, fake, "unknown", request)
        ask.key = self.key(request)
        route = self.routes.find("WEBSOCKET" if request.websocket else request.method, request.path)
        if request.websocket and route.name not in self.sessions:
            route = self.routes.find(request.method, request.path)
        ask.route, ask.about = route.name, route.about
        refused = self._understood(ask)
        ask.trouble = route.trouble or self.check_key(ask) or refused
        return ask

    def answer(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script; asked twice it is the same, in the words that `ask.answer` has by then."""
        try:
            return self.say(ask)
        except Refused as refused:
            ask.trouble = refused.trouble
        except RecursionError:
            ask.trouble = Trouble("bad_request", NESTED)
        return self.trouble(ask, ask.trouble)

    def trouble(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """The provider's way of saying no; what answering had changed is taken back."""
        while ask.undo:
            ask.undo.pop()()
        return self.refuse(ask, trouble)

    def session(self, ask: Ask) -> Session:
        """A session of the kind that the route asks for."""
        raise NotImplementedError(f"{self.name} opens no session for {ask.route}")

    @abstractmethod
    def key(self, request: Request) -> str | None:
        """The key that a request brings."""

    def check_key(self, ask: Ask) -> Trouble | None:
        """What is said of a key that is none of the fake's, or missing."""
        return None if ask.key in ask.fake.keys else Trouble("invalid_key" if ask.key else "no_key")

    @abstractmethod
    def understand(self, ask: Ask) -> None:
        """Fill in what the request asks for as far as it can be read.

        Raises `Refused` for what the provider would refuse, `Unreadable` for a body that is no JSON. Called for every
        request, also for one whose path or key is wrong: the journal wants to know its canary.
        """

    @abstractmethod
    def say(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script of an ask that has no trouble; raises `Refused` where it turns out to have one."""

    @abstractmethod
    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """The provider's refusal: status, headers, body."""

    def _understood(self, ask: Ask) -> Trouble | None:
        try:
            self.understand(ask)
        except Unreadable:
            return Trouble("bad_json")
        except Refused as refused:
            return refused.trouble
        except RecursionError:
            return Trouble("bad_request", NESTED)
        return None
