"""Files and batch jobs of Mistral: OpenAI's, with the model named once for the whole job and words of their own.

    QUEUED --bad rows--> FAILED
           --> RUNNING --> SUCCESS                       or TIMEOUT_EXCEEDED, where rows were never run
               CANCELLATION_REQUESTED --> CANCELLED      what is done is kept

The requests are the lines of files or stand in the job itself; the answers are in a file, and in the job too where its
requests were or where `inline` asks for them. A request that failed is in the file of errors, with its status and a
bare text. Requests may be for chats and embeddings. The list is filtered by status and model alone.

The shapes are those of the official client, lines those that its reader of batches knows. Which status a refusal to
make a job has, what becomes of requests that were never run, and the wordings are not captured.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from uuid import NAMESPACE_URL, UUID, uuid5

from ...ask import Trouble
from ..openai.batches import Batches, Made
from ..openai.files import Files, Kept
from ..openai.validation import ARRAY, OBJECT, STRING, Field, check, missing, of_type, one_of, refuse
from ..refusing import Refused
from ..wire import Unreadable, hex_id, json_value

if TYPE_CHECKING:
    from ...ask import Ask

ENDPOINTS = ("/v1/chat/completions", "/v1/embeddings")
FIELDS = {
    "endpoint": STRING,
    "input_files": ARRAY,
    "requests": ARRAY,
    "model": STRING,
    "metadata": OBJECT,
    "timeout_hours": Field((int,), 1),
}
STATUSES = {
    "validating": "QUEUED",
    "failed": "FAILED",
    "in_progress": "RUNNING",
    "completed": "SUCCESS",
    "expired": "TIMEOUT_EXCEEDED",
    "cancelling": "CANCELLATION_REQUESTED",
    "cancelled": "CANCELLED",
}
PAGE = 100


def read(ask: Ask) -> None:
    """The body of a request for a job; refused where no job can be made of it."""
    ask.body = json_value(ask.request.body)
    body = ask.body = check(ask.body, FIELDS, "endpoint")
    one_of("endpoint", body["endpoint"], ENDPOINTS)
    if not body.get("model"):
        raise missing("model")
    if ask.fake.find(body["model"]) is None:
        raise Refused(Trouble("model_not_found", f"Invalid model: {body['model']}"))
    if bool(body.get("input_files")) == bool(body.get("requests")):
        raise refuse("Exactly one of 'input_files' and 'requests' has to be given.", "input_files")
    for about in body.get("input_files", ()):
        of_type("input_files", about, str)
    for number, request in enumerate(body.get("requests", ())):
        if wrong := _wrong(request):
            raise refuse(wrong, f"requests.{number}")


class MistralFiles(Files):
    """The files of one provider."""

    purposes = ("fine-tune", "batch", "ocr")

    def file_id(self, ask: Ask) -> str:
        """A UUID."""
        return str(UUID(hex_id(ask, "")))

    def shown(self, ask: Ask, kept: Kept) -> dict[str, Any]:
        """The file, with what kind of lines it has."""
        file, uploaded = kept.file, kept.file["purpose"] != "batch_output"
        kinds = {"batch": "batch_request", "batch_output": "batch_result"}
        shown = {name: file[name] for name in ("id", "object", "bytes", "created_at", "filename", "expires_at")}
        return {
            **shown,
            "purpose": file["purpose"] if uploaded else "batch",
            "sample_type": "batch_error" if _is_error(file) else kinds.get(file["purpose"], "instruct"),
            "num_lines": len(kept.data.splitlines()),
            "source": "upload" if uploaded else "mistral",
            "mimetype": "application/jsonl",
            "signature": None,
            **({"deleted": False} if ask.route == "files.get" else {}),
        }

    def page(self, rows: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
        """One page of the list of files, the newest first."""
        return _page(rows, query)


class MistralBatches(Batches):
    """The batch jobs of one provider."""

    def batch_id(self, ask: Ask) -> str:
        """A UUID."""
        return str(UUID(hex_id(ask, "")))

    def file_id(self, batch_id: str, name: str) -> str:
        """A UUID."""
        return str(uuid5(NAMESPACE_URL, f"{batch_id}/{name}"))

    def create(self, ask: Ask) -> Made:
        """The job that an ask makes."""
        body = ask.body
        requests, errors = self.read(ask, self._lines(ask)) if "input_files" in body else (body["requests"], [])
        batch: dict[str, Any] = {
            "id": self.batch_id(ask),
            "status": "failed" if errors else "validating",
            "created_at": int(ask.now),
            "failed_at": int(ask.now) if errors else None,
            "request_counts": {"total": len(requests), "completed": 0, "failed": 0},
            "asked": body,
            "errors": errors,
        }
        if errors:
            return Made(batch, 0.0, ask.now)
        asked = {"url": body["endpoint"]}
        named = [
            {"custom_id": each.get("custom_id"), "body": {**each["body"], "model": body["model"]}} for each in requests
        ]
        rows = tuple(self.row(ask, batch, number, each | asked) for number, each in enumerate(named, 1))
        return Made(batch, ask.answer.batch.seconds, ask.now, rows)

    def read(self, ask: Ask, lines: list[bytes]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The requests in the lines of files, and what is wrong with them."""
        requests, wrongs = [], []
        for line in lines:
            try:
                request = json_value(line)
            except Unreadable:
                wrongs.append("Invalid JSON")
                continue
            wrong = _wrong(request)
            requests += [] if wrong else [request]
            wrongs += [wrong] if wrong else []
        if not lines:
            wrongs.append("The input is empty")
        return requests, _counted(wrongs)

    def line(self, row: dict[str, Any]) -> dict[str, Any]:
        """The line of the output that tells what became of a request."""
        response, known = (
            row["response"],
            {"id": row["id"].replace("batch_req_", "batch-"), "custom_id": row["custom_id"]},
        )
        if response is None:
            return {**known, "response": None, "error": row["error"]["message"]}
        status = response["status_code"]
        if status == 200:
            return {**known, "response": {"status_code": status, "body": response["body"]}, "error": None}
        return {**known, "response": {"status_code": status, "body": None}, "error": _said(response["body"])}

    def shown(self, ask: Ask, made: Made) -> dict[str, Any]:
        """The job as it stands, for whoever asks."""
        batch, asked = self.at(made, ask.now), made.batch["asked"]
        counts = batch["request_counts"]
        over = batch.get("finalizing_at") or batch["failed_at"]
        lines = [self.line(row) for row in made.rows] if over else []
        inline = parse_qs(ask.request.query).get("inline") == ["true"] or "requests" in asked
        return {
            "id": batch["id"],
            "object": "batch",
            "input_files": asked.get("input_files", []),
            "metadata": asked.get("metadata"),
            "endpoint": asked["endpoint"],
            "model": asked["model"],
            "agent_id": None,
            "output_file": batch.get("output_file_id"),
            "error_file": batch.get("error_file_id"),
            "errors": batch["errors"] or _counted([line["error"] for line in lines if line["error"] is not None]),
            "outputs": lines if over and inline and not batch["errors"] else None,
            "status": STATUSES[batch["status"]],
            "created_at": batch["created_at"],
            "total_requests": counts["total"],
            "completed_requests": counts["completed"] + counts["failed"],
            "succeeded_requests": counts["completed"],
            "failed_requests": counts["failed"],
            "started_at": batch.get("in_progress_at"),
            "completed_at": over,
        }

    def page(self, rows: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
        """One page of the list of jobs, the newest first."""
        asked = [(name, query[name]) for name in ("status", "model") if name in query]
        return _page([row for row in rows if all(row[name] in values for name, values in asked)], query)

    def _lines(self, ask: Ask) -> list[bytes]:
        lines: list[bytes] = []
        for about in ask.body["input_files"]:
            kept = self._files.find(about)
            if kept is None:
                raise Refused(Trouble("not_found", f"No such File object: {about}"))
            lines += [line for line in kept.data.splitlines() if line.strip()]
        return lines


def _wrong(request: Any) -> str:
    """What is wrong with a request of a job; nothing where it is one."""
    if not isinstance(request, dict) or not isinstance(request.get("body"), dict):
        return "Each request needs a body"
    if not isinstance(request.get("custom_id"), str | None):
        return "A custom_id is a text"
    return ""


def _counted(messages: list[str]) -> list[dict[str, Any]]:
    """Every message once, and how often it was said."""
    return [{"message": message, "count": count} for message, count in Counter(messages).items()]


def _said(body: dict[str, Any]) -> str:
    """What a refusal says, in the shape of either."""
    detail = body.get("detail", body.get("message"))
    return detail[0]["msg"] if isinstance(detail, list) else str(detail)


def _is_error(file: dict[str, Any]) -> bool:
    return file["purpose"] == "batch_output" and str(file["filename"]).endswith("_error.jsonl")


def _page(rows: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
    """One page of rows that are in the order of their making."""
    ordered = rows if query.get("order_by") == ["created"] else rows[::-1]
    number, size = (
        int(asked) if asked.isascii() and asked.isdecimal() else usual
        for asked, usual in ((query.get("page", ["0"])[0], 0), (query.get("page_size", [str(PAGE)])[0], PAGE))
    )
    return {"object": "list", "data": ordered[number * size : (number + 1) * size], "total": len(rows)}
