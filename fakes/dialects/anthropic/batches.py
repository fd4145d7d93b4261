"""Message batches: many requests in one, run within a day, the results by the line.

    in_progress --> ended            each request has succeeded, errored or expired
        canceling --> ended          what was not done by then is canceled

Where a batch stands follows from the time alone, so nothing has to run in the background: the requests are answered
when the batch is made, and its results come to light when its time is over.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

from ...ask import Ask, Trouble
from ...script import Op, header, whole
from ..refusing import Refused
from ..wire import json_bytes, rfc3339, text_id
from .limits import common_headers
from .listing import listing
from .reading import BATCHES
from .validation import BATCHES as FIELDS
from .validation import check, of_type, refuse, required

DAY = 86_400
MOST = 100_000
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
COUNTED = ("succeeded", "errored", "canceled", "expired")

Run = Callable[[Ask, str, dict[str, Any], Trouble | None], tuple[int, Any]]
"""Answers one request of the batch that an ask creates, known by a query string of its own: status and body."""


@dataclass(frozen=True, slots=True)
class Made:
    """A batch as it was made and all that will become of it."""

    id: str
    now: float
    seconds: float
    results: tuple[dict[str, Any], ...]
    cancelled: float | None = None

    def over(self, now: float) -> bool:
        """Whether it has ended."""
        return now >= self.now + self.seconds


class Batches:
    """The batches of one provider."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._made: dict[str, Made] = {}

    def answer(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script of every operation on batches."""
        if ask.route == "batches.create":
            # Asked for once more, the same batch is given: its requests are not run twice.
            made = self._made.get(text_id(ask, "msgbatch_01", 22)) or self._create(ask)
            self._made[made.id] = made
            ask.undo += [lambda: self._made.pop(made.id, None), ask.rows.clear]
            return _json(ask, _at(ask, made))
        if ask.route == "batches.list":
            newest_first = [_at(ask, made) for made in reversed(self._made.values())]
            return _json(ask, listing(newest_first, parse_qs(ask.request.query)))
        found = self._made.get(ask.about or "")
        if found is None:
            raise Refused(Trouble("not_found", f"Message batch with id {ask.about!r} not found."))
        match ask.route:
            case "batches.cancel":
                return _json(ask, _at(ask, self._cancel(ask, found)))
            case "batches.delete":
                if not found.over(ask.now):
                    raise refuse(f"Batch {found.id} cannot be deleted while it is being processed.")
                del self._made[found.id]
                ask.undo.append(lambda: self._made.update({found.id: found}))
                return _json(ask, {"id": found.id, "type": "message_batch_deleted"})
            case "batches.results":
                if not found.over(ask.now):
                    raise refuse(f"Batch {found.id} has no available results.")
                lines = b"".join(json_bytes(result) + b"\n" for result in found.results)
                return whole(200, lines, "application/x-jsonl", common_headers(ask))
            case _:
                return _json(ask, _at(ask, found))

    def _create(self, ask: Ask) -> Made:
        plan = ask.answer.batch
        results = tuple(self._result(ask, number, row) for number, row in enumerate(ask.body["requests"], 1))
        return Made(text_id(ask, "msgbatch_01", 22), ask.now, plan.seconds, results)

    def _result(self, ask: Ask, number: int, row: dict[str, Any]) -> dict[str, Any]:
        plan = ask.answer.batch
        if number in plan.expired:
            return {"custom_id": row["custom_id"], "result": {"type": "expired"}}
        trouble = Trouble("server_error") if number in plan.failed else None
        status, body = self._run(ask, f"row={number}", row["params"], trouble)
        result = {"type": "succeeded", "message": body} if status == 200 else {"type": "errored", "error": body}
        return {"custom_id": row["custom_id"], "result": result}

    def _cancel(self, ask: Ask, made: Made) -> Made:
        if made.over(ask.now):
            raise refuse(f"Batch {made.id} cannot be canceled because it has already ended.")
        if made.cancelled is not None:
            return made
        # Requests run one after the other: those whose turn had not come are never run.
        done = int(len(made.results) * (ask.now - made.now) / made.seconds)
        rest = ({**result, "result": {"type": "canceled"}} for result in made.results[done:])
        cancelled = replace(made, cancelled=ask.now, results=(*made.results[:done], *rest))
        self._made[made.id] = cancelled
        ask.undo.append(lambda: self._made.update({made.id: made}))
        return cancelled


def read(ask: Ask) -> None:
    """Refuse what is no batch; what is wrong with a request of it shows in its result alone."""
    body = ask.body = check(ask.body, FIELDS, "requests")
    if not body["requests"]:
        raise refuse("List should have at least 1 item after validation, not 0", "requests")
    if len(body["requests"]) > MOST:
        raise refuse(f"List should have at most {MOST} items after validation", "requests")
    seen: set[str] = set()
    for number, row in enumerate(body["requests"]):
        at = f"requests.{number}"
        of_type(at, row, dict)
        required(at, row, "custom_id", "params")
        of_type(f"{at}.custom_id", row["custom_id"], str)
        of_type(f"{at}.params", row["params"], dict)
        if not CUSTOM_ID.fullmatch(row["custom_id"]):
            raise refuse(f"String should match pattern '^{CUSTOM_ID.pattern}$'", f"{at}.custom_id")
        if row["custom_id"] in seen:
            raise refuse(f"Duplicate custom_id: {row['custom_id']}. Each request needs one of its own.", at)
        seen.add(row["custom_id"])


def _json(ask: Ask, value: Any) -> Sequence[Op]:
    return whole(200, json_bytes(value), headers=common_headers(ask))


def _at(ask: Ask, made: Made) -> dict[str, Any]:
    """The batch as it stands when it is asked for."""
    over = made.over(ask.now)
    counts = Counter(result["result"]["type"] for result in made.results) if over else Counter[str]()
    status = "ended" if over else "in_progress" if made.cancelled is None else "canceling"
    host = header(ask.request.headers, "host") or "api.anthropic.com"
    return {
        "id": made.id,
        "type": "message_batch",
        "processing_status": status,
        "request_counts": {
            "processing": 0 if over else len(made.results),
            **{name: counts[name] for name in COUNTED},
        },
        "ended_at": rfc3339(made.now + made.seconds) if over else None,
        "created_at": rfc3339(made.now),
        "expires_at": rfc3339(made.now + DAY),
        "archived_at": None,
        "cancel_initiated_at": None if made.cancelled is None else rfc3339(made.cancelled),
        "results_url": f"http://{host}{BATCHES}/{made.id}/results" if over else None,
    }
