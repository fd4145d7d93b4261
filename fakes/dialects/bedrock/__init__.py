"""Bedrock's wire format: Amazon's one API for the models of many.

    POST /model/M/converse                          one shape for every model; /converse-stream in binary frames
    POST /model/M/invoke                            each vendor's own shape; /invoke-with-response-stream in frames
    POST /model/M/count-tokens
    GET  /foundation-models                         which at Amazon is another endpoint

Callers sign their requests (`signing`), with the fake's key as the secret access key and `fake.key_id` of it as the
access key's id, or send the key itself as a bearer token. `reading` says what a request asks for and `refusing` finds
what is wrong with it, `converse` and `invoking` answer, `troubles` holds how the API says no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from ...ask import Ask, Request, Trouble
from ...script import Op, Send, whole
from ..refusing import Refused, page, with_own
from ..speaker import Speaker
from ..wire import json_bytes, json_value
from . import converse, counting, invoking, models, troubles
from .reading import ROUTES, glance, model_of
from .refusing import check_conversation, check_window
from .signing import check_date, check_signature, key_of, secret_of

CONVERSING = frozenset({"converse", "converse.stream"})
WRITING = CONVERSING | {"invoke", "invoke.stream"}


class Bedrock(Speaker):
    """Bedrock's wire format."""

    name = "bedrock"
    signs = True
    troubles = frozenset(troubles.TROUBLES)
    writing = WRITING
    finishes = MappingProxyType(converse.FINISHES)
    closed_lists = frozenset({"latency"})
    unions = frozenset({"content", "delta", "output", "reasoningContent", "start"})
    routes = ROUTES

    def key(self, request: Request) -> str | None:
        """The key that a request brings, or the id of the one that it is signed with."""
        return key_of(request)

    def check_key(self, ask: Ask) -> Trouble | None:
        """What is said of a wrong key, a missing one, and of a signature that is not its."""
        return check_signature(ask)

    def understand(self, ask: Ask) -> None:
        """Fill in what the request asks for as far as it can be read."""
        ask.key = secret_of(ask)
        if ask.route.startswith("models."):
            models.read(ask)
            return
        if ask.route == "unknown":
            return
        ask.model, ask.stream = model_of(ask.fake, ask.about or ""), ask.route.endswith(".stream")
        if len(ask.request.body) > troubles.MOST_BYTES:
            raise Refused(Trouble("too_large"))
        ask.body = json_value(ask.request.body)
        if ask.route == "count":
            counting.read(ask)
        elif ask.route in CONVERSING:
            glance(ask)
            check_conversation(ask)
            check_window(ask)
        else:
            invoking.understand(ask)

    def say(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script of every operation."""
        check_date(ask)
        if ask.route in CONVERSING:
            return converse.answer(ask)
        if ask.route.startswith("invoke"):
            return invoking.answer(ask)
        ask.answer = replace(ask.answer, text="")  # nothing is said here that a caller would hear
        return counting.answer(ask) if ask.route == "count" else models.answer(ask)

    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """Bedrock's way of saying no."""
        row = troubles.row(ask, trouble)
        status = trouble.status or row.status
        headers = with_own(troubles.refusal_headers(ask, trouble), trouble)
        if row.html and status == row.status and trouble.message is None:
            return whole(status, page(row.message, "awselb/2.0"), "text/html", headers)
        return whole(status, self.error_envelope(ask, trouble), headers=headers)

    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The body of a refusal; the exception's name is in a header."""
        return json_bytes(troubles.error(ask, trouble))

    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The frame that tells of an error inside a stream."""
        return Send(troubles.frame(ask, trouble), "error")

    def garbage(self, ask: Ask) -> Send:
        """A frame whose lengths and sums are right and whose payload cannot be parsed."""
        if ask.route == "invoke.stream":
            return invoking.chunk(b'{"type":"content_block_delta","index":0,"delta":{"te', "garbage")
        return converse.framed("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"te', "garbage")

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper answer without its substance."""
        return converse.hollow(ask, how) if ask.route in CONVERSING else invoking.hollow(ask, how)

    def ping(self, ask: Ask) -> Send:
        """Bedrock sends nothing to keep a stream alive; an event of a type that is skipped is what comes nearest."""
        return converse.event("ping", {}, "comment")

    def unknown_event(self, ask: Ask) -> Send:
        """An event of a type that Bedrock does not have."""
        return converse.event("notice", {}, "comment")


DIALECT = Bedrock
