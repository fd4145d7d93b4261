"""What a client and a provider have agreed on over one WebSocket.

A session is a dialect that one connection speaks: it reads the client's events that ask for an answer, writes those
answers as scripts, and says no in the form that events have. So weather, faults and meter meet each of its answers as
they meet any other. What a client says besides (settings, items of the conversation) is answered by the session itself,
at once, and no weather meets it.

Inside a session a head is never sent. It stands in the script all the same: with the status that HTTP would have had,
which is what the meter and the checks go by.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ..ask import Ask
from ..script import Close, Head, Headers, Op, Send, Wait
from .reading import Routes
from .speaker import Speaker

if TYPE_CHECKING:
    from ..ask import Request, Trouble
    from ..fake import Fake

SPOKEN: Headers = (("upgrade", "websocket"),)
"""By what a script is known to be one of a session."""
SECONDS = 3600.0
"""After an hour both of OpenAI's sessions are over."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What becomes of a client's message."""

    said: tuple[Send, ...] = ()
    """What the session says to it at once."""
    asks: bool = False
    """Whether it asks for an answer of its own: an exchange."""
    refusal: Trouble | None = None
    """Why that is refused at once, without a wait for what is under way and whatever the weather."""
    cancels: bool = False
    """Whether the answer under way is to end."""
    close: Close | None = None
    """How the session ends with it."""


class Session(Speaker, ABC):
    """One client's session; it begins with its handshake."""

    routes = Routes(())
    route: ClassVar[str]
    """That of the answers that a client asks for in it."""

    def read(self, request: Request, fake: Fake) -> Ask:
        """Read an event that asks for an answer."""
        ask = Ask(self, fake, self.route, request)
        ask.key = self.key(request)
        refused = self._understood(ask)
        ask.trouble = self.check_key(ask) or refused
        return ask

    def greeting(self, ask: Ask) -> tuple[Send, ...]:
        """What is said as soon as the handshake is accepted."""
        return ()

    @abstractmethod
    def hear(self, message: str | bytes, *, busy: bool, now: float) -> Heard:
        """A client's message has come, at a date; `busy` is whether an answer is under way."""

    @abstractmethod
    def cancelled(self, ask: Ask, said: bytes) -> tuple[Send, ...]:
        """How an answer ends that the client has cancelled, after as much of it was said."""

    @abstractmethod
    def expired(self, now: float) -> tuple[Send, Close]:
        """How the session ends when its time is over."""

    def carried(self, before: list[Op], after: list[Op]) -> list[Op]:
        """As much as a session can carry of what a fault has made of a script.

        Only HTTP redirects, and headers have no place here. A body that is no event is one message.
        """
        heads = [op for op in after if isinstance(op, Head)]
        if any(300 <= head.status < 400 for head in heads):
            return before
        rest = in_events([op for op in after if not isinstance(op, Head)])
        at = next((index for index, op in enumerate(rest) if not isinstance(op, Wait)), len(rest))
        return [*rest[:at], *(Head(head.status, SPOKEN) for head in heads[:1]), *rest[at:]]


def in_events(ops: list[Op]) -> list[Op]:
    """The operations with a body that is none of a session's, such as a page of HTML, as one event."""
    body = b"".join(op.data for op in ops if isinstance(op, Send) and op.part == "body")
    if not body or body.startswith((b"data:", b"event:", b":")):
        return ops
    return [
        Send(b"".join(b"data: %b\n" % line for line in op.data.splitlines()) + b"\n", op.part)
        if isinstance(op, Send) and op.part == "body"
        else op
        for op in ops
    ]


def turn(request: Request, message: str) -> Request:
    """A client's event as a request; what belongs to its handshake alone is not repeated."""
    once = {"accept-encoding", "x-brownout-fault"}
    headers = tuple(pair for pair in request.headers if pair[0] not in once)
    return replace(request, headers=headers, body=message.encode("utf-8", "replace"))
