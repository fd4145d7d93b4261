"""Azure OpenAI's wire format: OpenAI's bodies behind a gateway with paths, keys, headers and errors of its own.

    /openai/deployments/D/chat/completions?api-version=V     the model is the deployment in the path
    /openai/responses?api-version=V                          the model is in the body, as it is in the rows of batches
    /openai/v1/chat/completions                              as at OpenAI; the version may be left out

Every deployment is named after the model that it serves. A content filter judges each prompt and each answer: a stream
begins with a chunk that has its judgement and no choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from ...ask import Ask, Request, Trouble
from ...fake import Fake
from ...script import Head, Op, Send, header, whole
from ..openai import OpenAI
from ..openai.chat import DONE
from ..openai.limits import under
from ..openai.reading import ID
from ..openai.refusing import refuse_model
from ..reading import Routes, bearer
from ..refusing import Refused, page, with_own
from ..wire import json_bytes, json_value, sse
from . import filters, limits, troubles
from .batches import AzureBatches, AzureFiles

DEPLOYMENT = "/openai/deployments/([^/]+)"
V1 = "/openai/v1/"
PLACE = "/openai(?:/v1)?"
ROUTES = Routes(
    (
        ("POST", f"{DEPLOYMENT}/chat/completions", "chat"),
        ("POST", f"{DEPLOYMENT}/embeddings", "embeddings"),
        ("POST", f"{V1}chat/completions", "chat"),
        ("POST", f"{V1}embeddings", "embeddings"),
        ("POST", f"{PLACE}/responses", "responses"),
        ("GET", f"{PLACE}/responses/{ID}", "responses.get"),
        ("DELETE", f"{PLACE}/responses/{ID}", "responses.delete"),
        ("POST", f"{PLACE}/responses/{ID}/cancel", "responses.cancel"),
        ("GET", f"{PLACE}/responses/{ID}/input_items", "responses.input_items"),
        ("POST", f"{PLACE}/files", "files.create"),
        ("GET", f"{PLACE}/files", "files.list"),
        ("GET", f"{PLACE}/files/{ID}", "files.get"),
        ("DELETE", f"{PLACE}/files/{ID}", "files.delete"),
        ("GET", f"{PLACE}/files/{ID}/content", "files.content"),
        ("POST", f"{PLACE}/batches", "batches.create"),
        ("GET", f"{PLACE}/batches", "batches.list"),
        ("GET", f"{PLACE}/batches/{ID}", "batches.get"),
        ("POST", f"{PLACE}/batches/{ID}/cancel", "batches.cancel"),
        ("GET", f"{PLACE}/models", "models.list"),
        ("GET", f"{PLACE}/models/{ID}", "models.get"),
        ("WEBSOCKET", f"{V1}realtime", "realtime"),
    )
)
SERVER = "Microsoft-Azure-Application-Gateway/v2"
PROLOGUE = sse(
    json_bytes(
        {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": filters.of_prompt()}
    ),
    "opening",
)


class AzureOpenAI(OpenAI):
    """Azure OpenAI's wire format."""

    name = "azure_openai"
    base = ""
    troubles = frozenset(troubles.TROUBLES)
    sessions = frozenset({"realtime"})
    routes = ROUTES

    def __init__(self) -> None:
        super().__init__()
        self.files = AzureFiles()
        self.batches = AzureBatches(self.files, self._run)

    def key(self, request: Request) -> str | None:
        """The key, or the token, that a request brings; browsers send it in the query of a Realtime session."""
        named = troubles.values(request.query).get("api-key") if request.websocket else None
        return header(request.headers, "api-key") or bearer(request) or named

    def understand(self, ask: Ask) -> None:
        """Fill in what the request asks for; of a Realtime session the gateway knows first whether it has the model."""
        try:
            super().understand(ask)
        except Refused as refused:
            if refused.trouble.kind == "invalid_model" and ask.fake.find(ask.model) is None:
                raise refuse_model() from refused
            raise

    def read(self, request: Request, fake: Fake) -> Ask:
        """Read a request; without a version of the API its path leads nowhere."""
        ask = super().read(request, fake)
        if not request.path.startswith(V1) and not troubles.version(ask):
            ask.trouble = Trouble("not_found")
        return ask

    def parsed(self, ask: Ask) -> Any:
        """The value in the request's body; the deployment in the path is the model, whatever the body names."""
        body = super().parsed(ask)
        if ask.about is not None and isinstance(body, dict):
            body["model"] = unquote(ask.about)
        return body

    def say(self, ask: Ask) -> Sequence[Op]:
        """OpenAI's answer, judged by the filter, under the gateway's headers."""
        return self._passed(ask, super().say(ask))

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper answer without its substance, judged as any other."""
        return self._passed(ask, super().hollow(ask, how))

    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """The gateway's way of saying no, or the model's."""
        row = troubles.row(trouble)
        status = trouble.status or row.status
        headers = with_own(limits.refusal_headers(ask, trouble, status), trouble)
        if row.html and status == row.status and trouble.message is None:
            return whole(status, page(row.message, SERVER), "text/html", headers)
        return whole(status, self.error_envelope(ask, trouble), headers=headers)

    def error_envelope(self, ask: Ask, trouble: Trouble) -> bytes:
        """The error object in its envelope: of what the gateway says, only code and message."""
        error = self.error(ask, trouble)
        if troubles.from_gateway(trouble):
            error = {name: error[name] for name in ("code", "message")}
        return json_bytes({"error": error})

    def error(self, ask: Ask, trouble: Trouble) -> dict[str, Any]:
        """The error object."""
        return troubles.error(ask, trouble, limits.request_id(ask))

    def _run(self, ask: Ask, query: str, row: dict[str, Any], trouble: Trouble | None) -> tuple[int, Any, str]:
        """Answer one row of a batch under `v1`, where its model is in its body."""
        path = V1 + self.batches.place(row["url"]).removeprefix("/")
        status, body, _ = super()._run(ask, query, {**row, "url": path}, trouble)
        return status, body, limits.request_id(ask, query)

    def _passed(self, ask: Ask, script: Iterable[Op]) -> Sequence[Op]:
        return tuple(_judged(ask, script) if ask.route == "chat" else under(limits.common_headers(ask), ask, script))


def _judged(ask: Ask, script: Iterable[Op]) -> Iterator[Op]:
    """The script of a chat completion with what the filter says of prompt and answer."""
    if not ask.stream:
        body = json_value(b"".join(op.data for op in script if isinstance(op, Send)))
        body["choices"] = list(map(filters.of_choice, body["choices"]))
        yield from whole(
            200,
            json_bytes({**body, "prompt_filter_results": filters.of_prompt()}),
            headers=limits.common_headers(ask),
        )
        return
    for op in under(limits.common_headers(ask), ask, script):
        if isinstance(op, Send) and op is not DONE:
            chunk = json_value(op.data.removeprefix(b"data: "))
            yield sse(json_bytes({**chunk, "choices": list(map(filters.of_choice, chunk["choices"]))}), op.part)
        else:
            yield op
        if isinstance(op, Head):
            yield PROLOGUE


DIALECT = AzureOpenAI
