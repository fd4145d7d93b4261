from __future__ import annotations

import json
from typing import Any

import pytest
import strict
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from speaking import MESSAGES, QUICK, Provider, Spoken

from brownout.fakes.answer import Answer, Pace, ToolCall, count_tokens
from brownout.fakes.fake import Fake

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "count": {"type": "integer", "minimum": 3}},
    "required": ["title", "count"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": SCHEMA}}
CALLS = (ToolCall("weather", {"city": "Zürich"}), ToolCall("clock", {}))
WHOLE = "k7q2x9-1 k7q2x9-2 k7q2x9-3 k7q2x9-4 k7q2x9-5 k7q2x9-6"
# Every shape that a completion can have: what is asked for, and what the model is told to say.
SHAPES: dict[str, tuple[dict[str, Any], Answer]] = {
    "words": ({}, QUICK),
    "unicode": ({}, Answer(words=6, unicode=True)),
    "several choices": ({"n": 3}, QUICK),
    "cut short": ({"max_completion_tokens": 5}, QUICK),
    "filtered": ({}, Answer(words=3, finish="content_filter")),
    "refusal": ({}, Answer(refusal="I'm sorry, I can't help with that.")),
    "one tool call": ({"tools": [WEATHER], "tool_choice": "required"}, QUICK),
    "two tool calls": ({"tools": [WEATHER, CLOCK]}, Answer(tool_calls=CALLS)),
    "tool calls in two choices": ({"tools": [WEATHER, CLOCK], "n": 2}, Answer(tool_calls=CALLS)),
    "schema": ({"response_format": FORMAT}, QUICK),
    "json": ({"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "json"}]}, QUICK),
    "probabilities": ({"logprobs": True, "top_logprobs": 2}, QUICK),
    "reasoning and cache": ({}, Answer(words=3, reasoning_tokens=100, cached_tokens=3)),
    "nothing": ({}, Answer(words=0)),
    "stored": ({"store": True, "metadata": {"a": "b"}, "service_tier": "flex"}, QUICK),
    "stopped": ({"stop": ["-4"]}, QUICK),
}


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Answer]:
    """What is asked for, and what the model says."""
    return SHAPES[request.param]


def joined(spoken: Spoken) -> list[dict[str, Any]]:
    """The messages that the chunks of a stream make, by choice."""
    made: dict[int, dict[str, Any]] = {}
    for chunk in spoken.chunks:
        for choice in chunk["choices"]:
            message = made.setdefault(choice["index"], {"content": None, "refusal": None, "calls": {}, "finish": None})
            for name in ("content", "refusal"):
                if choice["delta"].get(name) is not None:
                    message[name] = (message[name] or "") + choice["delta"][name]
            for call in choice["delta"].get("tool_calls", ()):
                kept = message["calls"].setdefault(call["index"], {"id": None, "name": "", "arguments": ""})
                kept["id"] = call.get("id", kept["id"])
                kept["name"] += call["function"].get("name", "")
                kept["arguments"] += call["function"]["arguments"]
            message["finish"] = choice["finish_reason"] or message["finish"]
    return [made[index] for index in sorted(made)]


class TestWhole:
    def test_the_client_s_model_accepts_it(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        The official client's own model validates every completion strictly, with no field left over.
        """
        body, answer = shape

        spoken = Provider(answer=answer).chat(**body)

        assert spoken.status == 200
        strict.sdk(ChatCompletion, spoken.json)

    def test_the_published_description_accepts_it(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        Every completion is what OpenAI's published description says a completion is.
        """
        body, answer = shape

        strict.published("CreateChatCompletionResponse", Provider(answer=answer).chat(**body).json)

    def test_usage_is_what_the_meter_bills(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        The tokens in the answer are those of the ask, from which the journal and the meter take theirs.
        """
        body, answer = shape

        spoken = Provider(answer=answer).chat(**body)

        ask, usage = spoken.ask, spoken.json["usage"]
        assert (ask.input_tokens, ask.output_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
        assert ask.cached_tokens == usage["prompt_tokens_details"]["cached_tokens"]
        assert ask.reasoning_tokens == usage["completion_tokens_details"]["reasoning_tokens"]
        assert usage["total_tokens"] == ask.input_tokens + ask.output_tokens

    def test_what_is_journalled_is_what_was_given(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        What the ask keeps as its answer is the text of the message, refusals and structures included.
        """
        body, answer = shape

        spoken = Provider(answer=answer).chat(**body)

        message = spoken.json["choices"][0]["message"]
        assert spoken.ask.answer.whole("k7q2x9" if "messages" not in body else None) == (
            message["content"] or message["refusal"] or ""
        )
        assert spoken.ask.answer.finish == spoken.json["choices"][0]["finish_reason"]


class TestStreamed:
    def test_the_client_s_model_accepts_every_chunk(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        The official client's own model validates every chunk strictly, with no field left over.
        """
        body, answer = shape

        spoken = Provider(answer=answer).chat(**body, stream=True, stream_options={"include_usage": True})

        for chunk in spoken.chunks:
            strict.sdk(ChatCompletionChunk, chunk)

    def test_the_published_description_accepts_every_chunk(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        Every chunk is what OpenAI's published description says a chunk is.
        """
        body, answer = shape

        for chunk in Provider(answer=answer).chat(**body, stream=True, stream_options={"include_usage": True}).chunks:
            strict.published("CreateChatCompletionStreamResponse", chunk)

    def test_it_says_what_the_whole_answer_says(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        The chunks of every choice put together are the message, the tool calls and the finish of the whole answer.
        """
        body, answer = shape

        whole = Provider(answer=answer).chat(**body).json
        streamed = joined(Provider(answer=answer).chat(**body, stream=True))

        assert len(whole["choices"]) == len(streamed)
        for choice, made in zip(whole["choices"], streamed, strict=True):
            message = choice["message"]
            assert (message["content"] or "", message["refusal"]) == (made["content"] or "", made["refusal"])
            assert choice["finish_reason"] == made["finish"]
            functions = [call["function"] for call in message.get("tool_calls", ())]
            assert [(function["name"], function["arguments"]) for function in functions] == [
                (call["name"], call["arguments"]) for call in made["calls"].values()
            ]

    def test_the_parts_are_told_apart(self) -> None:
        """
        Opening, deltas, finish, usage and sentinel come in this order and are tagged so, for faults to aim at.
        """
        spoken = Provider().chat(stream=True, stream_options={"include_usage": True})

        assert ["opening", *["delta"] * 6, "finish", "usage", "sentinel"] == spoken.parts
        assert spoken.events[-1].data == "[DONE]"
        assert spoken.header("content-type") == "text/event-stream; charset=utf-8"

    def test_pieces_of_tool_arguments_are_deltas(self) -> None:
        """
        A tool call opens with its name and empty arguments, and each piece of the arguments is a delta.
        """
        answer = Answer(tool_calls=CALLS[:1])

        spoken = Provider(answer=answer).chat(tools=[WEATHER], stream=True)

        assert ["opening", "opening", "delta", "delta", "finish", "sentinel"] == spoken.parts
        first = spoken.chunks[1]["choices"][0]["delta"]["tool_calls"][0]
        assert (first["function"]["name"], first["function"]["arguments"]) == ("weather", "")

    def test_usage_comes_only_where_it_was_asked_for(self) -> None:
        """
        With `include_usage` the last chunk has the usage and every other one null; without it no chunk has any.
        """
        with_usage = Provider().chat(stream=True, stream_options={"include_usage": True}).chunks
        without = Provider().chat(stream=True).chunks

        assert [None] * (len(with_usage) - 1) == [chunk["usage"] for chunk in with_usage[:-1]]
        assert with_usage[-1]["choices"] == []
        assert with_usage[-1]["usage"]["completion_tokens"] > 0
        assert not any("usage" in chunk for chunk in without)

    def test_there_is_no_padding(self) -> None:
        """
        No chunk carries `obfuscation`: the same seed has to give the same bytes.
        """
        assert not any("obfuscation" in chunk for chunk in Provider().chat(stream=True).chunks)

    def test_it_keeps_the_pace(self) -> None:
        """
        There is one wait of the answer's pace before each piece, and none elsewhere.
        """
        answer = Answer(words=5, pace=Pace(0.5, 0.25))

        ops = Provider(answer=answer).chat(stream=True).ops

        waits = [op for op in ops if type(op).__name__ == "Wait"]
        assert [0.25] * 5 == [wait.seconds for wait in waits]


class TestWords:
    def test_the_numbered_words_carry_the_last_canary(self) -> None:
        """
        The answer is made of numbered words with the canary that was planted last.
        """
        turns = [
            {"role": "user", "content": "[bo:aaaaaa]"},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": [{"type": "text", "text": "x [bo:k7q2x9]"}]},
        ]

        spoken = Provider().chat(messages=turns)

        assert spoken.json["choices"][0]["message"]["content"] == WHOLE
        assert ("[bo:aaaaaa]", "ok", "x [bo:k7q2x9]") == spoken.ask.texts

    @pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
    @pytest.mark.parametrize("most", [1, 4, 7, 1000])
    def test_a_limit_really_cuts_the_answer(self, name: str, most: int) -> None:
        """
        With room for so many tokens no more are written, and the finish is `length` exactly when something is missing.
        """
        spoken = Provider().chat(**{name: most})

        choice, usage = spoken.json["choices"][0], spoken.json["usage"]
        assert usage["completion_tokens"] <= most
        assert WHOLE.startswith(choice["message"]["content"])
        assert choice["finish_reason"] == ("stop" if choice["message"]["content"] == WHOLE else "length")

    def test_thinking_uses_up_the_limit(self) -> None:
        """
        Reasoning tokens count as output: where they take all there is, nothing is said and the finish is `length`.
        """
        spoken = Provider(answer=Answer(words=6, reasoning_tokens=500)).chat(max_completion_tokens=64)

        choice, usage = spoken.json["choices"][0], spoken.json["usage"]
        assert ("", "length") == (choice["message"]["content"], choice["finish_reason"])
        assert (64, 64) == (usage["completion_tokens"], usage["completion_tokens_details"]["reasoning_tokens"])

    def test_several_choices_are_all_billed(self) -> None:
        """
        Three choices cost three times the output of one and the same input.
        """
        one, three = Provider().chat().json, Provider().chat(n=3).json

        assert [0, 1, 2] == [choice["index"] for choice in three["choices"]]
        assert three["usage"]["completion_tokens"] == 3 * one["usage"]["completion_tokens"]
        assert three["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"]

    def test_tool_definitions_are_input(self) -> None:
        """
        Tools on offer are counted as input, beside every text of the prompt.
        """
        plain, offering = Provider().chat().json, Provider().chat(tools=[WEATHER]).json

        more = offering["usage"]["prompt_tokens"] - plain["usage"]["prompt_tokens"]
        assert more == count_tokens(json.dumps([WEATHER], separators=(",", ":")))


class TestTools:
    def test_a_wanted_call_of_an_offered_tool_is_made(self) -> None:
        """
        The scenario's tool calls are made with its arguments, `content` is null and the finish is `tool_calls`.
        """
        choice = Provider(answer=Answer(tool_calls=CALLS)).chat(tools=[WEATHER, CLOCK]).json["choices"][0]

        calls = [call["function"] for call in choice["message"]["tool_calls"]]
        assert [("weather", '{"city":"Zürich"}'), ("clock", "{}")] == [(c["name"], c["arguments"]) for c in calls]
        assert (None, "tool_calls") == (choice["message"]["content"], choice["finish_reason"])

    @pytest.mark.parametrize(
        "body",
        [{}, {"tools": [CLOCK]}, {"tools": [WEATHER], "tool_choice": "none"}],
        ids=["no tools", "another tool", "told not to"],
    )
    def test_no_tool_is_called_that_may_not_be(self, body: dict[str, Any]) -> None:
        """
        A tool that is not on offer, or not to be used, is not called: the model talks.
        """
        choice = Provider(answer=Answer(words=6, tool_calls=CALLS[:1])).chat(**body).json["choices"][0]

        assert "tool_calls" not in choice["message"]
        assert choice["message"]["content"] == WHOLE

    @pytest.mark.parametrize(
        "choice",
        [
            "required",
            {"type": "function", "function": {"name": "weather"}},
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [WEATHER]}},
        ],
        ids=["required", "named", "allowed"],
    )
    def test_a_forced_call_has_arguments_that_fit(self, choice: object) -> None:
        """
        A call that the request forces is made with arguments of the tool's schema, which carry the numbered words.
        """
        made = Provider().chat(tools=[WEATHER], tool_choice=choice).json["choices"][0]

        assert {"city": WHOLE} == json.loads(made["message"]["tool_calls"][0]["function"]["arguments"])

    def test_one_at_a_time_where_asked(self) -> None:
        """
        With `parallel_tool_calls` false only the first call is made.
        """
        provider = Provider(answer=Answer(tool_calls=CALLS))

        message = provider.chat(tools=[WEATHER, CLOCK], parallel_tool_calls=False).json["choices"][0]["message"]

        assert ["weather"] == [call["function"]["name"] for call in message["tool_calls"]]

    def test_a_tool_s_result_is_talked_about(self) -> None:
        """
        After a tool's result the model answers in words, so that a loop of calls comes to its end.
        """
        call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"x"}'}}
        turns = [
            *MESSAGES,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ]

        choice = Provider(answer=Answer(tool_calls=CALLS[:1])).chat(messages=turns, tools=[WEATHER]).json["choices"][0]

        assert "stop" == choice["finish_reason"]
        assert choice["message"]["content"].startswith("k7q2x9-1")

    def test_arguments_break_off_at_the_limit(self) -> None:
        """
        Arguments that do not fit the limit are cut in the middle, and the finish is `length`.
        """
        long = Answer(tool_calls=(ToolCall("weather", {"city": "x" * 100}),))

        choice = Provider(answer=long).chat(tools=[WEATHER], max_tokens=10).json["choices"][0]

        assert "length" == choice["finish_reason"]
        with pytest.raises(ValueError, match="Unterminated string"):
            json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])


class TestStructured:
    def test_the_answer_is_an_instance_with_the_words_in_it(self) -> None:
        """
        Asked for a schema, the content is an instance of it, and its first free string is the numbered words.
        """
        content = Provider().chat(response_format=FORMAT).json["choices"][0]["message"]["content"]

        assert {"title": WHOLE, "count": 3} == json.loads(content)

    def test_a_scenario_s_own_text_stands(self) -> None:
        """
        What the scenario says is said, whatever was asked for: that is how a bad structure is played.
        """
        spoken = Provider(answer=Answer(text='{"title": ')).chat(response_format=FORMAT)

        assert '{"title": ' == spoken.json["choices"][0]["message"]["content"]

    def test_a_refusal_is_no_content(self) -> None:
        """
        A refusal stands in `refusal`, and `content` is null.
        """
        message = Provider(answer=Answer(refusal="No.")).chat(response_format=FORMAT).json["choices"][0]["message"]

        assert (None, "No.") == (message["content"], message["refusal"])


class TestIdentity:
    def test_the_same_request_gives_the_same_bytes(self) -> None:
        """
        The same request as the same attempt gives the same bytes, on another provider object as well.
        """
        assert Provider().chat(stream=True).body == Provider().chat(stream=True).body

    def test_no_two_exchanges_share_an_identifier(self) -> None:
        """
        Another attempt, another fake and another canary each give other identifiers, of completions and of requests.
        """
        provider = Provider()
        spoken = [provider.chat(), provider.chat(), Provider(Fake("secondary")).chat()]
        spoken.append(Provider().chat(messages=[{"role": "user", "content": "[bo:bbbbbb]"}]))

        assert 4 == len({each.json["id"] for each in spoken})
        assert 4 == len({each.header("x-request-id") for each in spoken})

    def test_saying_it_again_changes_nothing(self, shape: tuple[dict[str, Any], Answer]) -> None:
        """
        A fault may have the dialect answer once more: the same bytes come again.
        """
        body, answer = shape
        provider = Provider(answer=answer)

        spoken = provider.chat(**body)

        assert tuple(provider.speaks.answer(spoken.ask)) == spoken.ops
