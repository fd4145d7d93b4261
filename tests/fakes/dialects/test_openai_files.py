from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
import strict
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Batch, FileDeleted, FileObject
from speaking import MESSAGES, NOW, QUICK, Provider, Spoken

from brownout.fakes.answer import Answer, BatchRun
from brownout.fakes.ask import Trouble
from brownout.fakes.dialects.multipart import NotMultipart, parts

BOUNDARY = "0123abcd"


def form(data: bytes, purpose: str = "batch", filename: str = "rows.jsonl", **more: str) -> bytes:
    """A form as clients write it."""
    fields = {"purpose": purpose, **more}
    text = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
    kind = "Content-Type: application/octet-stream\r\n\r\n"
    return text.encode() + (head + kind).encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def upload(provider: Provider, data: bytes, purpose: str = "batch", **more: str) -> Spoken:
    """Upload a file."""
    headers = (("content-type", f"multipart/form-data; boundary={BOUNDARY}"),)
    return provider.ask("POST", "/v1/files", form(data, purpose, **more), headers=headers)


def rows(count: int, **changes: Any) -> bytes:
    """The input of a batch."""
    body = {"model": "gpt-4o-mini", "messages": MESSAGES}
    lines = [
        {"custom_id": f"row-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body} | changes
        for number in range(1, count + 1)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def start(provider: Provider, data: bytes) -> Spoken:
    """Upload the input of a batch and make the batch."""
    about = upload(provider, data).json["id"]
    body = {"input_file_id": about, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    return provider.post("/v1/batches", body)


def lines_of(provider: Provider, about: str) -> list[Any]:
    """The values in a file, line by line."""
    return [json.loads(line) for line in provider.get(f"/v1/files/{about}/content").body.splitlines()]


class TestFiles:
    def test_what_is_uploaded_can_be_read_back(self) -> None:
        """
        The very bytes come back, and every object is as the client's model and the description have it.
        """
        provider = Provider()
        data = bytes(range(256)) * 3 + b"\r\n--not-the-boundary\r\n"

        made = upload(provider, data).json

        strict.sdk(FileObject, made)
        strict.published("OpenAIFile", made)
        assert ("rows.jsonl", len(data), "batch") == (made["filename"], made["bytes"], made["purpose"])
        assert made == provider.get(f"/v1/files/{made['id']}").json
        assert data == provider.get(f"/v1/files/{made['id']}/content").body

    def test_files_are_listed_newest_first_page_by_page(self) -> None:
        """
        Pages of two follow each other with `after`, and the last one says that there is no more.
        """
        provider = Provider()
        made = [upload(provider, b"x").json["id"] for _ in range(5)]

        seen, after, more = [], "", True
        while more:
            page = provider.get(f"/v1/files?limit=2{after}").json
            strict.published("ListFilesResponse", page)
            seen += [each["id"] for each in page["data"]]
            after, more = f"&after={page['last_id']}", page["has_more"]

        assert made[::-1] == seen
        assert made == [each["id"] for each in provider.get("/v1/files?order=asc").json["data"]]

    def test_a_list_can_be_of_one_purpose(self) -> None:
        """
        Only files of the purpose asked for are listed.
        """
        provider = Provider()
        upload(provider, b"x", "user_data")
        wanted = upload(provider, b"x").json["id"]

        assert [wanted] == [each["id"] for each in provider.get("/v1/files?purpose=batch").json["data"]]

    def test_what_was_deleted_is_gone(self) -> None:
        """
        A deleted file is not found any more, neither itself nor what was in it.
        """
        provider = Provider()
        about = upload(provider, b"x").json["id"]

        deleted = provider.delete(f"/v1/files/{about}").json

        strict.sdk(FileDeleted, deleted)
        strict.published("DeleteFileResponse", deleted)
        assert [404, 404] == [provider.get(f"/v1/files/{about}{rest}").status for rest in ("", "/content")]

    def test_a_refused_upload_leaves_nothing(self) -> None:
        """
        An upload that a fault turned into a refusal is not kept, and a refused deletion deletes nothing.
        """
        provider = Provider()
        kept, refused = upload(provider, b"x").json["id"], upload(provider, b"x")

        provider.speaks.trouble(refused.ask, Trouble("overloaded"))
        deletion = provider.delete(f"/v1/files/{kept}")
        provider.speaks.trouble(deletion.ask, Trouble("overloaded"))

        assert [kept] == [each["id"] for each in provider.get("/v1/files").json["data"]]

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            (b"no form at all", None),
            (form(b"x", purpose="fun"), "purpose"),
            (form(b"x").replace(b'name="file"', b'name="other"'), "file"),
            (form(b"x").replace(b'name="purpose"', b'name="other"'), "purpose"),
        ],
        ids=["no form", "unknown purpose", "no file", "no purpose"],
    )
    def test_a_bad_upload_is_refused(self, body: bytes, param: str | None) -> None:
        """
        A form that is broken or lacks a field is a 400 that names the field.
        """
        headers = (("content-type", f"multipart/form-data; boundary={BOUNDARY}"),)

        spoken = Provider().ask("POST", "/v1/files", body, headers=headers)

        assert (400, param) == (spoken.status, spoken.json["error"]["param"])

    def test_some_purposes_cannot_be_read_back(self) -> None:
        """
        Files for assistants, vision and user data are not given out, as the API has it.
        """
        provider = Provider()

        about = upload(provider, b"x", "user_data").json["id"]

        assert 400 == provider.get(f"/v1/files/{about}/content").status

    def test_an_expiry_is_kept(self) -> None:
        """
        `expires_after[seconds]` becomes `expires_at`.
        """
        assert int(NOW) + 3600 == upload(Provider(), b"x", **{"expires_after[seconds]": "3600"}).json["expires_at"]


class TestMultipart:
    @given(st.binary(max_size=200), st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20))
    def test_any_bytes_come_through(self, data: bytes, name: str) -> None:
        """
        Whatever is in a file, and whatever it is called, comes out as it went in.
        """
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')

        found = parts(f"multipart/form-data; boundary={BOUNDARY}", form(data, filename=quoted))

        assert (data, name) == (found["file"].data, found["file"].filename)

    @given(st.binary(max_size=200))
    def test_any_body_is_a_form_or_none(self, body: bytes) -> None:
        """
        Bytes are a form or they are not: nothing else happens.
        """
        with contextlib.suppress(NotMultipart):
            parts(f"multipart/form-data; boundary={BOUNDARY}", body)

    def test_a_name_may_be_encoded(self) -> None:
        """
        A file name in the extended notation of RFC 5987 is decoded.
        """
        body = form(b"x").replace(b'filename="rows.jsonl"', b"filename*=UTF-8''caf%C3%A9.txt")

        assert "café.txt" == parts(f'multipart/form-data; boundary="{BOUNDARY}"', body)["file"].filename


class TestBatches:
    def test_one_runs_to_its_end(self) -> None:
        """
        It is validating, in progress and completed, each time as the client's model and the description have it.
        """
        provider = Provider(answer=Answer(words=6, batch=BatchRun(seconds=8)))
        made = start(provider, rows(3)).json

        seen = [made["status"]]
        for later in (1.0, 3.0, 9.0):
            provider.now = NOW + later
            batch = provider.get(f"/v1/batches/{made['id']}").json
            strict.sdk(Batch, batch)
            strict.published("Batch", batch)
            seen.append(batch["status"])

        assert ["validating", "validating", "in_progress", "completed"] == seen
        assert {"total": 3, "completed": 3, "failed": 0} == batch["request_counts"]
        times = (batch["in_progress_at"], batch["completed_at"], batch["failed_at"])
        assert (int(NOW + 2), int(NOW + 8), None) == times

    def test_its_output_has_an_answer_for_each_row(self) -> None:
        """
        Each line has its row's `custom_id` and a completion with that row's words; the batch's usage is their sum.
        """
        provider = Provider(answer=Answer(words=6, batch=BatchRun(seconds=0)))
        made = start(provider, rows(3)).json
        batch = provider.get(f"/v1/batches/{made['id']}").json

        lines = lines_of(provider, batch["output_file_id"])

        assert ["row-1", "row-2", "row-3"] == [line["custom_id"] for line in lines]
        assert [200] * 3 == [line["response"]["status_code"] for line in lines]
        for line in lines:
            strict.published("CreateChatCompletionResponse", line["response"]["body"])
            assert line["response"]["body"]["choices"][0]["message"]["content"].startswith("k7q2x9-1 ")
        total = sum(line["response"]["body"]["usage"]["total_tokens"] for line in lines)
        assert total == batch["usage"]["total_tokens"]
        assert batch["error_file_id"] is None
        assert 6 == len({line["id"] for line in lines} | {line["response"]["body"]["id"] for line in lines})

    def test_rows_can_fail_and_expire(self) -> None:
        """
        A failed row has its error and an expired one none but the code, both in the error file; the batch has expired.
        """
        plan = BatchRun(seconds=0, failed=(2,), expired=(4,))
        provider = Provider(answer=Answer(words=6, batch=plan))
        made = start(provider, rows(4)).json

        batch = provider.get(f"/v1/batches/{made['id']}").json

        failed, expired = lines_of(provider, batch["error_file_id"])
        assert ("expired", {"total": 4, "completed": 2, "failed": 2}) == (batch["status"], batch["request_counts"])
        assert ["row-1", "row-3"] == [line["custom_id"] for line in lines_of(provider, batch["output_file_id"])]
        assert ("row-2", 500) == (failed["custom_id"], failed["response"]["status_code"])
        assert ("row-4", None, "batch_expired") == (
            expired["custom_id"],
            expired["response"],
            expired["error"]["code"],
        )
        assert int(NOW) == batch["expired_at"]

    def test_a_row_is_judged_as_a_request_is(self) -> None:
        """
        A row for an unknown model has the 404 that the request would have had.
        """
        provider = Provider(answer=Answer(batch=BatchRun(seconds=0)))
        made = start(provider, rows(1, body={"model": "gpt-9", "messages": MESSAGES})).json

        batch = provider.get(f"/v1/batches/{made['id']}").json

        line = lines_of(provider, batch["error_file_id"])[0]
        assert (404, "model_not_found") == (
            line["response"]["status_code"],
            line["response"]["body"]["error"]["code"],
        )
        assert ("completed", None) == (batch["status"], batch["output_file_id"])

    @pytest.mark.parametrize(
        ("data", "code", "line"),
        [
            (b"{]\n", "invalid_json_line", 1),
            (rows(1) + rows(1), "duplicate_custom_id", 2),
            (rows(1, url="/v1/embeddings"), "mismatched_endpoint", 1),
            (rows(1, method="GET"), "invalid_method", 1),
            (rows(1, body=None), "missing_required_parameter", 1),
            (b"", "empty_file", None),
        ],
        ids=["no JSON", "twice", "elsewhere", "no POST", "no body", "empty"],
    )
    def test_a_bad_input_fails_the_batch(self, data: bytes, code: str, line: int | None) -> None:
        """
        What is wrong with the input is said with its line, and no row is run.
        """
        batch = start(Provider(), data).json

        strict.sdk(Batch, batch)
        strict.published("Batch", batch)
        assert ("failed", code, line) == (
            batch["status"],
            batch["errors"]["data"][0]["code"],
            batch["errors"]["data"][0]["line"],
        )

    def test_one_that_is_cancelled_keeps_what_is_done(self) -> None:
        """
        Half-way through, half of the rows are done; the others say that they were never run.
        """
        provider = Provider(answer=Answer(words=6, batch=BatchRun(seconds=8)))
        made = start(provider, rows(4)).json

        provider.now = NOW + 4
        during = provider.post(f"/v1/batches/{made['id']}/cancel").json
        provider.now = NOW + 9
        batch = provider.get(f"/v1/batches/{made['id']}").json

        strict.published("Batch", during)
        strict.published("Batch", batch)
        assert ("cancelling", "cancelled") == (during["status"], batch["status"])
        assert {"total": 4, "completed": 2, "failed": 2} == batch["request_counts"]
        assert 409 == provider.post(f"/v1/batches/{made['id']}/cancel").status

    def test_they_are_listed(self) -> None:
        """
        Batches are listed newest first.
        """
        provider = Provider()
        made = [start(provider, rows(1)).json["id"] for _ in range(3)]

        page = provider.get("/v1/batches?limit=2").json

        strict.published("ListBatchesResponse", page)
        assert (made[:0:-1], True) == ([each["id"] for each in page["data"]], page["has_more"])

    @pytest.mark.parametrize(
        ("change", "param"),
        [
            ({"input_file_id": "file-nowhere"}, "input_file_id"),
            ({"endpoint": "/v1/elsewhere"}, "endpoint"),
            ({"completion_window": "1h"}, "completion_window"),
            ({"completion_window": None}, "completion_window"),
        ],
        ids=["no file", "endpoint", "window", "no window"],
    )
    def test_a_bad_batch_is_refused(self, change: dict[str, Any], param: str) -> None:
        """
        A batch that cannot be made is a 400 that names the parameter.
        """
        provider = Provider(answer=QUICK)
        about = upload(provider, rows(1)).json["id"]
        body = {"input_file_id": about, "endpoint": "/v1/chat/completions", "completion_window": "24h"} | change

        spoken = provider.post("/v1/batches", body)

        assert (400, param) == (spoken.status, spoken.json["error"]["param"])
