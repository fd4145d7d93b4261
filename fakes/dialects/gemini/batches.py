"""Batches: requests for content in one long-running operation, their responses in it when it is done.

    BATCH_STATE_PENDING --> BATCH_STATE_RUNNING --> BATCH_STATE_SUCCEEDED    each request has a response or an error
                                                --> BATCH_STATE_EXPIRED      nothing was run
                        --> BATCH_STATE_CANCELLED                            what was run is not given out

Where a batch stands follows from the time alone: its requests are answered when it is made, and the responses come to
light when its time is over. A batch of which any request is to expire expires as a whole. Requests stand in the batch;
there are no files here, so a batch of a file is refused as one whose file is not found. Embeddings are not batched.

Operations, states and counts have the shape of captures; the words of their errors are not captured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ...ask import Trouble
from ...script import Op, whole
from ..refusing import Refused
from ..wire import rfc3339, text_id
from . import models
from .content import HEADERS, JSON
from .reading import get
from .refusing import check_model, refuse
from .troubles import pretty

if TYPE_CHECKING:
    from ...ask import Ask

TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
NOT_FOUND = "Requested entity was not found."
CODES = {
    "CANCELLED": 1,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}
"""The numbers of Google's statuses."""
UNKNOWN = 2
ENDS = {
    "BATCH_STATE_CANCELLED": {"code": CODES["CANCELLED"], "message": "The operation was cancelled."},
    "BATCH_STATE_EXPIRED": {"code": CODES["DEADLINE_EXCEEDED"], "message": "The batch has expired."},
}

Run = Callable[["Ask", int, str, Any, Trouble | None], tuple[int, Any]]
"""Answers the how-manieth request of the batch that an ask creates, for a model: status and body."""


@dataclass(frozen=True, slots=True)
class Made:
    """A batch as it was made and all that will become of it."""

    id: str
    model: str
    title: str
    now: float
    seconds: float
    count: int
    responses: tuple[dict[str, Any], ...]
    """In the order of the requests; none where the batch expires."""
    cancelled: float | None = None

    def state(self, now: float) -> str:
        """Where it stands at a time."""
        if self.cancelled is not None:
            return "BATCH_STATE_CANCELLED"
        if now >= self.now + self.seconds:
            return "BATCH_STATE_SUCCEEDED" if self.responses else "BATCH_STATE_EXPIRED"
        return "BATCH_STATE_PENDING" if now < self.now + self.seconds / 4 else "BATCH_STATE_RUNNING"


class Batches:
    """The batches of one provider."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._made: dict[str, Made] = {}

    def answer(self, ask: Ask) -> tuple[Op, ...]:
        """The fair-weather script of every operation on batches."""
        if ask.route == "batches.create":
            # Asked for once more, the same batch is given: its requests are not run twice.
            made = self._made.get(_id(ask)) or self._create(ask)
            self._made[made.id] = made
            ask.undo += [lambda: self._made.pop(made.id, None), ask.rows.clear]
            return _json(operation(made, ask.now))
        if ask.route == "batches.list":
            return models.answer(
                ask, "operations", [*self._made][::-1], lambda name: operation(self._made[name], ask.now)
            )
        found = self._made.get(ask.about or "")
        if found is None:
            raise Refused(Trouble("not_found", NOT_FOUND))
        if ask.route == "batches.get":
            return _json(operation(found, ask.now))
        if ask.route == "batches.delete":
            del self._made[found.id]
        elif found.state(ask.now) in {"BATCH_STATE_PENDING", "BATCH_STATE_RUNNING"}:
            self._made[found.id] = replace(found, cancelled=ask.now)
        ask.undo.append(lambda: self._made.update({found.id: found}))
        return _json({})

    def _create(self, ask: Ask) -> Made:
        plan, batch, model = ask.answer.batch, get(ask.body, "batch"), unquote(ask.about or "")
        requests = _requests(batch)
        run = () if plan.expired else enumerate(requests, 1)
        responses = tuple(self._response(ask, number, model, request) for number, request in run)
        title = str(get(batch, "displayName", ""))
        return Made(_id(ask), model, title, ask.now, plan.seconds, len(requests), responses)

    def _response(self, ask: Ask, number: int, model: str, row: dict[str, Any]) -> dict[str, Any]:
        trouble = Trouble("server_error") if number in ask.answer.batch.failed else None
        body = dict(row["request"])
        named = body.pop("model", None)
        own = named.removeprefix("models/") if isinstance(named, str) else model
        status, said = self._run(ask, number, own, body, trouble)
        known = {"metadata": row["metadata"]} if "metadata" in row else {}
        if status == 200:
            return {"response": said, **known}
        error = said["error"]
        return {"error": {"code": CODES.get(error["status"], UNKNOWN), "message": error["message"]}, **known}


def read(ask: Ask) -> None:
    """Refuse a batch that cannot be made; the limits of its model are not about it."""
    if not isinstance(ask.body, dict):
        raise refuse("Invalid JSON payload received. Unexpected token.\nRoot element must be a message.")
    check_model(ask)
    ask.model = None
    config = get(get(ask.body, "batch"), "inputConfig")
    if not isinstance(config, dict):
        raise refuse("* BatchGenerateContentRequest.batch.input_config: input_config is not specified\n", "batch")
    if get(config, "fileName") is not None:
        raise Refused(Trouble("not_found", NOT_FOUND))
    requests = get(get(config, "requests"), "requests")
    at = "batch.input_config.requests.requests"
    if not isinstance(requests, list) or not requests:
        raise refuse(f"* BatchGenerateContentRequest.{at}: at least one request is required\n", at)
    for number, row in enumerate(requests):
        if not isinstance(row, dict) or not isinstance(row.get("request"), dict):
            raise refuse(f"* BatchGenerateContentRequest.{at}[{number}].request: request is not specified\n", at)


def operation(made: Made, now: float) -> dict[str, Any]:
    """The batch as it stands at a time."""
    state, name, over = made.state(now), f"batches/{made.id}", made.now + made.seconds
    done = state in {*ENDS, "BATCH_STATE_SUCCEEDED"}
    ended = over if made.cancelled is None else made.cancelled
    succeeded = state == "BATCH_STATE_SUCCEEDED"
    failed = sum("error" in response for response in made.responses) if succeeded else 0
    answered = made.count - failed if succeeded else 0
    counts = {
        "requestCount": made.count,
        "successfulRequestCount": answered,
        "failedRequestCount": failed,
        "pendingRequestCount": 0 if done else made.count,
    }
    output = {"inlinedResponses": {"inlinedResponses": list(made.responses)}}
    metadata = {
        "@type": TYPE,
        "model": f"models/{made.model}",
        "displayName": made.title,
        **({"output": output} if succeeded else {}),
        "createTime": rfc3339(made.now),
        **({"endTime": rfc3339(ended)} if done else {}),
        "updateTime": rfc3339(ended if done else made.now),
        # Numbers of 64 bits are texts in Google's JSON, and what is zero is left out.
        "batchStats": {name: str(count) for name, count in counts.items() if count},
        "state": state,
        "name": name,
    }
    made_of: dict[str, Any] = {"name": name, "metadata": metadata}
    if succeeded:
        return {**made_of, "done": True, "response": {"@type": f"{TYPE}Output", **output}}
    return {**made_of, "done": True, "error": ENDS[state]} if done else made_of


def _id(ask: Ask) -> str:
    return text_id(ask, "", 36).lower()


def _requests(batch: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = get(get(get(batch, "inputConfig"), "requests"), "requests")
    return found


def _json(value: Any) -> tuple[Op, ...]:
    return whole(200, pretty(value), JSON, HEADERS)
