"""Message batches, the lists of them, and what else is not a message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from speaking import MESSAGES, claude

from brownout.fakes.answer import Answer, BatchRun, ToolCall
from brownout.fakes.ask import Trouble

PARAMS = {"model": "claude-sonnet-5-5", "max_tokens": 64, "messages": MESSAGES}
BATCHES = "/v1/messages/batches"


def rows(*names: str, **params: Any) -> dict[str, Any]:
    """The body that makes a batch."""
    return {"requests": [{"custom_id": name, "params": {**PARAMS, **params}} for name in names]}


class TestBatches:
    def test_it_ends_when_its_time_is_over(self) -> None:
        """
        While it runs all requests are being processed and there are no results; then each has its own.
        """
        provider = claude(Answer(words=3, batch=BatchRun(seconds=10)))
        made = provider.post(BATCHES, rows("a", "b"), headers=(("host", "127.0.0.1:9"),)).json
        where = f"{BATCHES}/{made['id']}"

        assert ("in_progress", 2, None) == (
            made["processing_status"],
            made["request_counts"]["processing"],
            made["results_url"],
        )
        assert 400 == provider.get(f"{where}/results").status
        provider.now += 10
        ended = provider.get(where, headers=(("host", "127.0.0.1:9"),)).json
        assert (0, 2) == (ended["request_counts"]["processing"], ended["request_counts"]["succeeded"])
        assert f"http://127.0.0.1:9{where}/results" == ended["results_url"]
        assert ["a", "b"] == [
            json.loads(line)["custom_id"] for line in provider.get(f"{where}/results").body.splitlines()
        ]
        assert 400 == provider.post(f"{where}/cancel").status

    def test_what_was_not_done_is_canceled(self) -> None:
        """
        A batch that is canceled half-way has done half of its requests; to cancel it again changes nothing.
        """
        provider = claude(Answer(words=3, batch=BatchRun(seconds=10)))
        where = f"{BATCHES}/{provider.post(BATCHES, rows(*'abcd')).json['id']}"
        provider.now += 5

        assert "canceling" == provider.post(f"{where}/cancel").json["processing_status"]
        provider.now += 3
        provider.post(f"{where}/cancel")
        provider.now += 3

        counts = provider.get(where).json["request_counts"]
        assert (2, 2) == (counts["succeeded"], counts["canceled"])

    def test_a_wrong_request_is_wrong_in_its_result_alone(self) -> None:
        """
        The batch is made, and the request that the provider refuses has errored.
        """
        provider = claude(Answer(words=3, batch=BatchRun(seconds=0)))
        made = provider.post(BATCHES, rows("a", max_tokens=-1)).json

        (result,) = map(json.loads, provider.get(f"{BATCHES}/{made['id']}/results").body.splitlines())

        assert ("errored", "invalid_request_error") == (
            result["result"]["type"],
            result["result"]["error"]["error"]["type"],
        )

    def test_a_batch_that_is_refused_after_all_was_never_made(self) -> None:
        """
        What answering has changed is taken back when a refusal takes the answer's place.
        """
        provider = claude()
        spoken = provider.post(BATCHES, rows("a"))

        spoken.ask.dialect.trouble(spoken.ask, Trouble("overloaded"))

        assert 404 == provider.get(f"{BATCHES}/{spoken.json['id']}").status

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"requests": []}, "requests: List should have at least 1 item"),
            ({"requests": [{"custom_id": "a"}]}, "requests.0.params: Field required"),
            (rows("a b"), "requests.0.custom_id: String should match pattern"),
            (rows("a", "a"), "requests.1: Duplicate custom_id: a."),
            ({"requests": "x"}, "requests: Input should be a valid list"),
        ],
    )
    def test_what_is_no_batch_is_refused(self, body: Any, message: str) -> None:
        """
        A 400 says where it is wrong.
        """
        spoken = claude().post(BATCHES, body)

        assert 400 == spoken.status
        assert message in spoken.json["error"]["message"]


class TestLists:
    def test_pages_are_turned_both_ways(self) -> None:
        """
        Newest first; `after_id` and `before_id` name the neighbours of a page, `has_more` whether there is another.
        """
        provider = claude(Answer(words=1, batch=BatchRun(seconds=0)))
        made = [provider.post(BATCHES, rows(name)).json["id"] for name in "abcde"]
        first = provider.get(f"{BATCHES}?limit=2").json
        second = provider.get(f"{BATCHES}?limit=2&after_id={first['last_id']}").json
        back = provider.get(f"{BATCHES}?limit=2&before_id={second['first_id']}").json
        last = provider.get(f"{BATCHES}?limit=2&after_id={second['last_id']}").json

        newest = made[::-1]
        pages = [[row["id"] for row in page["data"]] for page in (first, second, last, back)]
        assert [newest[:2], newest[2:4], newest[4:], newest[:2]] == pages
        assert [True, True, False, False] == [page["has_more"] for page in (first, second, last, back)]

    @pytest.mark.parametrize("limit", ["0", "1001", "many"])
    def test_a_wrong_limit_is_refused(self, limit: str) -> None:
        """
        Between one and a thousand.
        """
        spoken = claude().get(f"{BATCHES}?limit={limit}")

        assert 400 == spoken.status
        assert spoken.json["error"]["message"].startswith("limit: ")

    def test_an_empty_list_has_no_ids(self) -> None:
        """
        Neither a first nor a last.
        """
        assert (None, None) == tuple(claude().get(BATCHES).json[name] for name in ("first_id", "last_id"))


class TestMessages:
    def test_a_message_of_no_tokens_fills_the_cache(self) -> None:
        """
        It has no content, and ends because it was full.
        """
        spoken = claude().message(max_tokens=0)

        assert ([], "max_tokens", 0) == (spoken.json["content"], spoken.json["stop_reason"], spoken.ask.output_tokens)

    def test_a_tool_call_that_breaks_off_is_told_by_its_reason(self) -> None:
        """
        Whole, its arguments are an empty object; in a stream they are as far as they came.
        """
        tools = [{"name": "f", "input_schema": {"type": "object"}}]
        answer = Answer(tool_calls=(ToolCall("f", {"a": "x" * 99}),))

        whole = claude(answer).message(tools=tools, max_tokens=9).json
        streamed = claude(answer).message(tools=tools, max_tokens=9, stream=True).chunks

        assert ("max_tokens", {}) == (whole["stop_reason"], whole["content"][0]["input"])
        fragments = [chunk["delta"]["partial_json"] for chunk in streamed if chunk["type"] == "content_block_delta"]
        assert "".join(fragments).startswith('{"a":"xxx')

    def test_texts_are_found_wherever_they_are(self) -> None:
        """
        In the system prompt, in blocks, tool calls, tool results, documents and thoughts, and not in images.
        """
        used = {"type": "tool_use", "id": "t", "name": "f", "input": {"q": "four"}}
        source = {"type": "text", "data": "seven"}
        turns = [
            {"role": "user", "content": [{"type": "text", "text": "two"}, {"type": "image", "source": {"data": "no"}}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "three", "signature": "no"}, used]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "five"}]},
                    {"type": "document", "source": source},
                ],
            },
        ]

        ask = claude().message(system=[{"type": "text", "text": "one"}], messages=turns).ask

        assert ("one", "two", "three", '{"q":"four"}', "five", "seven") == ask.texts
        assert ask.input_tokens >= 1600
