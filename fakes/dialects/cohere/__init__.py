"""Cohere's wire format, in the second version of its API.

Each part of it is a module here: `reading` says what a request asks for and `refusing` finds what is wrong with it,
`chat`, `embeddings`, `rerank`, `tokens` and `models` answer, `troubles` holds how the API says no and what its headers
say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from ...ask import Ask, Request, Trouble
from ...script import Op, Send, whole
from ..reading import bearer
from ..refusing import page, with_own
from ..speaker import Speaker
from ..wire import json_bytes, json_value, sse
from . import chat, embeddings, models, rerank, tokens, troubles
from .reading import PROMPTS, ROUTES, glance
from .refusing import check_chat


class Cohere(Speaker):
    """Cohere's wire format."""

    name = "cohere"
    troubles = frozenset(troubles.TROUBLES)
    writing = frozenset({"chat"})
    blocks = writing
    finishes = MappingProxyType(chat.FINISHES)
    routes = ROUTES

    def key(self, request: Request) -> str | None:
        """The key that a request brings."""
        return bearer(request)

    def understand(self, ask: Ask) -> None:
        """Fill in what the request asks for as far as it can be read."""
        if ask.route in PROMPTS:
            ask.body = json_value(ask.request.body)
            glance(ask)
        match ask.route:
            case "chat":
                check_chat(ask)
            case "embed":
                embeddings.read(ask)
            case "rerank":
                rerank.read(ask)
            case "tokenize" | "detokenize":
                tokens.read(ask)
            case "models.list" | "models.get":
                models.read(ask)

    def say(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script of every operation."""
        if ask.route == "chat":
            return chat.answer(ask)
        ask.answer = replace(ask.answer, text="")  # nothing is said here that a caller would hear
        match ask.route:
            case "embed":
                return embeddings.answer(ask)
            case "rerank":
                return rerank.answer(ask)
            case "tokenize" | "detokenize":
                return tokens.answer(ask)
            case "check_key":
                owned = {"organization_id": troubles.ORGANIZATION, "owner_id": troubles.ORGANIZATION}
                return whole(200, json_bytes({"valid": True, **owned}), headers=troubles.headers(ask))
        return models.answer(ask)

    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """Cohere's way of saying no."""
        row = troubles.row(trouble)
        status = trouble.status or row.status
        headers = with_own(troubles.refusal_headers(ask, trouble), trouble)
        if row.html and status == row.status and trouble.message is None:
            return whole(status, page(row.message), "text/html", headers)
        return whole(status, self.error_envelope(ask, trouble), headers=headers)

    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The body of a refusal."""
        return json_bytes(troubles.error(ask, trouble))

    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The end of a stream that has failed: its reason is an error."""
        return chat.failed(ask, troubles.message(ask, trouble))

    def garbage(self, ask: Ask) -> Send:
        """An event whose framing is right and whose payload cannot be parsed."""
        return sse(b'{"type":"content-delta","index":0,"delta":{"message":{"con', "garbage", "content-delta")

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper chat without its substance."""
        return chat.hollow(ask, how)

    def ping(self, ask: Ask) -> Send:
        """A comment: Cohere has no ping."""
        return Send(b": ping\n\n", "comment")

    def unknown_event(self, ask: Ask) -> Send:
        """An event of a type that Cohere does not have."""
        return sse(b'{"type":"notice"}', "comment", "notice")


DIALECT = Cohere
