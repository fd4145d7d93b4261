"""Batches of the Gemini API, by Google's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from hypothesis import given
from hypothesis import strategies as st
from speaking import KEY, NOW, google, serving

from brownout.fakes.answer import Answer, BatchRun, Pace
from brownout.fakes.ask import Trouble
from brownout.fakes.fake import Fake
from brownout.fakes.server import FakeServer

pytestmark = pytest.mark.slow
MODEL = "gemini-2.5-flash"
PROMPT = "[bo:k7q2x9] Please answer."
QUICK = Answer(words=6, pace=Pace(0.0, 0.0), batch=BatchRun(seconds=0.0, failed=(2,)))
TEXT = QUICK.whole("k7q2x9")
CREATE = f"/v1beta/models/{MODEL}:batchGenerateContent"
REQUEST: dict[str, Any] = {"contents": [{"parts": [{"text": PROMPT}], "role": "user"}]}
INLINED = [
    types.InlinedRequest(
        contents=PROMPT,
        metadata={"key": f"row-{number}"},
        config=types.GenerateContentConfig(system_instruction="Be brief.", temperature=0.5),
    )
    for number in (1, 2, 3)
]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake of Gemini whose batches are over at once, their second request failed."""
    with serving(Fake(dialect="gemini", model=MODEL), QUICK) as running:
        yield running


@pytest.fixture
def client(server: FakeServer) -> Iterator[genai.Client]:
    """Google's client, as it ships, with another base URL."""
    made = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=server.url))
    yield made
    made.close()


def body(*requests: Any, **config: Any) -> dict[str, Any]:
    """What a batch is made of."""
    rows = [{"request": request} for request in requests]
    return {"batch": {"displayName": "nightly", "inputConfig": {"requests": {"requests": rows}, **config}}}


class TestClient:
    def test_a_whole_batch(self, client: genai.Client) -> None:
        """
        Two requests have responses and the failed one its error, in order, each with its metadata.
        """
        config = types.CreateBatchJobConfig(display_name="nightly")
        made: Any = client.batches.create(model=MODEL, src=INLINED, config=config)
        done: Any = client.batches.get(name=made.name)
        listed = list(client.batches.list())
        found = done.dest.inlined_responses

        assert (types.JobState.JOB_STATE_SUCCEEDED, "nightly", f"models/{MODEL}") == (
            done.state,
            done.display_name,
            done.model,
        )
        assert done.end_time >= done.create_time
        assert [TEXT, None, TEXT] == [each.response and each.response.text for each in found]
        assert (None, 13, None) == tuple(each.error and each.error.code for each in found)
        assert "internal error" in found[1].error.message
        assert [{"key": f"row-{number}"} for number in (1, 2, 3)] == [each.metadata for each in found]
        assert [made.name] == [each.name for each in listed]
        assert found[0].response.usage_metadata.candidates_token_count > 0

    async def test_the_asynchronous_client(self, client: genai.Client, server: FakeServer) -> None:
        """
        It has the same, turns pages, cancels and deletes.
        """
        requests: Any = [REQUEST]
        made: Any = await client.aio.batches.create(model=MODEL, src=requests)
        done: Any = await client.aio.batches.get(name=made.name)
        server.answer = Answer(batch=BatchRun(seconds=3600))
        running: Any = await client.aio.batches.create(model=MODEL, src=requests)
        await client.aio.batches.cancel(name=running.name)
        cancelled: Any = await client.aio.batches.get(name=running.name)
        pages = [each.name async for each in await client.aio.batches.list(config={"page_size": 1})]
        await client.aio.batches.delete(name=made.name)
        with pytest.raises(errors.ClientError) as raised:
            await client.aio.batches.get(name=made.name)

        assert TEXT == done.dest.inlined_responses[0].response.text
        assert types.JobState.JOB_STATE_PENDING == running.state
        assert (types.JobState.JOB_STATE_CANCELLED, None) == (cancelled.state, cancelled.dest)
        assert [running.name, made.name] == pages
        assert (404, "NOT_FOUND") == (raised.value.code, raised.value.status)
        await client.aio.aclose()

    def test_a_batch_that_cannot_be_made(self, client: genai.Client) -> None:
        """
        Of a model or a file that there is not.
        """
        for model, src in (("gemini-9", INLINED), (MODEL, "files/abc")):
            with pytest.raises(errors.ClientError) as raised:
                client.batches.create(model=model, src=src)
            assert (404, "NOT_FOUND") == (raised.value.code, raised.value.status)


class TestWire:
    def test_an_operation_goes_through_its_states(self) -> None:
        """
        It is pending, running and done; until then it counts what is pending, and has neither end nor response.
        """
        provider = google(Answer(words=3, batch=BatchRun(seconds=8)))
        name = provider.post(CREATE, body(REQUEST, REQUEST)).json["name"]

        seen = []
        for later in (0.0, 3.0, 9.0):
            provider.now = NOW + later
            found = provider.get(f"/v1beta/{name}").json
            seen.append((found["metadata"]["state"], found["metadata"]["batchStats"], found.get("done")))

        assert [
            ("BATCH_STATE_PENDING", {"requestCount": "2", "pendingRequestCount": "2"}, None),
            ("BATCH_STATE_RUNNING", {"requestCount": "2", "pendingRequestCount": "2"}, None),
            ("BATCH_STATE_SUCCEEDED", {"requestCount": "2", "successfulRequestCount": "2"}, True),
        ] == seen
        assert found["metadata"]["output"]["inlinedResponses"] == found["response"]["inlinedResponses"]
        assert 2 == len(found["response"]["inlinedResponses"]["inlinedResponses"])

    @pytest.mark.parametrize("expired", [True, False])
    def test_what_has_no_responses_says_why(self, expired: bool) -> None:
        """
        A batch that expired or was cancelled is done with an error; to cancel it again changes nothing.
        """
        provider = google(Answer(words=3, batch=BatchRun(seconds=8, expired=(1,) if expired else ())))
        spoken = provider.post(CREATE, body(REQUEST))
        name = spoken.json["name"]
        provider.now += 9 if expired else 1

        assert {} == provider.post(f"/v1beta/{name}:cancel").json
        found = provider.get(f"/v1beta/{name}").json

        state = "BATCH_STATE_EXPIRED" if expired else "BATCH_STATE_CANCELLED"
        assert (True, state, 4 if expired else 1) == (found["done"], found["metadata"]["state"], found["error"]["code"])
        assert "response" not in found
        assert (0 if expired else 1) == len(spoken.ask.rows)

    def test_a_wrong_request_is_wrong_in_its_response_alone(self) -> None:
        """
        A request may name a model of its own, and is judged as it would be alone.
        """
        provider = google(Answer(words=3, batch=BatchRun(seconds=0)))
        models = ("gemini-9", "a/b:c", MODEL)
        wrong = [{"contents": []}, *(REQUEST | {"model": f"models/{model}"} for model in models)]

        found = provider.post(CREATE, body(*wrong)).json["response"]["inlinedResponses"]["inlinedResponses"]

        assert [3, 5, 5, None] == [each.get("error", {}).get("code") for each in found]
        assert found[3]["response"]["candidates"]

    def test_a_key_in_the_query_is_good_for_the_requests_too(self) -> None:
        """
        They are asked with what the batch was asked with.
        """
        spoken = google(QUICK).ask(
            "POST",
            f"{CREATE}?key={KEY}",
            b'{"batch":{"input_config":{"requests":{"requests":['
            b'{"request":{"contents":[{"parts":[{"text":"a"}]}]}}]}}}}',
            key=None,
        )

        assert "response" in spoken.json["response"]["inlinedResponses"]["inlinedResponses"][0]

    @pytest.mark.parametrize(
        "wrong",
        [
            None,
            [],
            {},
            {"batch": 7},
            {"batch": {"inputConfig": {}}},
            body(),
            body(7),
            {"batch": {"inputConfig": {"requests": {"requests": [7]}}}},
        ],
    )
    def test_what_is_no_batch_is_refused(self, wrong: Any) -> None:
        """
        A 400 says where it is wrong, and nothing is made.
        """
        provider = google()

        spoken = provider.post(CREATE, wrong)

        assert (400, "INVALID_ARGUMENT") == (spoken.status, spoken.json["error"]["status"])
        assert {"operations": []} == provider.get("/v1beta/batches").json

    def test_a_batch_that_is_refused_after_all_was_never_made(self) -> None:
        """
        Nor is one deleted whose deletion is refused.
        """
        provider = google()
        kept, refused = (provider.post(CREATE, body(REQUEST)) for _ in range(2))
        provider.speaks.trouble(refused.ask, Trouble("overloaded"))
        provider.speaks.trouble(provider.delete(f"/v1beta/{kept.json['name']}").ask, Trouble("overloaded"))

        found = provider.get("/v1beta/batches").json["operations"]

        assert [kept.json["name"]] == [each["name"] for each in found]

    def test_vertex_has_other_batches(self) -> None:
        """
        Its batches are of files in its own storage, and are not here.
        """
        assert 404 == google(dialect="vertex").get("/v1beta/batches").status


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["request", "requests", "contents", "parts", "text", "model", "metadata"]), inner
        )
    ),
    max_leaves=9,
)


@given(JUNK, st.sampled_from(["batch", "config", "requests", "row", "request"]))
def test_any_value_is_a_batch_or_none(junk: Any, where: str) -> None:
    """
    Wherever it stands in the body, there is an operation, or a refusal that says why.
    """
    asked = {
        "batch": {"batch": junk},
        "config": {"batch": {"inputConfig": junk}},
        "requests": {"batch": {"inputConfig": {"requests": {"requests": junk}}}},
        "row": {"batch": {"inputConfig": {"requests": {"requests": [junk]}}}},
        "request": body(junk),
    }

    spoken = google().post(CREATE, asked[where])

    assert spoken.json["name"] if spoken.status == 200 else spoken.json["error"]["message"]
