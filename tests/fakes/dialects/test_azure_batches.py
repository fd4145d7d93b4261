"""Files and batches of Azure OpenAI, by the official client under both kinds of path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import strict
from hypothesis import given
from hypothesis import strategies as st
from languages import LANGUAGES
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
from openai.types import Batch, FileObject
from speaking import KEY, MESSAGES, Provider, serving

from brownout.fakes.answer import Answer, BatchRun, Pace
from brownout.fakes.ask import Trouble
from brownout.fakes.fake import Fake
from brownout.fakes.server import FakeServer

pytestmark = pytest.mark.slow
MODEL = "gpt-4o-mini"
VERSION = "2024-10-21"
QUICK = Answer(words=6, pace=Pace(0.0, 0.0), batch=BatchRun(seconds=0.0, failed=(2,)))
TEXT = QUICK.whole("k7q2x9")
CLIENTS: dict[str, Any] = {
    "azure": lambda url: AzureOpenAI(azure_endpoint=url, api_version=VERSION, api_key=KEY, max_retries=0),
    "v1": lambda url: OpenAI(base_url=f"{url}/openai/v1/", api_key=KEY, max_retries=0),
}
ASYNC_CLIENTS: dict[str, Any] = {
    "azure": lambda url: AsyncAzureOpenAI(azure_endpoint=url, api_version=VERSION, api_key=KEY, max_retries=0),
    "v1": lambda url: AsyncOpenAI(base_url=f"{url}/openai/v1/", api_key=KEY, max_retries=0),
}


def rows(count: int, url: str = "/chat/completions", **changes: Any) -> bytes:
    """The input of a batch."""
    body = {"model": MODEL, "messages": MESSAGES}
    lines = [
        {"custom_id": f"row-{n}", "method": "POST", "url": url, "body": body} | changes for n in range(1, count + 1)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def whole(client: Any, data: bytes, endpoint: Any = "/chat/completions") -> Any:
    """Upload the input of a batch, make the batch and ask how it stands."""
    file = client.files.create(file=("rows.jsonl", data), purpose="batch")
    made = client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")
    return client.batches.retrieve(made.id)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake of Azure whose batches are over at once, their second row failed."""
    with serving(Fake(dialect="azure_openai"), QUICK) as running:
        yield running


@pytest.mark.parametrize("name", CLIENTS)
def test_a_whole_batch(server: FakeServer, name: str) -> None:
    """
    Rows that were answered are in the output, judged by the filter; the failed one is in the file of errors.
    """
    with CLIENTS[name](server.url) as client:
        batch = whole(client, rows(3))
        output = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
        (error,) = [json.loads(line) for line in client.files.content(batch.error_file_id).text.splitlines()]
        listed = [each.id for each in client.batches.list()]
        files = {each.id: each for each in client.files.list()}

    assert ("completed", (3, 2, 1)) == (
        batch.status,
        (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed),
    )
    strict.sdk(Batch, batch.model_dump())
    assert ["row-1", "row-3"] == [line["custom_id"] for line in output]
    assert {"custom_id", "response", "error"} == set(output[0])
    for line in output:
        assert (200, TEXT) == (
            line["response"]["status_code"],
            line["response"]["body"]["choices"][0]["message"]["content"],
        )
        assert line["response"]["body"]["prompt_filter_results"]
    assert 2 == len({line["response"]["request_id"] for line in output})
    assert ("row-2", 500) == (error["custom_id"], error["response"]["status_code"])
    assert "InternalServerError" == error["response"]["body"]["error"]["code"]
    assert [batch.id] == listed
    assert {batch.input_file_id, batch.output_file_id, batch.error_file_id} == set(files)
    strict.sdk(FileObject, files[batch.input_file_id].model_dump())


@pytest.mark.parametrize("name", ASYNC_CLIENTS)
async def test_a_whole_batch_asynchronously(server: FakeServer, name: str) -> None:
    """
    The asynchronous client has the same, and cancels and deletes as well.
    """
    async with ASYNC_CLIENTS[name](server.url) as client:
        file = await client.files.create(file=("rows.jsonl", rows(1)), purpose="batch")
        create: Any = {"input_file_id": file.id, "endpoint": "/chat/completions", "completion_window": "24h"}
        made = await client.batches.create(**create)
        batch = await client.batches.retrieve(made.id)
        (line,) = (await client.files.content(batch.output_file_id)).text.splitlines()
        empty = (await client.files.content(batch.error_file_id)).content
        server.answer = Answer(batch=BatchRun(seconds=3600))
        cancelled = await client.batches.cancel((await client.batches.create(**create)).id)
        deleted = await client.files.delete(file.id)
        with pytest.raises(openai.NotFoundError):
            await client.files.retrieve(file.id)

    assert TEXT == json.loads(line)["response"]["body"]["choices"][0]["message"]["content"]
    assert b"" == empty
    assert ("cancelling", True) == (cancelled.status, deleted.deleted)


def azure(answer: Answer = QUICK) -> Provider:
    """A provider that speaks Azure's dialect."""
    language = LANGUAGES["azure_openai"]
    return Provider(language.fake(), answer, language=language)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [("/chat/completions", "/v1/chat/completions"), ("/v1/chat/completions", "/chat/completions")],
)
def test_urls_are_the_same_with_v1_and_without(server: FakeServer, endpoint: str, url: str) -> None:
    """
    The endpoint of a batch and the URLs of its rows need not agree in that.
    """
    with CLIENTS["azure"](server.url) as client:
        assert "completed" == whole(client, rows(1, url), endpoint).status


def test_responses_are_batched_too(server: FakeServer) -> None:
    """
    A row may ask for a response.
    """
    body = {"model": MODEL, "input": MESSAGES[0]["content"]}
    with CLIENTS["v1"](server.url) as client:
        batch = whole(client, rows(1, "/v1/responses", body=body), "/v1/responses")
        line = json.loads(client.files.content(batch.output_file_id).text)

    assert TEXT == line["response"]["body"]["output"][0]["content"][0]["text"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{]\n", "invalid_json_line"),
        (b"", "empty_file"),
        (rows(1) + rows(1), "duplicate_custom_id"),
        (rows(1, "/v1/responses"), "url_mismatch"),
        (rows(1, url=7), "url_mismatch"),
        (rows(1, method="GET"), "invalid_request"),
        (rows(1, body=None), "invalid_request"),
        (rows(1, body={"model": "gpt-9", "messages": MESSAGES}), "model_not_found"),
        (rows(1, body={"model": [], "messages": MESSAGES}), "model_not_found"),
        (rows(1) + rows(1, custom_id="b", body={"model": "gpt-4o", "messages": MESSAGES}), "model_mismatch"),
    ],
    ids=["no JSON", "empty", "twice", "elsewhere", "nowhere", "no POST", "no body", "unknown", "no name", "two models"],
)
def test_a_bad_input_fails_the_batch(server: FakeServer, data: bytes, code: str) -> None:
    """
    In Azure's own codes: of an unknown or a second deployment too, and no row is run.
    """
    with CLIENTS["azure"](server.url) as client:
        batch = whole(client, data)

    assert ("failed", [code]) == (batch.status, [error.code for error in batch.errors.data])


LINE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["POST", MODEL, "/chat/completions"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["custom_id", "method", "url", "body", "model", "messages"]), inner)
    ),
    max_leaves=9,
)


@given(st.lists(LINE.map(json.dumps).map(str.encode) | st.binary(max_size=9), max_size=4))
def test_any_lines_are_run_or_fail_the_batch(lines: list[bytes]) -> None:
    """
    Each is one row, or something is wrong with the batch.
    """
    provider = azure()
    provider.speaks.files.keep("f", b"\n".join(lines), "r.jsonl", "batch", provider.now)  # type: ignore[attr-defined]
    body = {"input_file_id": "f", "endpoint": "/chat/completions", "completion_window": "24h"}

    batch = provider.post("/openai/v1/batches", body).json

    assert batch["errors"]["data"] if batch["status"] == "failed" else batch["request_counts"]["total"]


@pytest.mark.parametrize(
    ("path", "version"), [("/openai/files", False), ("/openai/batches", False), ("/openai/v1/batches", True)]
)
def test_without_a_version_the_path_leads_nowhere(path: str, version: bool) -> None:
    """
    Under `v1` none is needed.
    """
    assert (200 if version else 404) == azure().get(path).status


def test_a_batch_that_is_refused_after_all_was_never_made() -> None:
    """
    What making it has changed is taken back when a refusal takes the answer's place.
    """
    provider = azure()
    boundary = (("content-type", "multipart/form-data; boundary=b"),)
    fields = (b"purpose", b"batch"), (b'file"; filename="r.jsonl', rows(1))
    form = (
        b"".join(b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair for pair in fields) + b"--b--"
    )
    about = provider.ask("POST", "/openai/v1/files", form, headers=boundary).json["id"]
    body = {"input_file_id": about, "endpoint": "/chat/completions", "completion_window": "24h"}
    spoken = provider.post("/openai/v1/batches", body)

    provider.speaks.trouble(spoken.ask, Trouble("overloaded"))

    assert 404 == provider.get(f"/openai/v1/batches/{spoken.json['id']}").status
    assert spoken.header("apim-request-id")
