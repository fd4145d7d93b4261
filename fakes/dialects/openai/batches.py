"""Batches: a file of requests, run within a day, with the answers in another file.

    validating --bad rows--> failed
               --> in_progress --> finalizing --> completed     or expired, where rows were never run
                      cancelling --> cancelled                   what is done is kept

Where a batch stands follows from the time alone, so nothing has to run in the background: the rows are answered when
the batch is made, and its files come to light when its time is over. Rows that were answered are in the output file,
rows that failed or never ran in the error file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs

from ...ask import Ask, Trouble
from ...script import Op, whole
from ..refusing import Refused
from ..wire import Unreadable, hex_id, json_bytes, json_value
from .limits import common_headers
from .listing import listing
from .validation import one_of, refuse

if TYPE_CHECKING:
    from .files import Files

ENDPOINTS = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/moderations")
DAY = 86_400
EXPIRED = "This request could not be executed before the completion window expired."
CANCELLED = "This request was not run because the batch was cancelled."
TIMES = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")

Run = Callable[[Ask, str, dict[str, Any], Trouble | None], tuple[int, Any, str]]
"""Answers one row of the batch that an ask creates, known by a query string of its own: status, body, request id."""


@dataclass(frozen=True, slots=True)
class Made:
    """A batch as it was made and all that will become of it."""

    batch: dict[str, Any]
    seconds: float
    now: float
    rows: tuple[dict[str, Any], ...] = ()
    """What became of the requests, in the order of the input, whichever file it belongs to."""
    cancelled: float | None = None


class Batches:
    """The batches of one provider; what another that has the same API says otherwise is public."""

    endpoints: ClassVar[tuple[str, ...]] = ENDPOINTS
    always_errors: ClassVar[bool] = False
    """Whether a batch without any error has a file of errors too, an empty one."""

    def __init__(self, files: Files, run: Run) -> None:
        self._files = files
        self._run = run
        self._made: dict[str, Made] = {}

    def answer(self, ask: Ask, about: str | None) -> Sequence[Op]:
        """The fair-weather script of every operation on batches."""
        if ask.route == "batches.create":
            # Asked for once more, the same batch is given: its rows are not run twice.
            made = self._made.get(self.batch_id(ask)) or self.create(ask)
            self._made[made.batch["id"]] = made
            ask.undo += [lambda: self._made.pop(made.batch["id"], None), ask.rows.clear]
            return _json(ask, self.shown(ask, made))
        if ask.route == "batches.list":
            rows = [self.shown(ask, made) for made in self._made.values()]
            return _json(ask, self.page(rows, parse_qs(ask.request.query)))
        found = self._made.get(about or "")
        if found is None:
            raise Refused(Trouble("not_found", f"No batch found with id '{about}'.", param="id"))
        if ask.route == "batches.cancel":
            found = self._cancel(ask, found)
        if ask.route == "batches.delete":
            del self._made[found.batch["id"]]
            ask.undo.append(lambda: self._made.update({found.batch["id"]: found}))
            return _json(ask, {"id": found.batch["id"], "object": "batch", "deleted": True})
        return _json(ask, self.shown(ask, found))

    def batch_id(self, ask: Ask) -> str:
        """The identifier of the batch that an ask makes."""
        return hex_id(ask, "batch_")

    def file_id(self, batch_id: str, name: str) -> str:
        """The identifier of a file that a batch writes."""
        return f"file-{batch_id.removeprefix('batch_')[:16]}{name}"

    def place(self, url: str) -> str:
        """Where the URL of a row, or of an endpoint, leads to."""
        return url

    def shown(self, ask: Ask, made: Made) -> dict[str, Any]:
        """The batch as it stands, for whoever asks."""
        return self.at(made, ask.now)

    def page(self, rows: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
        """One page of the list of batches, given in the order of their making."""
        return listing(rows, query, newest_first=True)

    def settle(self, now: float) -> None:
        """Bring the files of all batches to light whose time is over."""
        for made in self._made.values():
            self.at(made, now)

    def at(self, made: Made, now: float) -> dict[str, Any]:
        """The batch as it stands at a time."""
        batch, start, end = dict(made.batch), made.now, made.now + made.seconds
        if batch["status"] == "failed":
            return batch
        if now < end:
            batch["status"] = "validating" if now < start + made.seconds / 4 else "in_progress"
            if made.cancelled is not None:
                batch["status"] = "cancelling"
            return _timed(batch, made, now)
        expired = any((row["error"] or {}).get("code") == "batch_expired" for row in made.rows)
        batch["status"] = "cancelled" if made.cancelled is not None else "expired" if expired else "completed"
        self._publish(batch, made.rows, end)
        spent, written = map(sum, zip((0, 0), *map(_used, made.rows), strict=True))
        batch["usage"] = {
            "input_tokens": spent,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": spent + written,
        }
        return _timed(batch, made, now)

    def create(self, ask: Ask) -> Made:
        """The batch that an ask makes."""
        body = ask.body
        one_of("endpoint", body["endpoint"], self.endpoints)
        one_of("completion_window", body["completion_window"], ("24h",))
        kept = self._files.find(body["input_file_id"])
        if kept is None:
            raise refuse(f"No such File object: {body['input_file_id']}", "input_file_id")
        if kept.file["purpose"] != "batch":
            raise refuse("Invalid file purpose: a batch's input file has to have the purpose 'batch'.", "input_file_id")
        batch = {
            "id": self.batch_id(ask),
            "object": "batch",
            "endpoint": body["endpoint"],
            "errors": None,
            "input_file_id": body["input_file_id"],
            "completion_window": "24h",
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": int(ask.now),
            "expires_at": int(ask.now) + DAY,
            **{f"{name}_at": None for name in TIMES},
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": body.get("metadata"),
        }
        lines = [line for line in kept.data.splitlines() if line.strip()]
        requests, errors = self.read(ask, lines)
        if errors:
            batch |= {"status": "failed", "failed_at": int(ask.now), "errors": {"object": "list", "data": errors}}
            return Made(batch, 0.0, ask.now)
        rows = tuple(self.row(ask, batch, number, request) for number, request in enumerate(requests, 1))
        batch["request_counts"] = {"total": len(rows), "completed": 0, "failed": 0}
        if isinstance(requests[0]["body"].get("model"), str):
            batch["model"] = requests[0]["body"]["model"]
        return Made(batch, ask.answer.batch.seconds, ask.now, rows)

    def row(self, ask: Ask, batch: dict[str, Any], number: int, request: dict[str, Any]) -> dict[str, Any]:
        """What becomes of a request."""
        plan = ask.answer.batch
        row: dict[str, Any] = {"id": hex_id(ask, "batch_req_", 32, number), "custom_id": request["custom_id"]}
        if number in plan.expired:
            return {**row, "response": None, "error": {"code": "batch_expired", "message": EXPIRED}}
        trouble = Trouble("server_error") if number in plan.failed else None
        status, body, request_id = self._run(ask, f"batch={batch['id']}&row={number}", request, trouble)
        response = {"status_code": status, "request_id": request_id, "body": body}
        return {**row, "response": response, "error": None}

    def line(self, row: dict[str, Any]) -> dict[str, Any]:
        """The line of the output that tells of it."""
        return row

    def read(self, ask: Ask, lines: list[bytes]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The requests of an input file, and what is wrong with it."""
        requests: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        seen: set[str] = set()

        def wrong(line: int | None, code: str, message: str, param: str | None = None) -> None:
            errors.append({"code": code, "line": line, "message": message, "param": param})

        for number, line in enumerate(lines, 1):
            try:
                request = json_value(line)
            except Unreadable:
                wrong(number, "invalid_json_line", "This line is not parseable as valid JSON.")
                continue
            if not isinstance(request, dict) or not isinstance(request.get("body"), dict):
                wrong(number, "missing_required_parameter", "Missing required parameter: 'body'.", "body")
            elif not isinstance(request.get("custom_id"), str):
                wrong(number, "missing_required_parameter", "Missing required parameter: 'custom_id'.", "custom_id")
            elif request["custom_id"] in seen:
                wrong(number, "duplicate_custom_id", "This custom_id was used before in this file.", "custom_id")
            elif request.get("method") != "POST":
                wrong(number, "invalid_method", "Invalid value for 'method'. Supported value: 'POST'.", "method")
            elif self.place(str(request.get("url"))) != self.place(ask.body["endpoint"]):
                wrong(
                    number, "mismatched_endpoint", "The URL of this request differs from the batch's endpoint.", "url"
                )
            else:
                seen.add(request["custom_id"])
                requests.append(request)
        if not lines:
            wrong(None, "empty_file", "The input file is empty.")
        return requests, errors

    def _publish(self, batch: dict[str, Any], rows: tuple[dict[str, Any], ...], now: float) -> None:
        done = [row for row in rows if _answered(row)]
        lost = [row for row in rows if not _answered(row)]
        batch["request_counts"] = {"total": len(rows), "completed": len(done), "failed": len(lost)}
        for field, lines, name in (("output_file_id", done, "output"), ("error_file_id", lost, "error")):
            if not lines and not (name == "error" and self.always_errors):
                continue
            batch[field] = self.file_id(batch["id"], name)
            if self._files.find(batch[field]) is None:
                data = b"".join(json_bytes(self.line(row)) + b"\n" for row in lines)
                self._files.keep(batch[field], data, f"{batch['id']}_{name}.jsonl", "batch_output", now)

    def _cancel(self, ask: Ask, made: Made) -> Made:
        state = self.at(made, ask.now)["status"]
        if state not in {"validating", "in_progress"}:
            raise refuse(f"Cannot cancel a batch with status '{state}'.", kind="conflict")
        # Rows run one after the other: those whose turn had not come are never run.
        share = (ask.now - made.now) / made.seconds if made.seconds else 1.0
        done = int(len(made.rows) * share)
        gone = {"response": None, "error": {"code": "batch_cancelled", "message": CANCELLED}}
        rows = (*made.rows[:done], *({**row, **gone} for row in made.rows[done:]))
        cancelled = replace(made, cancelled=ask.now, rows=rows)
        self._made[made.batch["id"]] = cancelled
        ask.undo.append(lambda: self._made.update({made.batch["id"]: made}))
        return cancelled


def _json(ask: Ask, value: Any) -> Sequence[Op]:
    return whole(200, json_bytes(value), headers=common_headers(ask))


def _answered(row: dict[str, Any]) -> bool:
    return row["response"] is not None and row["response"]["status_code"] == 200


def _used(row: dict[str, Any]) -> tuple[int, int]:
    """The tokens of a row's answer, in and out."""
    usage = row["response"]["body"].get("usage", {}) if _answered(row) else {}
    spent = usage.get("prompt_tokens", usage.get("input_tokens", 0))
    return spent, usage.get("completion_tokens", usage.get("output_tokens", 0))


def _timed(batch: dict[str, Any], made: Made, now: float) -> dict[str, Any]:
    """The batch with the times of all it has been through."""
    start, end = made.now, made.now + made.seconds
    times = {"in_progress": start + made.seconds / 4, "cancelling": made.cancelled}
    if now >= end:
        times |= {"finalizing": end, batch["status"]: end}
    reached = {f"{name}_at": int(time) for name, time in times.items() if time is not None and time <= now}
    return {**batch, **reached}
