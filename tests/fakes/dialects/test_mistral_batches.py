"""Files and batch jobs of Mistral, by the official client and by its own reader of batches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from languages import LANGUAGES
from mistralai.client import Mistral, errors
from mistralai.client.models import BatchJob, ChatCompletionRequest, ChatCompletionResponse, GetFileResponse
from mistralai.extra.batch import BatchClient, BatchInput
from speaking import KEY, MESSAGES, NOW, Provider, serving
from strict import sdk

from brownout.fakes.answer import Answer, BatchRun, Pace
from brownout.fakes.ask import Trouble
from brownout.fakes.fake import Fake
from brownout.fakes.server import FakeServer

pytestmark = pytest.mark.slow
MODEL = "mistral-large-latest"
CHAT = "/v1/chat/completions"
JOBS = "/v1/batch/jobs"
QUICK = Answer(words=6, pace=Pace(0.0, 0.0), batch=BatchRun(seconds=0.0, failed=(2,)))
TEXT = QUICK.whole("k7q2x9")
REQUESTS: Any = [{"custom_id": f"row-{number}", "body": {"messages": MESSAGES}} for number in (1, 2, 3)]
LINES = b"".join(json.dumps(request).encode() + b"\n" for request in REQUESTS)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake of Mistral whose jobs are over at once, their second request failed."""
    with serving(Fake(dialect="mistral", model=MODEL), QUICK) as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[Mistral]:
    """The client as it ships."""
    with Mistral(api_key=KEY, server_url=server.url, timeout_ms=10_000) as made:
        yield made


def mistral(answer: Answer = QUICK) -> Provider:
    """A provider that speaks Mistral's dialect."""
    language = LANGUAGES["mistral"]
    return Provider(language.fake(), answer, language=language)


def job(provider: Provider, **changes: Any) -> Any:
    """Make a job of three requests."""
    return provider.post(JOBS, {"endpoint": CHAT, "model": MODEL, "requests": REQUESTS, **changes})


def text_of(line: Any) -> str:
    """What a request was answered."""
    return str(line["response"]["body"]["choices"][0]["message"]["content"])


class TestClient:
    def test_a_whole_job_of_a_file(self, client: Mistral) -> None:
        """
        Two requests are answered in the output, the failed one is in the file of errors, and all is in the lists.
        """
        uploaded: Any = client.files.upload(file={"file_name": "rows.jsonl", "content": LINES}, purpose="batch")
        made: Any = client.batch.jobs.create(
            endpoint=CHAT, input_files=[uploaded.id], model=MODEL, metadata={"job": "nightly"}
        )
        done: Any = client.batch.jobs.get(job_id=made.id)
        output = [json.loads(line) for line in client.files.download(file_id=done.output_file).read().splitlines()]
        (error,) = map(json.loads, client.files.download(file_id=done.error_file).read().splitlines())
        listed: Any = client.batch.jobs.list(status=["SUCCESS"])
        files: Any = client.files.list(purpose="batch")

        assert ("SUCCESS", 3, 3, 2, 1) == (
            done.status,
            done.total_requests,
            done.completed_requests,
            done.succeeded_requests,
            done.failed_requests,
        )
        assert ([uploaded.id], {"job": "nightly"}, MODEL, None) == (
            done.input_files,
            done.metadata,
            done.model,
            done.outputs,
        )
        assert ["row-1", "row-3"] == [line["custom_id"] for line in output]
        for line in output:
            sdk(ChatCompletionResponse, line["response"]["body"])
            assert text_of(line) == TEXT
        assert ("row-2", 500, "Internal server error") == (
            error["custom_id"],
            error["response"]["status_code"],
            error["error"],
        )
        assert [("Internal server error", 1)] == [(each.message, each.count) for each in done.errors]
        assert ([made.id], 1) == ([each.id for each in listed.data], listed.total)
        kinds = {each.id: (each.sample_type, each.source, each.num_lines) for each in files.data}
        assert {
            uploaded.id: ("batch_request", "upload", 3),
            done.output_file: ("batch_result", "mistral", 2),
            done.error_file: ("batch_error", "mistral", 1),
        } == kinds

    def test_requests_in_the_job_itself(self, client: Mistral) -> None:
        """
        Their answers are in the job, one with an error.
        """
        made: Any = client.batch.jobs.create(endpoint=CHAT, requests=REQUESTS, model=MODEL)
        done: Any = client.batch.jobs.get(job_id=made.id, inline=True)

        assert ([], "SUCCESS") == (done.input_files, done.status)
        assert [TEXT, None, TEXT] == [None if line["error"] else text_of(line) for line in done.outputs]

    async def test_the_official_reader_of_batches(self, server: FakeServer) -> None:
        """
        It uploads, makes, waits, and has two typed answers and one error; the job is cancelled and deleted after.
        """
        body = ChatCompletionRequest(model=MODEL, messages=MESSAGES)  # type: ignore[arg-type]
        rows = BatchInput.from_payload({"a": body, "b": body, "c": body})
        async with Mistral(api_key=KEY, server_url=server.url, timeout_ms=10_000) as client:
            reader = BatchClient(client, endpoint=CHAT, response_body_type=ChatCompletionResponse)
            file = await reader.upload(rows)
            handle = await reader.wait(await reader.create(file, model=MODEL), poll_interval_seconds=0.01)
            found = {custom_id: item async for custom_id, item in reader.stream_results(handle)}
            server.answer = Answer(batch=BatchRun(seconds=3600))
            running = await reader.create(rows, model=MODEL)
            cancelled = await reader.cancel(running)
            deleted: Any = await client.batch.jobs.delete_async(job_id=running.job.id)
            with pytest.raises(errors.SDKError):
                await reader.get(running.job.id)

        answers: Any = [found[name] for name in "ac"]
        assert [TEXT, TEXT] == [answer.choices[0].message.content for answer in answers]
        failed: Any = found["b"]
        assert (500, "Internal server error") == (failed.status_code, failed.error)
        assert ("QUEUED", "CANCELLATION_REQUESTED", True) == (running.status, cancelled.status, deleted.deleted)

    def test_files_are_read_and_deleted(self, client: Mistral) -> None:
        """
        The client knows a file again, and finds it no more once it is deleted.
        """
        made: Any = client.files.upload(file={"file_name": "rows.jsonl", "content": LINES}, purpose="batch")
        found: Any = client.files.retrieve(file_id=made.id)
        deleted: Any = client.files.delete(file_id=made.id)

        assert (made.id, len(LINES), False) == (found.id, found.size_bytes, found.deleted)
        assert deleted.deleted
        with pytest.raises(errors.SDKError):
            client.files.retrieve(file_id=made.id)

    def test_embeddings(self, client: Mistral) -> None:
        """
        Requests may be for embeddings.
        """
        made: Any = client.batch.jobs.create(
            endpoint="/v1/embeddings", requests=[{"body": {"input": "a"}}], model="mistral-embed"
        )
        (line,) = made.outputs

        assert (None, 1024) == (line["custom_id"], len(line["response"]["body"]["data"][0]["embedding"]))


class TestWire:
    def test_a_job_goes_through_its_statuses(self) -> None:
        """
        Queued, running, over; each time as the client's model has it.
        """
        provider = mistral(Answer(words=3, batch=BatchRun(seconds=8)))
        made = job(provider).json

        seen = []
        for later in (0.0, 3.0, 9.0):
            provider.now = NOW + later
            found = provider.get(f"{JOBS}/{made['id']}").json
            sdk(BatchJob, found)
            seen.append((found["status"], found["started_at"], found["completed_at"]))

        assert [
            ("QUEUED", None, None),
            ("RUNNING", int(NOW + 2), None),
            ("SUCCESS", int(NOW + 2), int(NOW + 8)),
        ] == seen

    def test_one_that_is_cancelled_keeps_what_is_done(self) -> None:
        """
        Half-way through, half of the requests are done.
        """
        provider = mistral(Answer(words=3, batch=BatchRun(seconds=8)))
        made = job(provider, requests=REQUESTS[:2]).json
        provider.now += 4

        during = provider.post(f"{JOBS}/{made['id']}/cancel").json
        provider.now += 5
        after = provider.get(f"{JOBS}/{made['id']}").json

        assert ("CANCELLATION_REQUESTED", "CANCELLED") == (during["status"], after["status"])
        assert (1, 1) == (after["succeeded_requests"], after["failed_requests"])
        assert 409 == provider.post(f"{JOBS}/{made['id']}/cancel").status

    def test_rows_that_were_never_run_end_it_by_its_timeout(self) -> None:
        """
        They are errors without a response.
        """
        provider = mistral(Answer(words=3, batch=BatchRun(seconds=0, expired=(3,))))

        found = job(provider).json

        assert ("TIMEOUT_EXCEEDED", None) == (found["status"], found["outputs"][2]["response"])

    def test_bad_lines_fail_the_job(self) -> None:
        """
        What is wrong is said once, with how often it is.
        """
        provider = mistral()
        form = (("content-type", "multipart/form-data; boundary=b"),)
        fields = (b"purpose", b"batch"), (b'file"; filename="r.jsonl', b'{]\n{]\n{"custom_id":"a"}\n')
        data = b"".join(b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair for pair in fields)
        file = provider.ask("POST", "/v1/files", data + b"--b--", headers=form).json
        sdk(GetFileResponse, provider.get(f"/v1/files/{file['id']}").json)

        found = job(provider, requests=None, input_files=[file["id"]]).json

        sdk(BatchJob, found)
        assert ("FAILED", None, None) == (found["status"], found["output_file"], found["outputs"])
        assert [("Invalid JSON", 2), ("Each request needs a body", 1)] == [
            (error["message"], error["count"]) for error in found["errors"]
        ]

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"endpoint": "/v1/elsewhere"}, 422),
            ({"endpoint": None}, 422),
            ({"model": None}, 422),
            ({"model": "gpt-9"}, 400),
            ({"input_files": ["x"]}, 422),
            ({"requests": None}, 422),
            ({"requests": [7]}, 422),
            ({"requests": [{"body": {}, "custom_id": 7}]}, 422),
            ({"requests": None, "input_files": ["x"]}, 404),
            ({"requests": None, "input_files": [7]}, 422),
            ({"timeout_hours": 0}, 422),
            ({"metadata": {"a": 1}}, 422),
        ],
    )
    def test_what_is_no_job_is_refused(self, change: dict[str, Any], status: int) -> None:
        """
        Nothing is made of it.
        """
        provider = mistral()

        assert status == job(provider, **change).status
        assert [] == provider.get(JOBS).json["data"]

    def test_jobs_are_listed_page_by_page(self) -> None:
        """
        The newest first, or the oldest, or those of one model.
        """
        provider = mistral()
        made = [job(provider).json["id"] for _ in range(3)]

        def seen(query: str) -> list[str]:
            return [each["id"] for each in provider.get(f"{JOBS}?{query}").json["data"]]

        assert [made[::-1][:2], made[:1]] == [seen("page_size=2"), seen("page_size=2&page=1")]
        assert made == seen("order_by=created")
        assert [[], made[::-1]] == [seen("model=x"), seen(f"model={MODEL}&status=FAILED&status=SUCCESS")]

    def test_a_job_that_is_refused_after_all_was_never_made(self) -> None:
        """
        Nor is one deleted whose deletion is refused.
        """
        provider = mistral()
        kept, refused = job(provider), job(provider)
        provider.speaks.trouble(refused.ask, Trouble("overloaded"))
        provider.speaks.trouble(provider.delete(f"{JOBS}/{kept.json['id']}").ask, Trouble("overloaded"))

        assert [kept.json["id"]] == [each["id"] for each in provider.get(JOBS).json["data"]]
        assert kept.header("mistral-correlation-id")
        assert kept.header("openai-version") is None


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([CHAT, MODEL]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["body", "custom_id", "messages", "model"]), inner)
    ),
    max_leaves=8,
)
FIELDS = ["endpoint", "model", "requests", "input_files", "metadata", "timeout_hours"]


class TestAnything:
    @given(st.dictionaries(st.sampled_from(FIELDS), JUNK) | JUNK)
    def test_any_value_is_a_job_or_none(self, body: Any) -> None:
        """
        Whatever is asked, there is a job as the client has it, or a refusal that says why.
        """
        usual = {"endpoint": CHAT, "model": MODEL, "requests": REQUESTS}
        spoken = mistral().post(JOBS, usual | body if isinstance(body, dict) else body)

        if spoken.status == 200:
            sdk(BatchJob, spoken.json)
        assert spoken.status == 200 or spoken.json.get("detail") or spoken.json["message"]

    @given(st.lists(JUNK.map(json.dumps).map(str.encode) | st.binary(max_size=9), max_size=4))
    def test_any_lines_are_run_or_fail_the_job(self, lines: list[bytes]) -> None:
        """
        Each is one row, or something is wrong with the job.
        """
        provider = mistral()
        provider.speaks.files.keep("f", b"\n".join(lines), "r.jsonl", "batch", NOW)  # type: ignore[attr-defined]

        found = job(provider, requests=None, input_files=["f"]).json

        sdk(BatchJob, found)
        assert found["errors"] if found["status"] == "FAILED" else found["total_requests"]
