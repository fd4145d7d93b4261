"""Asks of every shape: each gets a valid answer or a valid error, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
import strict
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from speaking import MESSAGES, Provider, Spoken

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.fake import Fake

TEXTS = st.text(max_size=12)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
PARTS = st.lists(st.builds(lambda text: {"type": "text", "text": text}, TEXTS) | ANY, max_size=3)
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "developer", "nobody"])
MESSAGE = st.builds(lambda role, content: {"role": role, "content": content}, ROLES, TEXTS | PARTS | ANY)
FUNCTION = st.fixed_dictionaries(
    {"name": st.sampled_from(["one", "two"])},
    optional={"parameters": st.just({"type": "object", "properties": {"a": {"type": "string"}}}) | ANY},
)
NESTED = st.builds(lambda function: {"type": "function", "function": function}, FUNCTION)
FLAT = st.builds(lambda function: {"type": "function", **function}, FUNCTION)
CHOICE = st.sampled_from(["auto", "none", "required", {"type": "function", "function": {"name": "one"}, "name": "one"}])
SCHEMA = st.just({"type": "object", "properties": {"a": {"type": "string"}}}) | ANY
FORMAT = st.one_of(
    st.just({"type": "text"}),
    st.just({"type": "json_object"}),
    st.builds(
        lambda described: {"type": "json_schema", "json_schema": described, **described},
        st.builds(lambda schema: {"name": "n", "schema": schema}, SCHEMA),
    ),
    ANY,
)
SHARED = {
    "model": st.sampled_from(["gpt-4o-mini", "gpt-5", "gpt-9", "text-embedding-3-small"]) | ANY,
    "stream": st.booleans() | ANY,
    "temperature": st.floats(-1, 3) | ANY,
    "user": TEXTS | ANY,
    "metadata": st.dictionaries(TEXTS, TEXTS, max_size=2) | ANY,
    "service_tier": st.sampled_from(["auto", "flex", "fast"]) | ANY,
    "parallel_tool_calls": st.booleans(),
    "tool_choice": CHOICE | ANY,
}
CHAT = st.fixed_dictionaries(
    {},
    optional={
        **SHARED,
        "messages": st.lists(MESSAGE, max_size=3) | ANY,
        "n": st.integers(-1, 4) | ANY,
        "max_tokens": st.integers(-1, 40) | ANY,
        "max_completion_tokens": st.integers(-1, 40),
        "stop": TEXTS | st.lists(TEXTS, max_size=5) | ANY,
        "tools": st.lists(NESTED | ANY, max_size=2) | ANY,
        "response_format": FORMAT,
        "logprobs": st.booleans() | ANY,
        "top_logprobs": st.integers(-1, 21),
        "stream_options": st.just({"include_usage": True}) | ANY,
    },
)
RESPONSES = st.fixed_dictionaries(
    {},
    optional={
        **SHARED,
        "input": TEXTS | st.lists(MESSAGE | ANY, max_size=3) | ANY,
        "instructions": TEXTS | ANY,
        "max_output_tokens": st.integers(10, 60) | ANY,
        "tools": st.lists(FLAT | ANY, max_size=2) | ANY,
        "text": st.builds(lambda format_: {"format": format_}, FORMAT) | ANY,
        "background": st.booleans() | ANY,
        "store": st.booleans() | ANY,
        "truncation": st.sampled_from(["auto", "disabled", "other"]),
        "reasoning": st.just({"effort": "low"}) | ANY,
    },
)
TOOL_CALLS = st.builds(ToolCall, st.sampled_from(["one", "two"]), st.dictionaries(TEXTS, TEXTS))
ANSWERS = st.builds(
    Answer,
    words=st.integers(0, 5),
    unicode=st.booleans(),
    text=st.none() | TEXTS,
    tool_calls=st.lists(TOOL_CALLS, max_size=2).map(tuple),
    refusal=st.none() | st.none() | TEXTS,
    finish=st.sampled_from(["stop", "length", "content_filter"]),
    cached_tokens=st.integers(0, 9),
    reasoning_tokens=st.integers(0, 9),
)
# What a request may say and the models of neither side check: the other half of what is echoed.
UNCHECKED = ("reasoning", "text", "tools", "tool_choice", "input", "instructions", "metadata")


def refused(spoken: Spoken) -> bool:
    """Whether it is a refusal; if so, a proper one."""
    if spoken.status == 200:
        return False
    assert 400 <= spoken.status < 500
    assert {"message", "type", "param", "code"} == set(spoken.json["error"])
    strict.published("ErrorResponse", spoken.json)
    return True


class TestAnyAsk:
    @given(CHAT, ANSWERS)
    def test_chat_is_answered_or_refused(self, body: dict[str, Any], answer: Answer) -> None:
        """
        Whatever a request holds, it gets a completion that the client's model accepts, or an error in its envelope.
        """
        base = {"model": "gpt-4o-mini", "messages": MESSAGES}

        spoken = Provider(answer=answer).post("/v1/chat/completions", base | body)

        if refused(spoken):
            return
        if spoken.ask.stream:
            for chunk in spoken.chunks:
                strict.sdk(ChatCompletionChunk, chunk)
        else:
            strict.sdk(ChatCompletion, spoken.json)
        if spoken.ask.max_output is not None:
            assert spoken.ask.output_tokens <= spoken.ask.max_output * spoken.ask.body.get("n", 1)

    @given(RESPONSES, ANSWERS)
    def test_responses_are_answered_or_refused(self, body: dict[str, Any], answer: Answer) -> None:
        """
        Whatever a request holds, it gets a response that the client's model accepts, or an error in its envelope.
        """
        base = {"model": "gpt-4o-mini", "input": "[bo:k7q2x9]"}

        spoken = Provider(answer=answer).post("/v1/responses", base | body)

        if refused(spoken):
            return
        echoed = {name for name in UNCHECKED if name in spoken.ask.body}
        if spoken.ask.stream:
            assert spoken.chunks[-1]["type"] in {"response.completed", "response.incomplete"}
            for event in spoken.chunks if not echoed else ():
                strict.sdk(ResponseStreamEvent, event)
        elif not echoed:
            strict.sdk(Response, spoken.json)

    @given(st.sampled_from(["embeddings", "moderations", "batches", "responses/input_tokens", "files"]), ANY, ANY)
    def test_the_rest_is_answered_or_refused(self, path: str, body: Any, given_: Any) -> None:
        """
        Whatever is posted to the other operations, it is answered or refused in the envelope.
        """
        if isinstance(body, dict):
            body = {"model": "text-embedding-3-small", "input": given_, "endpoint": given_} | body

        refused(Provider().post(f"/v1/{path}", body))

    @given(st.binary(max_size=60))
    def test_any_bytes_are_refused(self, body: bytes) -> None:
        """
        Bytes that are no request are refused.
        """
        assert refused(Provider().ask("POST", "/v1/chat/completions", body))

    @given(
        st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD", "PATCH"]),
        st.lists(
            st.sampled_from(["v1", "files", "batches", "responses", "models", "chat", "content", "cancel", "x", ""]),
            max_size=5,
        ),
        st.text(max_size=10),
    )
    def test_any_path_is_answered(self, method: str, steps: list[str], query: str) -> None:
        """
        Every method on every path is answered or refused in the envelope.
        """
        refused(Provider().ask(method, "/" + "/".join(steps) + "?" + query, b"{}"))

    @pytest.mark.parametrize("depth", [100, 400, 900, 100_000])
    @pytest.mark.parametrize("path", ["chat/completions", "responses"])
    @pytest.mark.parametrize("name", ["messages", "input", "tools", "metadata", "text"])
    def test_deep_nesting_is_survived(self, depth: int, path: str, name: str) -> None:
        """
        A body nested as deep as it goes is answered or refused.
        """
        deep = '{"a":' * depth + "1" + "}" * depth
        body = f'{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"x"}}],"input":"x","{name}":[{deep}]}}'

        refused(Provider().ask("POST", f"/v1/{path}", body.encode()))


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "param", "code"),
        [
            ({"model": None}, None, None),
            ({"messages": None}, "messages", "missing_required_parameter"),
            ({"messages": "hi"}, "messages", "invalid_type"),
            ({"messages": []}, "messages", "empty_array"),
            ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
            ({"messages": [{"role": "boss", "content": "x"}]}, "messages[0].role", "invalid_value"),
            ({"messages": [{"role": "user"}]}, "messages[0]", None),
            ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "y"}]}, "messages.[0].role", None),
            ({"temperature": 2.5}, "temperature", "decimal_above_max_value"),
            ({"top_p": -1}, "top_p", "decimal_below_min_value"),
            ({"n": 0}, "n", "integer_below_min_value"),
            ({"n": True}, "n", "invalid_type"),
            ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
            ({"max_tokens": 16_385}, "max_tokens", "invalid_value"),
            ({"stream_options": {"include_usage": True}}, "stream_options", None),
            ({"top_logprobs": 3}, "top_logprobs", None),
            ({"stop": list("abcde")}, "stop", "array_above_max_length"),
            ({"tool_choice": "auto"}, "tool_choice", None),
            ({"tools": [{}]}, "tools[0].type", "missing_required_parameter"),
            ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
            (
                {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "list"}}}]},
                "tools[0].function.parameters",
                "invalid_function_parameters",
            ),
            ({"response_format": {"type": "yaml"}}, "response_format.type", "invalid_value"),
            ({"response_format": {"type": "json_object"}}, "messages", None),
            ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "missing_required_parameter"),
            (
                {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "list"}}}},
                "response_format",
                None,
            ),
            ({"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
            ({"model": "text-embedding-3-small"}, "model", None),
        ],
        ids=json.dumps,
    )
    def test_it_names_what_is_wrong(self, body: dict[str, Any], param: str | None, code: str | None) -> None:
        """
        A bad request is a 400 of type `invalid_request_error` that names the parameter.
        """
        spoken = Provider().chat(**body)

        error = spoken.json["error"]
        assert (400, "invalid_request_error") == (spoken.status, error["type"])
        assert (param, code) == (error["param"], error["code"])

    def test_no_call_of_a_built_in_tool_may_be_allowed(self) -> None:
        """
        The published description gives `max_tool_calls` no least value: none at all is a fair wish, fewer is not.
        """
        allowed = Provider().respond(input="hi", max_tool_calls=0)
        fewer = Provider().respond(input="hi", max_tool_calls=-1)

        assert (200, 0) == (allowed.status, allowed.json["max_tool_calls"])
        assert (400, "max_tool_calls") == (fewer.status, fewer.json["error"]["param"])

    def test_a_prompt_over_the_window_is_refused(self) -> None:
        """
        The message says by how much, in words that depend on whether the prompt alone is too long.
        """
        provider = Provider(Fake(window=100, max_output=90))
        long = [{"role": "user", "content": "x" * 404}]

        alone = provider.chat(messages=long).json["error"]
        together = provider.chat(messages=[{"role": "user", "content": "x" * 80}], max_tokens=81).json["error"]
        fits = provider.chat(messages=[{"role": "user", "content": "x" * 80}], max_tokens=80)

        assert ("context_length_exceeded", "messages") == (alone["code"], alone["param"])
        assert "maximum context length is 100 tokens. However, your messages resulted in 101 tokens" in alone["message"]
        assert "you requested 101 tokens (20 in the messages, 81 in the completion)" in together["message"]
        assert 200 == fits.status

    def test_a_response_over_the_window_is_refused_unless_it_may_be_cut(self) -> None:
        """
        The Responses API names `input`; with `truncation` "auto" it drops what is too much by itself.
        """
        provider = Provider(Fake(window=100, max_output=90))

        spoken = provider.respond(input="x" * 500)

        assert (400, "context_length_exceeded", "input") == (
            spoken.status,
            spoken.json["error"]["code"],
            spoken.json["error"]["param"],
        )
        assert 200 == provider.respond(input="x" * 500, truncation="auto").status

    def test_a_refused_request_is_still_known(self) -> None:
        """
        The texts, the model and the user of a refused request are read, so that its canary is found.
        """
        ask = Provider().chat(temperature=9, user="u1").ask

        assert ("k7q2x9", "gpt-4o-mini", "u1") == (ask.canary, ask.model, ask.user)

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("POST", "/v1/chat/completion", 404), ("GET", "/v1/chat/completions", 405), ("GET", "/", 404)],
    )
    def test_a_wrong_path_is_told(self, method: str, path: str, status: int) -> None:
        """
        A path that there is not is a 404 and a wrong method a 405, both naming what was asked.
        """
        spoken = Provider().ask(method, path)

        assert status == spoken.status
        assert f"{method}" in spoken.json["error"]["message"]
        assert "unknown" == spoken.ask.route
