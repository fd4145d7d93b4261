"""OpenAI's wire format.

Each part of the API is a module here: `reading` makes an `Ask` of a request and `refusing` finds what is wrong with it,
`completion` decides what is said, `chat` and `responses` write it down, `troubles` and `limits` hold how the API says
no and what it says of its limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from ...answer import find_canary
from ...ask import Ask, Request, Trouble
from ...script import Close, Head, Op, Send, whole
from ..reading import bearer
from ..refusing import Refused, page, with_own
from ..session import Session
from ..speaker import Speaker
from ..wire import json_bytes, json_value, sse
from . import chat, embeddings, limits, models, moderations, offers, troubles
from .batches import Batches
from .files import Files
from .reading import ROUTES
from .realtime import Realtime, error_event
from .refusing import check_window, read_body
from .responses import Responses
from .responses_session import ResponsesSession

# Where a response fails in the middle, captures show three forms; the kind of trouble says which.
NESTED = frozenset(kind for kind, row in troubles.TROUBLES.items() if row.type == "insufficient_quota")
FAILED = frozenset({"overloaded", "rate_limited", "rate_limited_tokens"})
FINISHES = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "refusal": "stop",
}
BODIES = frozenset({"chat", "responses", "responses.input_tokens", "embeddings", "moderations", "batches.create"})


class OpenAI(Speaker):
    """OpenAI's wire format, and what one provider remembers: files, batches, responses."""

    name = "openai"
    base = "/v1"
    troubles = frozenset(troubles.TROUBLES)
    writing = frozenset({"chat", "responses"})
    blocks = frozenset({"responses"})
    finishes = MappingProxyType(FINISHES)
    closed_lists = frozenset({"service_tier", "truncation"})
    sessions = frozenset({"realtime", "responses.connect"})
    routes = ROUTES

    def __init__(self) -> None:
        self.files = Files()
        self.batches = Batches(self.files, self._run)
        self.responses = Responses()

    def key(self, request: Request) -> str | None:
        """The key that a request brings."""
        return bearer(request) or offers.offered_key(request)

    def session(self, ask: Ask) -> Session:
        """The session that a handshake has opened."""
        return Realtime(self, ask) if ask.route == "realtime" else ResponsesSession(self, ask)

    def understand(self, ask: Ask) -> None:
        """Fill in what the request asks for as far as it can be read."""
        if ask.route in {"models.get", "models.delete"}:
            ask.model = ask.about = unquote(ask.about or "")  # clients quote the slashes in names
        if ask.route in self.sessions:
            offers.read(ask)
        if ask.route not in BODIES:
            return
        ask.body = self.parsed(ask)
        read_body(ask)
        match ask.route:
            case "chat":
                check_window(ask)
            case "responses":
                self.responses.read(ask)
                check_window(ask)
            case "responses.input_tokens":
                self.responses.read(ask)
            case "embeddings":
                embeddings.read(ask)
            case "moderations":
                moderations.read(ask)

    def parsed(self, ask: Ask) -> Any:
        """The value in the request's body."""
        return json_value(ask.request.body)

    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """OpenAI's way of saying no."""
        if offers.in_session(ask, trouble):
            error = self.error(ask, trouble)
            reason = ".".join(filter(None, (error["type"], error["code"])))
            return offers.accept(ask, error_event(ask, error), close=Close(offers.CLOSES[trouble.kind], reason))
        row = troubles.row(trouble)
        status = trouble.status or row.status
        if row.html and status == row.status and trouble.message is None:
            headers = with_own(limits.retry_headers(trouble), trouble)
            return whole(status, page(row.message), "text/html", headers)
        headers = with_own(limits.refusal_headers(ask, trouble, status), trouble)
        return whole(status, self.error_envelope(ask, trouble), headers=headers)

    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The error object in its envelope."""
        return json_bytes({"error": self.error(ask, trouble)})

    def error(self, ask: Ask, trouble: Trouble) -> dict[str, Any]:
        """The error object."""
        return troubles.error(ask, trouble, limits.request_id(ask))

    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The event that tells of an error inside a stream, after `sent` events."""
        error = self.error(ask, trouble)
        if ask.route != "responses":
            return sse(json_bytes({"error": error}), "error")
        if trouble.kind in NESTED:
            return sse(json_bytes({"type": "error", "sequence_number": sent, "error": error}), "error", "error")
        if trouble.kind in FAILED and ask.trouble is None:
            response = self.responses.failed(ask, {"code": error["code"], "message": error["message"]})
            body = {"type": "response.failed", "sequence_number": sent, "response": response}
            return sse(json_bytes(body), "error", "response.failed")
        flat = {name: error[name] for name in ("code", "message", "param")}
        flat["code"] = flat["code"] or error["type"]
        return sse(json_bytes({"type": "error", **flat, "sequence_number": sent}), "error", "error")

    def garbage(self, ask: Ask) -> Send:
        """An event whose framing is right and whose payload cannot be parsed."""
        if ask.route == "responses":
            return sse(b'{"type":"response.output_text.delta","item_id":"msg_', "garbage", "response.output_text.delta")
        return sse(b'{"id":"chatcmpl-', "garbage")

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper answer without its substance."""
        return self.responses.hollow(ask, how) if ask.route == "responses" else chat.hollow(ask, how)

    def ping(self, ask: Ask) -> Send:
        """A comment: OpenAI has no ping."""
        return Send(b": ping\n\n", "comment")

    def unknown_event(self, ask: Ask) -> Send | None:
        """An event of a type that OpenAI does not have; among chat's chunks, one without choices under such a type."""
        if ask.route == "responses":
            return sse(b'{"type":"response.notice","sequence_number":0}', "comment", "response.notice")
        return sse(json_bytes(chat.common(ask, "chat.completion.chunk") | {"choices": []}), "comment", "notice")

    def say(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script of every operation."""
        if ask.route == "chat":
            return chat.answer(ask)
        if ask.route == "responses":
            return self.responses.answer(ask)
        if ask.route == "batches.create":
            script = self.batches.answer(ask, ask.about)
            ask.answer = replace(ask.answer, text="")
            return script
        ask.answer = replace(ask.answer, text="")  # nothing is said here that a caller would hear
        return self._manage(ask, ask.about)

    def _manage(self, ask: Ask, about: str | None) -> Sequence[Op]:
        match ask.route.partition(".")[0]:
            case _ if ask.route in self.sessions:
                return offers.accept(ask, *self.session(ask).greeting(ask))
            case "responses":
                return self.responses.manage(ask, about or "")
            case "embeddings":
                return embeddings.answer(ask)
            case "moderations":
                return moderations.answer(ask)
            case "models":
                return models.answer(ask, about)
            case "files":
                self.batches.settle(ask.now)
                return self.files.answer(ask, about)
            case "batches":
                return self.batches.answer(ask, about)
        raise Refused(Trouble("not_found"))

    def _run(self, ask: Ask, query: str, row: dict[str, Any], trouble: Trouble | None) -> tuple[int, Any, str]:
        """Answer one row of a batch as the request that it describes."""
        body = {**row["body"], "stream": False}
        request = Request("POST", row["url"], query, ask.request.headers, json_bytes(body))
        inner = self.read(request, ask.fake)
        inner.canary, inner.now = find_canary(inner.texts), ask.now
        inner.answer = ask.answer
        trouble = trouble or inner.trouble
        ops = self.trouble(inner, trouble) if trouble else self.answer(inner)
        ask.undo += inner.undo
        status = next(op.status for op in ops if isinstance(op, Head))
        ask.rows += [inner] if status == 200 else []
        return status, json_value(b"".join(op.data for op in ops if isinstance(op, Send))), limits.request_id(inner)


DIALECT = OpenAI
