"""Asks of every shape: each gets a valid answer or a valid error, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from cohere import EmbedByTypeResponse, V2ChatResponse, V2ChatStreamResponse, V2RerankResponse
from cohere.types import GetModelResponse
from hypothesis import given
from hypothesis import strategies as st
from speaking import MESSAGES, Spoken, cohere
from strict import sdk

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import Trouble
from brownout.fakes.dialects.cohere.troubles import TROUBLES
from brownout.fakes.fake import Limits
from brownout.fakes.quota import Allowance, QuotaState

CHAT, EMBED, RERANK = "/v2/chat", "/v2/embed", "/v2/rerank"
TEXTS = st.text(max_size=12)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
CALL = {"id": "one_1", "type": "function", "function": {"name": "one", "arguments": "{}"}}
MESSAGE = st.one_of(
    st.builds(lambda text: {"role": "user", "content": text}, TEXTS),
    st.just({"role": "assistant", "tool_calls": [CALL]}),
    st.just({"role": "tool", "tool_call_id": "one_1", "content": [{"type": "document", "document": {"data": "x"}}]}),
    st.builds(lambda part: {"role": "user", "content": [part]}, ANY),
    ANY,
)
SCHEMA = st.just({"type": "object", "properties": {"a": {"type": "string"}}}) | ANY
TOOL = st.builds(
    lambda name, schema: {"type": "function", "function": {"name": name, "parameters": schema}},
    st.sampled_from(["one", "two"]),
    SCHEMA,
)
BODY = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(MESSAGE, max_size=3).map(lambda turns: [*turns, *MESSAGES]) | st.lists(MESSAGE) | ANY,
        "documents": st.lists(st.just({"id": "1", "data": {"a": "b"}}) | ANY, max_size=2) | ANY,
        "max_tokens": st.integers(-1, 60) | ANY,
        "temperature": st.floats(0, 1) | ANY,
        "stop_sequences": st.lists(TEXTS, max_size=6) | ANY,
        "tools": st.lists(TOOL, max_size=2) | ANY,
        "tool_choice": st.sampled_from(["REQUIRED", "NONE"]) | ANY,
        "response_format": st.builds(lambda schema: {"type": "json_object", "json_schema": schema}, SCHEMA) | ANY,
        "thinking": st.sampled_from([{"type": "enabled"}, {"type": "disabled"}]) | ANY,
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
    reasoning_tokens=st.integers(0, 9),
)


def refused(spoken: Spoken) -> bool:
    """Whether it is a refusal; if so, a proper one."""
    if spoken.status == 200:
        return False
    assert {"id", "message"} == set(spoken.json)
    assert spoken.status >= 400
    assert spoken.json["message"]
    return True


class TestAnyAsk:
    @given(BODY, ANSWERS)
    def test_a_chat_is_answered_or_refused(self, body: dict[str, Any], answer: Answer) -> None:
        """
        Whatever a request holds, it gets an answer that the client's model accepts, or Cohere's error; streamed it says
        the same.
        """
        asked = {"model": "command-a-03-2025", "messages": MESSAGES} | body
        whole = cohere(answer).post(CHAT, asked)
        streamed = cohere(answer).post(CHAT, {**asked, "stream": True})

        assert whole.status == streamed.status
        if refused(whole):
            assert refused(streamed)
            return
        found = sdk(V2ChatResponse, whole.json)
        events = [sdk(V2ChatStreamResponse, each) for each in streamed.chunks]
        said = [each.delta.message.content for each in events if each.type == "content-delta"]
        assert "".join(item.text or "" for item in found.message.content or () if item.type == "text") == "".join(
            item.text or "" for item in said
        )
        assert found.finish_reason == events[-1].delta.finish_reason
        assert found.usage == events[-1].delta.usage
        assert [each.function.name for each in found.message.tool_calls or ()] == [
            each.delta.message.tool_calls.function.name for each in events if each.type == "tool-call-start"
        ]
        assert whole.ask.max_output is None or whole.ask.output_tokens <= whole.ask.max_output

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "texts": st.lists(TEXTS, max_size=3) | ANY,
                "images": st.lists(TEXTS, max_size=2) | ANY,
                "inputs": st.lists(st.just({"content": [{"type": "text", "text": "hello"}]}) | ANY, max_size=2) | ANY,
                "input_type": st.just("clustering") | ANY,
                "embedding_types": st.lists(st.sampled_from(["float", "int8", "base64"]), max_size=3) | ANY,
                "output_dimension": st.sampled_from([256, 512, 1024, 3]) | ANY,
                "truncate": st.sampled_from(["NONE", "END"]) | ANY,
            },
        )
    )
    def test_texts_are_embedded_or_refused(self, body: dict[str, Any]) -> None:
        """
        There are as many vectors as inputs, or there is an error.
        """
        asked = {"model": "embed-v4.0", "input_type": "search_query"} | body
        spoken = cohere().post(EMBED, asked)

        if not refused(spoken):
            found = sdk(EmbedByTypeResponse, spoken.json)
            (given_,) = (asked[name] for name in ("texts", "images", "inputs") if asked.get(name))
            assert found.embeddings.float_ is None or len(given_) == len(found.embeddings.float_)

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "query": TEXTS | ANY,
                "documents": st.lists(TEXTS, max_size=3) | ANY,
                "top_n": st.integers(0, 4) | ANY,
            },
        )
    )
    def test_documents_are_ranked_or_refused(self, body: dict[str, Any]) -> None:
        """
        Each document comes once, the most relevant first, or there is an error.
        """
        asked = {"model": "rerank-v3.5", "query": "hello", "documents": ["hello", "you"]} | body
        spoken = cohere().post(RERANK, asked)

        if not refused(spoken):
            found = sdk(V2RerankResponse, spoken.json).results
            scores = [each.relevance_score for each in found]
            assert sorted(scores, reverse=True) == scores
            assert len(found) == len({each.index for each in found})
            top = asked.get("top_n")
            assert len(found) == min(len(asked["documents"]), len(asked["documents"]) if top is None else top)
            assert (0, 0) == (spoken.ask.input_tokens, spoken.ask.output_tokens)

    @given(st.sampled_from([CHAT, EMBED, RERANK]), st.binary(max_size=60))
    def test_any_bytes_are_refused(self, path: str, body: bytes) -> None:
        """
        What is no JSON object is a bad request.
        """
        assert refused(cohere().ask("POST", path, body))


class TestRefusals:
    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    def test_every_trouble_has_its_body(self, kind: str) -> None:
        """
        Pages of the edge apart, every refusal is an identifier and a message, and says when to come back.
        """
        provider = cohere()
        spoken = provider.post(CHAT, {"model": "command-a-03-2025", "messages": MESSAGES})
        said = Spoken(spoken.ask, tuple(provider.speaks.trouble(spoken.ask, Trouble(kind, retry_after=7.5))))

        assert TROUBLES[kind].status == said.status
        assert "8" == said.header("retry-after")
        assert kind == "bad_gateway" or refused(said)

    @pytest.mark.parametrize(
        ("path", "body", "key", "status", "message"),
        [
            (CHAT, {}, "wrong", 401, "invalid api token"),
            (CHAT, {}, None, 401, "no api key supplied"),
            (CHAT, {"model": "command-9"}, "", 404, "model 'command-9' not found"),
            (CHAT, {"model": "embed-v4.0"}, "", 400, "not supported by the chat API"),
            (CHAT, {"max_tokens": 9000}, "", 400, "max tokens must be less than or equal to 8000"),
            (CHAT, {"messages": [{"role": "user", "content": "x" * 1_100_000}]}, "", 400, "too many tokens"),
            (CHAT, {"messages": []}, "", 400, "messages must not be empty"),
            (CHAT, {"messages": [{"role": "tool", "tool_call_id": "a", "content": "b"}]}, "", 400, "must answer"),
            (CHAT, {"messages": [*MESSAGES, {"role": "assistant", "content": "x"}]}, "", 400, "last message"),
            (CHAT, {"tool_choice": "NONE"}, "", 400, "only be given with tools"),
            (CHAT, {"stop_sequences": ["a"] * 6}, "", 400, "at most 5"),
            (CHAT, {"temperature": 3}, "", 400, "temperature must be between"),
            (CHAT, {"model": None}, "", 400, "model is required"),
            (CHAT, {"tools": [{"function": {"name": "a", "parameters": {"type": "song"}}}]}, "", 400, "no valid JSON"),
            (EMBED, {"texts": ["a"], "input_type": "song"}, "", 400, "input_type must be one of"),
            (EMBED, {"texts": ["a"] * 97, "input_type": "search_query"}, "", 400, "at most 96"),
            (EMBED, {"texts": ["a"], "input_type": "search_query", "output_dimension": 7}, "", 400, "7 is not"),
            (RERANK, {"query": "a", "documents": ["a"] * 10_001}, "", 400, "at most 10000"),
            ("/v3/chat", {}, "", 404, "page not found"),
        ],
    )
    def test_what_is_wrong_is_said(
        self, path: str, body: dict[str, Any], key: str | None, status: int, message: str
    ) -> None:
        """
        The first complaint is about the path, then about the key, then about the body.
        """
        provider = cohere()
        models = {CHAT: "command-a-03-2025", EMBED: "embed-v4.0", RERANK: "rerank-v3.5"}
        asked = {"model": models.get(path), **({"messages": MESSAGES} if path == CHAT else {}), **body}
        spoken = provider.post(path, asked, key=provider.fake.keys[0] if key == "" else key)

        assert refused(spoken)
        assert status == spoken.status
        assert message in spoken.json["message"]

    def test_a_schema_that_nothing_fits_is_no_fault_of_the_request(self) -> None:
        """
        It is a schema, and the answer is JSON as well as it can be.
        """
        schema = {"type": "integer", "minimum": 2, "maximum": 1}
        format_ = {"type": "json_object", "json_schema": schema}
        asked = {"model": "command-a-03-2025", "messages": MESSAGES, "response_format": format_}

        assert not refused(cohere().post(CHAT, asked))

    def test_long_texts_are_cut_unless_that_is_forbidden(self) -> None:
        """
        What is cut off is not billed.
        """
        asked = {"model": "embed-english-v3.0", "input_type": "search_document", "texts": ["word " * 1000]}

        assert 512 == cohere().post(EMBED, asked).ask.input_tokens
        assert "too many tokens" in cohere().post(EMBED, {**asked, "truncate": "NONE"}).json["message"]

    def test_limits_of_a_production_key_are_not_told(self) -> None:
        """
        Its refusals have other words, and a day's limit is told as such.
        """
        production = cohere(limits=Limits(rpm=500))
        spoken = production.post(CHAT, {"model": "command-a-03-2025", "messages": MESSAGES})
        said = Spoken(spoken.ask, tuple(production.speaks.trouble(spoken.ask, Trouble("rate_limited"))))

        assert spoken.header("x-trial-endpoint-call-limit") is None
        assert "past the per minute request limit" in said.json["message"]
        spoken.ask.quota = QuotaState(requests_a_day=Allowance(9, 0, 60.0))
        daily = Spoken(spoken.ask, tuple(production.speaks.trouble(spoken.ask, Trouble("rate_limited"))))
        assert "limited to 9 API calls / day" in daily.json["message"]

    def test_a_key_can_be_checked(self) -> None:
        """
        A wrong one is refused as everywhere.
        """
        assert cohere().post("/v1/check-api-key").json["valid"]
        assert refused(cohere().post("/v1/check-api-key", key="wrong"))


class TestReading:
    def test_every_text_of_the_prompt_is_found(self) -> None:
        """
        In content, documents, plans, tool calls and their results, in order.
        """
        turns = [
            {"role": "system", "content": "a"},
            {"role": "user", "content": [{"type": "text", "text": "b"}]},
            {"role": "assistant", "tool_plan": "c", "tool_calls": [CALL]},
            {
                "role": "tool",
                "tool_call_id": "one_1",
                "content": [{"type": "document", "document": {"data": {"anything": "d"}}}],
            },
        ]
        spoken = cohere().post(CHAT, {"model": "command-a-03-2025", "messages": turns, "documents": ["e"]})

        assert ("a", "b", "c", "{}", "d", "e") == spoken.ask.texts

    def test_the_list_of_models_is_turned_page_by_page(self) -> None:
        """
        Each page leads to the next one, and together they hold every model once, as the client's model has it.
        """
        names: list[str | None] = []
        token = "0"
        for _ in range(20):
            page = cohere().get(f"/v1/models?page_size=2&page_token={token}").json
            names += [sdk(GetModelResponse, model).name for model in page["models"]]
            token = page["next_page_token"]
            if token is None:
                break

        assert names == cohere().fake.known()
        assert refused(cohere().get("/v1/models?page_size=many"))
        assert refused(cohere().get("/v1/models/command-9"))


class TestTokens:
    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
    def test_any_text_comes_back(self, text: str) -> None:
        """
        Its tokens are its text.
        """
        found = cohere().post("/v1/tokenize", {"text": text, "model": "command-a-03-2025"}).json
        back = cohere().post("/v1/detokenize", {"tokens": found["tokens"], "model": "command-a-03-2025"}).json

        assert text == back["text"]

    @given(ANY, ANY, st.sampled_from(["tokenize", "detokenize"]))
    def test_any_value_is_answered(self, text: Any, tokens: Any, operation: str) -> None:
        """
        Whatever is asked, there is an answer, or a refusal that says why.
        """
        spoken = cohere().post(f"/v1/{operation}", {"text": text, "tokens": tokens, "model": "command-a-03-2025"})

        assert 200 == spoken.status or spoken.json["message"]
