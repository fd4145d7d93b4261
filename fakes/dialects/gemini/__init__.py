"""The wire format of Google's Gemini API.

Each part of it is a module here: `reading` says what a request asks for and `refusing` finds what is wrong with it,
`content` writes down what is said, `troubles` holds how the API says no. Google's other API for the same models is in
`vertex`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from ...answer import find_canary
from ...ask import Ask, Request, Trouble
from ...script import Head, Op, Send, whole
from ..refusing import Refused, with_own
from ..speaker import Speaker
from ..wire import json_bytes, json_value
from . import batches, content, embeddings, models, troubles
from .batches import Batches
from .reading import BODIES, ROUTES, by_events, details_of, glance, key_of
from .refusing import check_content, check_model, check_window

GENERATING = frozenset({"generate", "stream"})


class Gemini(Speaker):
    """The wire format of Google's Gemini API, and what one provider remembers: batches."""

    name = "gemini"
    troubles = frozenset(troubles.TROUBLES)
    writing = GENERATING
    finishes = MappingProxyType(content.FINISHES)
    closed_lists = frozenset({"modality", "trafficType"})
    routes = ROUTES

    def __init__(self) -> None:
        self.batches = Batches(self._run)

    def key(self, request: Request) -> str | None:
        """The key that a request brings."""
        return key_of(request)

    def understand(self, ask: Ask) -> None:
        """Fill in what the request asks for as far as it can be read."""
        if ask.route in BODIES:
            if len(ask.request.body) > troubles.MOST_BYTES:
                raise Refused(Trouble("too_large"))
            ask.body = json_value(ask.request.body)
            glance(ask)
        match ask.route:
            case "generate" | "stream":
                check_content(ask)
            case "count":
                check_model(ask)
            case "embed" | "batch_embed":
                check_model(ask)
                embeddings.requests_of(ask)
                check_window(ask)
            case "models.list" | "models.get" | "batches.list":
                models.read(ask)
            case "batches.create":
                batches.read(ask)

    def say(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script of every operation."""
        if ask.route in self.writing:
            return content.answer(ask, self.extras(ask))
        if ask.route in {"embed", "batch_embed"}:
            script = embeddings.answer(ask, self.embedded(ask))
        elif ask.route == "count":
            script = self.count(ask)
        elif ask.route.startswith("batches."):
            script = self.batches.answer(ask)
        else:
            script = self.list_models(ask)
        ask.answer = replace(ask.answer, text="")  # nothing is said here that a caller would hear
        return script

    def count(self, ask: Ask) -> tuple[Op, ...]:
        """How many tokens a prompt has; to count costs nothing."""
        body = {"totalTokens": ask.input_tokens, "promptTokensDetails": details_of(ask), **self.counted(ask)}
        ask.input_tokens = 0
        return whole(200, troubles.pretty(body), content.JSON, content.HEADERS)

    def list_models(self, ask: Ask) -> tuple[Op, ...]:
        """The models that there are, or one of them."""
        return models.answer(ask, "models", ask.fake.known(), lambda name: models.card(ask, name))

    def extras(self, ask: Ask) -> content.Extras:
        """What only this API has in a response."""
        return {}

    def counted(self, ask: Ask) -> dict[str, Any]:
        """What only this API says of counted tokens."""
        return {}

    def embedded(self, ask: Ask) -> dict[str, Any]:
        """What only this API says beside vectors."""
        return {}

    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """Google's way of saying no."""
        row = troubles.row(trouble)
        status = trouble.status or row.status
        if troubles.blocks(row) and status == row.status and ask.route in GENERATING:
            return content.blocked(ask, self.extras(ask), row.code or "")
        headers = with_own(content.HEADERS, trouble)
        if row.html and status == row.status and trouble.message is None:
            return whole(status, troubles.page(row.message), "text/html; charset=UTF-8", headers)
        wrapped = ask.route == "stream" and not by_events(ask)
        error = self.error(ask, trouble)
        body = troubles.pretty([error] if wrapped else error)
        return whole(400 if troubles.blocks(row) and status == 200 else status, body, content.JSON, headers)

    def error(self, ask: Ask, trouble: Trouble) -> dict[str, Any]:
        """The error object in its envelope."""
        return troubles.error(ask, trouble, troubles.row(trouble))

    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The error object in its envelope, as bytes."""
        return troubles.pretty(self.error(ask, trouble))

    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The piece of a stream that tells of an error."""
        return content.framed(ask, json_bytes(self.error(ask, trouble)), "error", sent)

    def garbage(self, ask: Ask) -> Send:
        """A piece whose framing is right and whose payload cannot be parsed."""
        return content.framed(ask, b'{"candidates":[{"content":{"parts":[{"te', "garbage", 1)

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper response without its substance."""
        return content.hollow(ask, how, self.extras(ask))

    def ping(self, ask: Ask) -> Send:
        """Google sends nothing to keep a connection alive; a chunk without a candidate is what comes nearest."""
        if not by_events(ask):
            return Send(b"\r\n", "comment")
        return content.framed(ask, json_bytes(content.response(ask, [], self.extras(ask), 0)), "comment", 1)

    def unknown_event(self, ask: Ask) -> Send | None:
        """There are no types of events."""
        return None

    def _run(self, ask: Ask, number: int, model: str, body: Any, trouble: Trouble | None) -> tuple[int, Any]:
        """Answer one request of a batch as the request for content that it is: status and body."""
        path = f"{ask.request.path.partition('/models/')[0]}/models/{quote(model, safe='')}:generateContent"
        query = f"{ask.request.query}&row={number}"  # it may hold the key
        inner = self.read(Request("POST", path, query, ask.request.headers, json_bytes(body)), ask.fake)
        inner.canary, inner.attempt, inner.now = find_canary(inner.texts), ask.attempt, ask.now
        inner.answer = ask.answer
        trouble = trouble or inner.trouble
        ops = self.trouble(inner, trouble) if trouble else self.answer(inner)
        status = next(op.status for op in ops if isinstance(op, Head))
        ask.rows += [inner] if status == 200 and inner.trouble is None else []
        return status, json_value(b"".join(op.data for op in ops if isinstance(op, Send)))


DIALECT = Gemini
