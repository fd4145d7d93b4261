"""Asks of every shape: each gets a valid answer or a valid error, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
import strict
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from speaking import MESSAGES, Spoken, claude

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import Request, Trouble
from brownout.fakes.dialects.anthropic.troubles import TROUBLES

TEXTS = st.text(max_size=12)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
USED = {"type": "tool_use", "id": "toolu_1", "name": "one", "input": {"a": "b"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
BLOCK = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXTS),
    st.sampled_from([USED, RESULT, {"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "image"}]),
    st.builds(lambda kind, rest: {"type": kind, **rest}, TEXTS, st.dictionaries(TEXTS, ANY, max_size=2)),
    ANY,
)
TURN = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["user", "assistant", "system", "nobody"]),
    TEXTS | st.lists(BLOCK, max_size=3) | ANY,
)
SCHEMA = st.just({"type": "object", "properties": {"a": {"type": "string"}}}) | ANY
TOOL = st.builds(lambda name, schema: {"name": name, "input_schema": schema}, st.sampled_from(["one", "two"]), SCHEMA)
CHOICE = st.sampled_from([{"type": kind, "name": "one"} for kind in ("auto", "any", "tool", "none")])
FORMAT = st.builds(lambda schema: {"format": {"type": "json_schema", "schema": schema}}, SCHEMA)
MODELS = st.sampled_from(["claude-sonnet-5-5", "claude-opus-5-5", "claude-9"])
BODY = st.fixed_dictionaries(
    {},
    optional={
        "model": MODELS | ANY,
        "max_tokens": st.integers(-1, 60) | ANY,
        "messages": st.lists(TURN, max_size=3) | ANY,
        "system": TEXTS | st.lists(BLOCK, max_size=2) | ANY,
        "stream": st.booleans() | ANY,
        "stop_sequences": st.lists(TEXTS, max_size=3) | ANY,
        "temperature": st.floats(-1, 2) | ANY,
        "metadata": st.just({"user_id": "u1"}) | ANY,
        "tools": st.lists(TOOL | ANY, max_size=2) | ANY,
        "tool_choice": CHOICE | ANY,
        "thinking": st.sampled_from([{"type": "adaptive"}, {"type": "enabled", "budget_tokens": 1024}]) | ANY,
        "output_config": FORMAT | ANY,
        "unheard_of": ANY,
    },
)
ANSWERS = st.builds(
    Answer,
    words=st.integers(0, 5),
    unicode=st.booleans(),
    text=st.none() | TEXTS,
    tool_calls=st.lists(
        st.builds(ToolCall, st.sampled_from(["one", "two"]), st.dictionaries(TEXTS, TEXTS)), max_size=2
    ).map(tuple),
    refusal=st.none() | st.none() | TEXTS,
    finish=st.sampled_from(["stop", "length", "content_filter"]),
    cached_tokens=st.integers(0, 9),
    cache_written_tokens=st.integers(0, 9),
    reasoning_tokens=st.integers(0, 9),
)


def refused(spoken: Spoken) -> bool:
    """Whether it is a refusal; if so, a proper one."""
    if spoken.status == 200:
        return False
    assert 400 <= spoken.status < 500
    assert {"type", "error", "request_id"} == set(spoken.json)
    assert {"type", "message"} <= set(spoken.json["error"]) <= {"type", "message", "details"}
    assert spoken.json["request_id"] == spoken.header("request-id")
    return True


class TestAnyAsk:
    @given(BODY, ANSWERS, st.booleans())
    def test_a_message_is_answered_or_refused(self, body: dict[str, Any], answer: Answer, newest: bool) -> None:
        """
        Whatever a request holds, it gets a message that the client's model accepts, or an error in its envelope.
        """
        base = {"model": "claude-sonnet-5-5", "max_tokens": 50, "messages": MESSAGES}

        spoken = claude(answer, newest=newest).post("/v1/messages", base | body)

        if refused(spoken):
            return
        if spoken.ask.stream:
            for event in spoken.chunks:
                if event["type"] != "ping":
                    strict.sdk(RawMessageStreamEvent, event)
        else:
            strict.sdk(Message, spoken.json)
        assert spoken.ask.output_tokens <= (spoken.ask.max_output or 0)

    @given(BODY, st.sampled_from(["count_tokens", "batches"]))
    def test_the_rest_is_answered_or_refused(self, body: dict[str, Any], path: str) -> None:
        """
        Whatever is posted to the other operations, it is answered or refused in the envelope.
        """
        base = {"model": "claude-sonnet-5-5", "messages": MESSAGES}
        rows = {"requests": [{"custom_id": "a", "params": base | body}]}

        refused(claude().post(f"/v1/messages/{path}", rows if path == "batches" else base | body))

    @given(st.binary(max_size=60))
    def test_any_bytes_are_refused(self, body: bytes) -> None:
        """
        Bytes that are no request are refused.
        """
        assert refused(claude().ask("POST", "/v1/messages", body))

    @given(
        st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD", "PATCH"]),
        st.lists(st.sampled_from(["v1", "messages", "batches", "models", "results", "cancel", "x", ""]), max_size=5),
        st.text(max_size=10),
    )
    def test_any_path_is_answered(self, method: str, steps: list[str], query: str) -> None:
        """
        Every method on every path is answered or refused in the envelope.
        """
        refused(claude().ask(method, "/" + "/".join(steps) + "?" + query, b"{}"))

    @pytest.mark.parametrize("depth", [100, 400, 900, 100_000])
    @pytest.mark.parametrize("name", ["messages", "system", "tools", "metadata", "output_config"])
    def test_deep_nesting_is_survived(self, depth: int, name: str) -> None:
        """
        A body nested as deep as it goes is answered or refused.
        """
        deep = '{"a":' * depth + "1" + "}" * depth
        messages = '"messages":[{"role":"user","content":"x"}]'
        body = f'{{"model":"claude-sonnet-5-5","max_tokens":9,{messages},"{name}":[{deep}]}}'

        refused(claude().ask("POST", "/v1/messages", body.encode()))


TEXT = {"type": "text", "text": "x"}
TOOLS = [{"name": "one", "input_schema": {"type": "object"}}]


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
            (
                {"max_tokens": 128_001},
                "max_tokens: 128001 > 128000, which is the maximum allowed number",
            ),
            ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
            ({"messages": []}, "messages: at least one message is required"),
            ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
            ({"messages": [{"role": "boss", "content": "x"}]}, "messages.0.role: Input should be 'user', 'assistant'"),
            ({"messages": [{"role": "user", "content": ""}]}, "messages.0: user messages must have non-empty content"),
            (
                {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
                "messages: text content blocks must be non-empty",
            ),
            ({"messages": [{"role": "user", "content": [RESULT]}]}, "unexpected `tool_use_id` found in `tool_result`"),
            (
                {"messages": [{"role": "assistant", "content": [USED]}, {"role": "user", "content": "x"}]},
                "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
            ),
            ({"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
            ({"user": "u1"}, "user: Extra inputs are not permitted"),
            ({"n": 2}, "n: Extra inputs are not permitted"),
            ({"stop_sequences": [" "]}, "stop_sequences: each stop sequence must contain non-whitespace"),
            ({"metadata": {"user_id": 1}}, "metadata.user_id: Input should be a valid string"),
            ({"system": [{"type": "text"}]}, "system.0.text: Field required"),
            ({"tool_choice": {"type": "any"}}, "tool_choice may only be specified while providing tools."),
            ({"tools": TOOLS, "tool_choice": {"type": "tool", "name": "two"}}, "Tool 'two' not found in provided"),
            ({"tools": TOOLS * 2}, "tools: Tool names must be unique."),
            ({"tools": [{"name": "one"}]}, "tools.0.input_schema: Field required"),
            (
                {"tools": [{"name": "one", "input_schema": {"type": "string"}}]},
                "tools.0.custom.input_schema: JSON schema is invalid.",
            ),
            ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens: Field required"),
            (
                {"thinking": {"type": "enabled", "budget_tokens": 9}},
                "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
            ),
            (
                {"thinking": {"type": "enabled", "budget_tokens": 2048}},
                "`max_tokens` must be greater than `thinking.budget_tokens`.",
            ),
            ({"output_config": {"format": {"type": "yaml"}}}, "output_config.format.type: Input should be "),
            (
                {"output_config": {"format": {"type": "json_schema", "schema": {"type": "list"}}}},
                "output_config.format.schema: Invalid schema: ",
            ),
        ],
        ids=json.dumps,
    )
    def test_it_names_what_is_wrong(self, body: dict[str, Any], message: str) -> None:
        """
        A bad request is a 400 of type `invalid_request_error` whose message begins with the path of what is wrong.
        """
        spoken = claude().message(**body)

        error = spoken.json["error"]
        assert (400, "invalid_request_error") == (spoken.status, error["type"])
        assert message in error["message"]

    @pytest.mark.parametrize("fallbacks", ["default", [{"model": "claude-sonnet-4-5"}], None])
    def test_fallbacks_are_named_or_left_to_the_provider(self, fallbacks: Any) -> None:
        """
        A list of models to fall back to is taken, and the word that leaves it to the provider; an object is neither.
        """
        assert 200 == claude().message(fallbacks=fallbacks).status
        assert 400 == claude().message(fallbacks={"model": "claude-sonnet-4-5"}).status

    @pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
    def test_the_newest_version_takes_no_sampling(self, name: str) -> None:
        """
        What the first version takes is refused by the newest, default values too.
        """
        assert 200 == claude().message(**{name: 1}).status
        assert 400 == claude(newest=True).message(**{name: 1}).status

    @pytest.mark.parametrize(
        ("role", "block"),
        [("assistant", {"type": "document", "source": {}}), ("user", {**TEXT, "citations": [{"type": "x"}]})],
    )
    def test_the_newest_version_takes_no_documents_from_assistants_and_no_citations_from_users(
        self, role: str, block: dict[str, Any]
    ) -> None:
        """
        Blocks that the first version takes are refused by the newest, and empty citations are not.
        """
        turns = [*MESSAGES, {"role": role, "content": [block]}]
        harmless = [{"role": "user", "content": [{**TEXT, "citations": []}]}]

        assert 200 == claude().message(messages=turns).status
        assert 400 == claude(newest=True).message(messages=turns).status
        assert 200 == claude(newest=True).message(messages=harmless).status

    def test_a_prompt_over_the_window_is_refused(self) -> None:
        """
        The message says by how much, in words that depend on whether the prompt alone is too long.
        """
        provider = claude(window=100, max_output=90)
        fitting = [{"role": "user", "content": "x" * 80}]

        alone = provider.message(messages=[{"role": "user", "content": "x" * 404}], max_tokens=1).json["error"]
        together = provider.message(messages=fitting, max_tokens=81).json["error"]

        assert "prompt is too long: 101 tokens > 100 maximum" == alone["message"]
        assert "input length and `max_tokens` exceed context limit: 20 + 81 > 100, decrease" in together["message"]
        assert 200 == provider.message(messages=fitting, max_tokens=80).status

    @pytest.mark.parametrize(
        ("headers", "message"),
        [
            ((), "anthropic-version: header is required"),
            ((("anthropic-version", "1999"),), "anthropic-version: '1999'"),
        ],
    )
    def test_a_version_is_wanted(self, headers: Any, message: str) -> None:
        """
        A request without a version that there is is a 400 that names the header, whatever it asks for.
        """
        provider = claude()
        credentials = (("x-api-key", provider.fake.keys[0]), *headers)
        ask = provider.speaks.read(Request("GET", "/v1/models", "", credentials, b""), provider.fake)

        assert ask.trouble is not None
        assert message in (ask.trouble.message or "")

    def test_a_body_over_the_limit_is_refused(self) -> None:
        """
        Thirty-two megabytes are the most that a message may have.
        """
        spoken = claude().ask("POST", "/v1/messages", b" " * (32 * 1024 * 1024 + 1))

        assert (413, "request_too_large") == (spoken.status, spoken.json["error"]["type"])

    def test_a_refused_request_is_still_known(self) -> None:
        """
        The texts, the model and the user of a refused request are read, so that its canary is found.
        """
        ask = claude().message(temperature=9, metadata={"user_id": "u1"}).ask

        assert ("k7q2x9", "claude-sonnet-5-5", "u1") == (ask.canary, ask.model, ask.user)

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("POST", "/v1/complete", 404), ("POST", "/messages", 404), ("GET", "/v1/messages", 405), ("GET", "/", 404)],
    )
    def test_a_wrong_path_is_told(self, method: str, path: str, status: int) -> None:
        """
        A path that there is not is a 404 and a wrong method a 405.
        """
        spoken = claude().ask(method, path)

        assert (status, "unknown") == (spoken.status, spoken.ask.route)

    def test_every_trouble_is_in_the_envelope(self) -> None:
        """
        What is no page of the edge is the envelope, with a code where the table has one.
        """
        ask = claude().message().ask

        for kind, row in TROUBLES.items():
            error = json.loads(ask.dialect.error_envelope(ask, Trouble(kind)))["error"]

            assert row.type == error["type"] or row.html
            assert row.code == error.get("details", {}).get("error_code")
