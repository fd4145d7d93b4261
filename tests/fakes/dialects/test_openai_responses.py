from __future__ import annotations

import json
from typing import Any

import pytest
import strict
from openai.types.responses import InputTokenCountResponse, Response, ResponseItemList, ResponseStreamEvent
from response_shapes import SCHEMA, SHAPES, TURNS, WEATHER, WHOLE
from speaking import NOW, QUICK, Provider

from brownout.fakes.answer import Answer
from brownout.fakes.ask import Trouble
from brownout.fakes.dialects.openai import responses


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Answer]:
    """What is asked for, and what the model says."""
    return SHAPES[request.param]


class TestWhole:
    def test_the_client_s_model_accepts_it(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        The official client's own model validates every response strictly, with no field left over.
        """
        body, answer = shape

        spoken = Provider(answer=answer).respond(**body)

        assert spoken.status == 200
        strict.sdk(Response, spoken.json)

    def test_the_published_description_accepts_it(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        Every response is what OpenAI's published description says a response is.
        """
        body, answer = shape

        strict.published("Response", Provider(answer=answer).respond(**body).json)

    def test_usage_is_what_the_meter_bills(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        The tokens in the response are those of the ask, from which the journal and the meter take theirs.
        """
        body, answer = shape

        spoken = Provider(answer=answer).respond(**body)

        ask, usage = spoken.ask, spoken.json["usage"]
        assert (ask.input_tokens, ask.output_tokens) == (usage["input_tokens"], usage["output_tokens"])
        assert ask.cached_tokens == usage["input_tokens_details"]["cached_tokens"]
        assert ask.reasoning_tokens == usage["output_tokens_details"]["reasoning_tokens"]

    @pytest.mark.parametrize(
        ("answer", "status", "reason"),
        [
            (QUICK, "completed", None),
            (Answer(words=50), "incomplete", {"reason": "max_output_tokens"}),
            (Answer(words=2, finish="content_filter"), "incomplete", {"reason": "content_filter"}),
        ],
        ids=["whole", "cut", "filtered"],
    )
    def test_the_status_says_whether_it_is_whole(self, answer: Answer, status: str, reason: object) -> None:
        """
        A response that was cut or filtered is incomplete and says why; so does its last item.
        """
        response = Provider(answer=answer).respond(max_output_tokens=24).json

        assert (status, reason) == (response["status"], response["incomplete_details"])
        assert response["output"][-1]["status"] == status
        assert (response["completed_at"] is None) == (status == "incomplete")


class TestStreamed:
    def test_the_client_s_model_accepts_every_event(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        The official client's own model validates every event strictly, with no field left over.
        """
        body, answer = shape

        for event in Provider(answer=answer).respond(**body, stream=True).chunks:
            strict.sdk(ResponseStreamEvent, event)

    def test_the_published_description_accepts_every_event(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        Every event is what OpenAI's published description says of its type.
        """
        body, answer = shape

        for event in Provider(answer=answer).respond(**body, stream=True).chunks:
            strict.published_event(event)

    def test_it_ends_with_the_whole_response(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        The last event holds the response as it would have come whole, and there is no sentinel.
        """
        body, answer = shape

        events = Provider(answer=answer).respond(**body, stream=True).chunks
        whole = Provider(answer=answer).respond(**body).json

        ids = {"id", "output"}
        assert {key: value for key, value in whole.items() if key not in ids} == {
            key: value for key, value in events[-1]["response"].items() if key not in ids
        }
        assert events[-1]["type"] == f"response.{whole['status']}"

    def test_the_events_are_numbered_and_named(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        Sequence numbers count from 0, and the event's name is its type.
        """
        body, answer = shape

        spoken = Provider(answer=answer).respond(**body, stream=True)

        assert list(range(len(spoken.chunks))) == [event["sequence_number"] for event in spoken.chunks]
        assert [event.name for event in spoken.events] == [event["type"] for event in spoken.chunks]

    def test_the_deltas_are_the_text(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        The deltas of each item put together are its text, its refusal or its arguments.
        """
        body, answer = shape

        events = Provider(answer=answer).respond(**body, stream=True).chunks

        made: dict[int, str] = {}
        for event in events:
            if event["type"].endswith(".delta"):
                made[event["output_index"]] = made.get(event["output_index"], "") + event["delta"]
        for index, item in enumerate(events[-1]["response"]["output"]):
            if item["type"] == "message":
                part = item["content"][0]
                assert made.get(index, "") == part.get("text", part.get("refusal"))
            elif item["type"] == "function_call":
                assert made.get(index, "") == item["arguments"]

    def test_the_order_is_the_documented_one(self) -> None:
        """
        Created, in progress, the item, its part, the deltas, and everything closed again in reverse.
        """
        types = [event["type"] for event in Provider().respond(stream=True).chunks]

        assert types == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            *["response.output_text.delta"] * 6,
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]

    def test_the_parts_are_told_apart(self) -> None:
        """
        What comes before the text is opening, its pieces are deltas, and all that closes is finish.
        """
        assert ["opening"] * 4 + ["delta"] * 6 + ["finish"] * 4 == Provider().respond(stream=True).parts


class TestStored:
    def test_it_can_be_read_back(self) -> None:
        """
        A response can be read again, whole and as a stream from any event on.
        """
        provider = Provider()
        made = provider.respond(stream=True)
        about = made.chunks[-1]["response"]["id"]

        whole = provider.get(f"/v1/responses/{about}").json
        rest = provider.get(f"/v1/responses/{about}?stream=true&starting_after=7").chunks

        assert whole == made.chunks[-1]["response"]
        assert rest == made.chunks[8:]

    def test_its_input_can_be_listed(self) -> None:
        """
        The input items come newest first and with identifiers, as the client's model and the description have them.
        """
        provider = Provider()
        about = provider.respond(input=TURNS).json["id"]

        items = provider.get(f"/v1/responses/{about}/input_items").json

        strict.sdk(ResponseItemList, items)
        strict.published("ResponseItemList", items)
        newest_first = ["function_call_output", "function_call", "message", "message"]
        assert newest_first == [each["type"] for each in items["data"]]

    def test_what_was_deleted_is_gone(self) -> None:
        """
        After its deletion a response is not found, and deleting it again is not found either.
        """
        provider = Provider()
        about = provider.respond().json["id"]

        assert provider.delete(f"/v1/responses/{about}").json["deleted"] is True

        assert 404 == provider.get(f"/v1/responses/{about}").status
        assert 404 == provider.delete(f"/v1/responses/{about}").status

    def test_one_that_is_not_to_be_stored_is_not(self) -> None:
        """
        With `store` false nothing is remembered.
        """
        provider = Provider()

        assert 404 == provider.get(f"/v1/responses/{provider.respond(store=False).json['id']}").status

    def test_the_oldest_are_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        No more are remembered than fit: a load test does not fill the memory.
        """
        monkeypatch.setattr(responses, "MOST_STORED", 2)
        provider = Provider()

        made = [provider.respond().json["id"] for _ in range(3)]

        assert [404, 200, 200] == [provider.get(f"/v1/responses/{each}").status for each in made]

    def test_one_that_was_refused_after_all_is_not(self) -> None:
        """
        What a fault turned into a refusal leaves nothing behind.
        """
        provider = Provider()
        spoken = provider.respond()

        provider.speaks.trouble(spoken.ask, Trouble("server_error"))

        assert 404 == provider.get(f"/v1/responses/{spoken.json['id']}").status

    def test_a_conversation_goes_on(self) -> None:
        """
        A response that follows another is billed for the whole conversation; one that follows nothing is refused.
        """
        provider = Provider()
        first = provider.respond().json

        second = provider.respond(previous_response_id=first["id"]).json
        lost = provider.respond(previous_response_id="resp_nowhere")

        assert second["usage"]["input_tokens"] == first["usage"]["input_tokens"] + first["usage"]["total_tokens"]
        assert (400, "previous_response_not_found") == (lost.status, lost.json["error"]["code"])

    def test_one_in_the_background_takes_its_time(self) -> None:
        """
        It is queued, then in progress, then completed; cancelled before that it stays so.
        """
        provider = Provider()
        made = provider.respond(background=True).json
        dropped = provider.respond(background=True).json

        seen = []
        cancelled = provider.post(f"/v1/responses/{dropped['id']}/cancel").json
        for later in (0.5, 1.5, 3.0):
            provider.now = NOW + later
            seen.append(provider.get(f"/v1/responses/{made['id']}").json["status"])

        assert ["queued", "queued", "in_progress", "completed"] == [made["status"], *seen]
        assert ("cancelled", "cancelled") == (
            cancelled["status"],
            provider.get(f"/v1/responses/{dropped['id']}").json["status"],
        )
        strict.sdk(Response, cancelled)
        strict.published("Response", cancelled)

    def test_only_one_in_the_background_can_be_cancelled(self) -> None:
        """
        Cancelling a response that was waited for is a bad request.
        """
        provider = Provider()

        assert 400 == provider.post(f"/v1/responses/{provider.respond().json['id']}/cancel").status

    def test_tokens_can_be_counted_beforehand(self) -> None:
        """
        Counting gives the number that the response is billed for.
        """
        provider = Provider()
        body = {"model": "gpt-4o-mini", "input": TURNS, "instructions": "x", "tools": [WEATHER]}

        counted = provider.post("/v1/responses/input_tokens", body).json

        strict.sdk(InputTokenCountResponse, counted)
        strict.published("TokenCountsResource", counted)
        assert counted["input_tokens"] == provider.respond(**body).json["usage"]["input_tokens"]


class TestStructure:
    def test_the_text_is_an_instance(self) -> None:
        """
        Asked for a schema, the text is an instance of it that carries the words.
        """
        text = {"format": {"type": "json_schema", "name": "thing", "schema": SCHEMA}}

        output = Provider().respond(text=text).json["output"][0]

        assert {"title": WHOLE} == json.loads(output["content"][0]["text"])


class TestMidstreamError:
    @pytest.mark.parametrize(
        ("kind", "name"),
        [("server_error", "error"), ("quota_exhausted", "error"), ("overloaded", "response.failed")],
    )
    def test_its_form_follows_from_its_kind(self, kind: str, name: str) -> None:
        """
        A server's error is a flat event, a spent quota a nested one, an overload a response that failed.
        """
        provider = Provider()
        spoken = provider.respond(stream=True)

        sent = provider.speaks.midstream_error(spoken.ask, Trouble(kind), 7).data.decode()

        first, data = sent.removesuffix("\n\n").split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert (f"event: {name}", name, 7) == (first, event["type"], event["sequence_number"])
        if kind == "server_error":
            strict.published_event(event)
            strict.sdk(ResponseStreamEvent, event)
        if kind == "quota_exhausted":
            assert "insufficient_quota" == event["error"]["code"]
        if kind == "overloaded":
            assert "server_is_overloaded" == event["response"]["error"]["code"]
