"""Anthropic's wire format.

Each part of the API is a module here: `reading` says what a request asks for and `refusing` finds what is wrong with
it, `messages` writes down what is said, `troubles` and `limits` hold how the API says no and what it says of its
limits. Both versions of the API that are in the field are spoken: they differ in what they refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ...answer import find_canary
from ...ask import Ask, Request, Trouble
from ...script import Head, Op, Send, whole
from ..refusing import Refused, page, with_own
from ..speaker import Speaker
from ..wire import json_bytes, json_value, sse
from . import batches, limits, messages, models, troubles
from .batches import Batches
from .reading import ROUTES, glance, key_of
from .refusing import check_message, check_version, check_window

BODIES = frozenset({"messages", "count_tokens", "batches.create"})


class Anthropic(Speaker):
    """Anthropic's wire format, and what one provider remembers: message batches."""

    name = "anthropic"
    troubles = frozenset(troubles.TROUBLES)
    writing = frozenset({"messages"})
    blocks = writing
    finishes = MappingProxyType(messages.FINISHES)
    closed_lists = frozenset({"service_tier"})
    routes = ROUTES

    def __init__(self) -> None:
        self.batches = Batches(self._run)

    def key(self, request: Request) -> str | None:
        """The key that a request brings."""
        return key_of(request)

    def understand(self, ask: Ask) -> None:
        """Fill in what the request asks for as far as it can be read."""
        if ask.route in BODIES and len(ask.request.body) > troubles.most_bytes(ask):
            raise Refused(Trouble("too_large"))
        if ask.route in BODIES:
            ask.body = json_value(ask.request.body)
            glance(ask)
        check_version(ask)
        match ask.route:
            case "messages" | "count_tokens":
                check_message(ask, counting=ask.route == "count_tokens")
                check_window(ask)
            case "batches.create":
                batches.read(ask)

    def say(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script of every operation."""
        if ask.route == "messages":
            return messages.answer(ask)
        family = ask.route.partition(".")[0]
        if family == "batches":
            script = self.batches.answer(ask)
        elif family == "models":
            script = models.answer(ask)
        else:
            script = whole(200, json_bytes({"input_tokens": ask.input_tokens}), headers=limits.common_headers(ask))
            ask.input_tokens = 0  # counting costs nothing
        ask.answer = replace(ask.answer, text="")  # nothing is said here that a caller would hear
        return script

    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """Anthropic's way of saying no."""
        row = troubles.row(trouble)
        status = trouble.status or row.status
        if row.html and status == row.status and trouble.message is None:
            headers = with_own(limits.retry_headers(trouble), trouble)
            return whole(status, page(row.message), "text/html", headers)
        headers = with_own(limits.refusal_headers(ask, trouble, status), trouble)
        return whole(status, self.error_envelope(ask, trouble), headers=headers)

    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The error object in its envelope."""
        return troubles.envelope(ask, trouble, limits.request_id(ask))

    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The event that tells of an error inside a stream: the same envelope."""
        return sse(self.error_envelope(ask, trouble), "error", "error")

    def garbage(self, ask: Ask) -> Send:
        """An event whose framing is right and whose payload cannot be parsed."""
        return messages.GARBAGE

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper message without its substance."""
        return messages.hollow(ask, how)

    def ping(self, ask: Ask) -> Send:
        """Anthropic's own."""
        return messages.PING

    def unknown_event(self, ask: Ask) -> Send:
        """An event of a type that Anthropic does not have; its versioning policy says that there may be such."""
        return messages.NOTICE

    def _run(self, ask: Ask, query: str, params: dict[str, Any], trouble: Trouble | None) -> tuple[int, Any]:
        """Answer one request of a batch as the message that it asks for."""
        body = json_bytes({**params, "stream": False})
        inner = self.read(Request("POST", "/v1/messages", query, ask.request.headers, body), ask.fake)
        inner.canary, inner.attempt, inner.now = find_canary(inner.texts), ask.attempt, ask.now
        inner.answer = ask.answer
        trouble = trouble or inner.trouble
        ops = self.trouble(inner, trouble) if trouble else self.answer(inner)
        status = next(op.status for op in ops if isinstance(op, Head))
        ask.rows += [inner] if status == 200 else []
        return status, json_value(b"".join(op.data for op in ops if isinstance(op, Send)))


DIALECT = Anthropic
