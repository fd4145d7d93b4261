"""What is said to asks of every shape, held against the description that Amazon's own client ships."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

import amazon
import pytest
from botocore.model import Shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from languages import LANGUAGES
from speaking import PROMPT, QUICK, Provider, Spoken

from brownout.fakes.answer import Answer, Pace, ToolCall
from brownout.fakes.ask import TROUBLES, Trouble
from brownout.fakes.dialects import dialect
from brownout.fakes.script import Send

MODEL = LANGUAGES["bedrock"].model
HERE = f"/model/{MODEL.replace(':', '%3A')}"
TOOL = {"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object", "properties": {}}}}}
TOOLS = {"tools": [TOOL]}
THINKING = {"thinking": {"type": "adaptive"}}
ANSWERS = [
    Answer(words=3),
    Answer(words=0),
    Answer(words=5, unicode=True, cached_tokens=2, cache_written_tokens=1),
    Answer(words=3, reasoning_tokens=5),
    Answer(refusal="I cannot."),
    Answer(finish="length"),
    Answer(tool_calls=(ToolCall("weather", {"city": "Bergen", "days": [1, 2]}), ToolCall("weather", {}))),
]


def bedrock(answer: Answer = QUICK, **fake: Any) -> Provider:
    """A provider that speaks Bedrock's dialect."""
    language = LANGUAGES["bedrock"]
    return Provider(language.fake(**fake), answer, language=language)


def converse(provider: Provider, *, stream: bool = False, **body: Any) -> Spoken:
    """Ask for a conversation."""
    asked = {"messages": [{"role": "user", "content": [{"text": PROMPT}]}], **body}
    return provider.post(f"{HERE}/converse{'-stream' if stream else ''}", asked)


class TestDescribed:
    @pytest.mark.parametrize("answer", ANSWERS, ids=repr)
    def test_conversations(self, answer: Answer) -> None:
        """
        Whole and in frames, every field is one that the service has, and none is missing.
        """
        provider = bedrock(answer)
        more = {"toolConfig": TOOLS, "additionalModelRequestFields": THINKING}
        amazon.answered("Converse", converse(provider, **more).json)
        events = amazon.streamed("ConverseStream", converse(provider, stream=True, **more).body)

        kinds = [kind for kind, _ in events]
        assert ["messageStart", "messageStop", "metadata"] == [kinds[0], *kinds[-2:]]
        indexes = [value["contentBlockIndex"] for kind, value in events if kind == "contentBlockStop"]
        assert list(range(len(indexes))) == indexes

    @pytest.mark.parametrize("name", [name for name in LANGUAGES if name.startswith("bedrock-")])
    @pytest.mark.parametrize("answer", ANSWERS, ids=repr)
    def test_invocations(self, name: str, answer: Answer) -> None:
        """
        Every chunk is one of the description's, and holds JSON.
        """
        language = LANGUAGES[name]
        provider = Provider(language.fake(), answer, language=language)
        spoken = provider.post(
            language.path(language.model, stream=True), language.body(language.model, PROMPT, stream=True)
        )
        events = amazon.streamed("InvokeModelWithResponseStream", spoken.body)

        assert {"chunk"} == {kind for kind, _ in events}
        assert all(isinstance(json.loads(b64decode(value["bytes"])), dict) for _, value in events)

    @pytest.mark.parametrize("how", ["no_choices"])
    def test_hollow_answers(self, how: str) -> None:
        """
        A message without content is one that the description allows.
        """
        for stream in (False, True):
            asked = converse(bedrock(), stream=stream).ask
            ops = asked.dialect.hollow(asked, how)
            body = b"".join(op.data for op in ops if isinstance(op, Send))
            if stream:
                amazon.streamed("ConverseStream", body)
            else:
                amazon.answered("Converse", json.loads(body))

    def test_tokens_and_models(self) -> None:
        """
        So are the answers about tokens and models.
        """
        asked = {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": PROMPT}]}]}}}
        amazon.answered("CountTokens", bedrock().post(f"{HERE}/count-tokens", asked).json)
        amazon.answered("ListFoundationModels", bedrock().get("/foundation-models").json, "bedrock")
        amazon.answered("GetFoundationModel", bedrock().get(f"/foundation-models/{MODEL}").json, "bedrock")

    @pytest.mark.parametrize("kind", sorted(TROUBLES | dialect("bedrock").troubles))
    @pytest.mark.parametrize("operation", ["ConverseStream", "InvokeModelWithResponseStream"])
    def test_errors_in_streams(self, kind: str, operation: str) -> None:
        """
        What the description knows is an exception of its shape; all else is an error that has none.
        """
        provider = bedrock()
        language = LANGUAGES["bedrock" if operation == "ConverseStream" else "bedrock-anthropic"]
        path, body = language.path(MODEL, stream=True), language.body(MODEL, PROMPT, stream=True)
        ask = provider.post(path, body).ask
        sent = ask.dialect.midstream_error(ask, Trouble(kind)).data

        if b":error-code" not in sent:
            amazon.streamed(operation, sent)
        else:
            assert b":exception-type" not in sent

    def test_unions_are_known(self) -> None:
        """
        Of the fields that hold exactly one of several things, those that are said here are the dialect's.
        """
        model = amazon.described("bedrock-runtime")
        whole = model.operation_model("Converse").output_shape
        found = _unions(whole) | _unions(model.operation_model("ConverseStream").get_event_stream_output())

        assert dialect("bedrock").unions == found - NEVER_SAID


NEVER_SAID = {"source", "guardContent", "sourceContent", "location", "toolResult"}


def _unions(shape: Shape, name: str = "", above: frozenset[str] = frozenset()) -> set[str]:
    if shape.name in above:
        return set()
    inner = getattr(shape, "members", {}) | ({name: shape.member} if hasattr(shape, "member") else {})
    found = [_unions(each, field, above | {shape.name}) for field, each in inner.items()]
    return set().union(*found) | ({name} if getattr(shape, "is_tagged_union", False) else set())


class TestRefused:
    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"messages": []}, "The messages field in the request is empty"),
            ({"messages": "x"}, "Unexpected value at 'messages': expected List"),
            ({"messages": [{"role": "assistant", "content": [{"text": "a"}]}]}, "must start with a user message"),
            ({"messages": [{"role": "user", "content": []}]}, "The content field in the Message object at messages.0"),
            ({"messages": [{"role": "user", "content": [{"text": " "}]}]}, "is blank"),
            ({"messages": [{"role": "user", "content": [{"text": 1}]}]}, "expected String"),
            ({"messages": [{"role": "robot", "content": [{"text": "a"}]}]}, "Value 'robot' at 'messages.0.role'"),
            ({"inferenceConfig": {"maxTokens": 0}}, "greater than or equal to 1"),
            ({"inferenceConfig": {"temperature": 1.5}}, "less than or equal to 1"),
            ({"inferenceConfig": {"maxTokens": 10**6}}, "exceeds the model limit of 64000"),
            ({"inferenceConfig": {"stopSequences": [1]}}, "expected String"),
            ({"system": ["x"]}, "expected Structure"),
            ({"toolConfig": {}}, "expected List"),
            ({"toolConfig": {"tools": [TOOL, TOOL]}}, "used more than once"),
            ({"toolConfig": {**TOOLS, "toolChoice": {"tool": {"name": "none"}}}}, "not among the tools"),
            (
                {"toolConfig": {"tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "no"}}}}]}},
                "inputSchema.json is invalid",
            ),
            (
                {"outputConfig": {"textFormat": {"structure": {"jsonSchema": {"schema": "{"}}}}},
                "is no valid JSON",
            ),
            (
                {"outputConfig": {"textFormat": {"structure": {"jsonSchema": {"schema": "[]"}}}}},
                "is no valid JSON schema",
            ),
        ],
        ids=str,
    )
    def test_what_is_no_conversation(self, body: dict[str, Any], said: str) -> None:
        """
        A ValidationException, or a SerializationException for a value of another type, that names the place.
        """
        spoken = converse(bedrock(), **body)
        expected = "SerializationException" if "expected" in said else "ValidationException"

        assert 400 == spoken.status
        assert said in spoken.json["message"]
        assert (spoken.header("x-amzn-errortype") or "").startswith(expected)

    def test_tools_are_answered(self) -> None:
        """
        A call is answered in the next turn, by its identifier, and nothing else is.
        """
        use = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "a", "name": "weather", "input": {}}}]}
        asked = {"role": "user", "content": [{"text": PROMPT}]}
        result = {"role": "user", "content": [{"toolResult": {"toolUseId": "a", "content": [{"text": "21"}]}}]}

        def said(*turns: Any, **more: Any) -> Any:
            return converse(bedrock(), messages=list(turns), **more).json.get("message")

        assert None is said(asked, use, result, toolConfig=TOOLS)
        assert "for the following Ids: a" in said(asked, use, asked, toolConfig=TOOLS)
        assert "exceeds the number of toolUse blocks" in said(asked, use, result, result, toolConfig=TOOLS)
        assert "toolConfig field must be defined" in said(asked, use, result)

    def test_a_model_that_does_not_talk(self) -> None:
        """
        One for embeddings has no conversations.
        """
        body = LANGUAGES["bedrock"].body(MODEL, PROMPT, stream=False)
        spoken = bedrock().post("/model/amazon.titan-embed-text-v2:0/converse", body)

        assert "doesn't support the model" in spoken.json["message"]

    def test_keys(self) -> None:
        """
        A wrong bearer key and none at all, each in Amazon's words.
        """
        wrong = bedrock().ask("POST", f"{HERE}/converse", b"{}", key="sk-wrong")
        none = bedrock().ask("POST", f"{HERE}/converse", b"{}", key=None)

        assert {"Message": "Authentication failed: Please make sure your API Key is valid."} == wrong.json
        assert (403, "Missing Authentication Token") == (none.status, none.json["message"])

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/", 404),
            ("GET", f"{HERE}/converse", 404),
            ("POST", "/foundation-models", 404),
            ("GET", "/foundation-models?byOutputModality=SMELL", 400),
            ("POST", "/model/none/converse", 400),
        ],
    )
    def test_what_there_is_not(self, method: str, path: str, status: int) -> None:
        """
        Unknown operations, choices and models.
        """
        body = json.dumps(LANGUAGES["bedrock"].body(MODEL, PROMPT, stream=False)).encode()

        assert status == bedrock().ask(method, path, body).status

    @pytest.mark.parametrize(
        ("asked", "said"),
        [({}, "expected Structure"), ({"input": {}}, "neither"), ({"input": {"invokeModel": {"body": "?"}}}, "base64")],
    )
    def test_what_cannot_be_counted(self, asked: Any, said: str) -> None:
        """
        It says why.
        """
        assert said in bedrock().post(f"{HERE}/count-tokens", asked).json["message"]

    def test_what_is_too_large(self) -> None:
        """
        A body of more bytes than the service's description allows.
        """
        assert 413 == bedrock().ask("POST", f"{HERE}/invoke", b" " * 25_000_001).status


class TestRead:
    def test_everything_that_is_said_is_read(self) -> None:
        """
        Texts of all turns, of results and their JSON, the tools on offer, the limit, and who asks.
        """
        use = {"toolUse": {"toolUseId": "a", "name": "weather", "input": {"city": "Rome"}}}
        result = {"toolResult": {"toolUseId": "a", "content": [{"json": {"degrees": 21}}, {"text": "warm"}]}}
        ask = converse(
            bedrock(),
            system=[{"text": "Be short."}],
            messages=[
                {"role": "user", "content": [{"text": PROMPT}, {"cachePoint": {"type": "default"}}]},
                {"role": "assistant", "content": [{"text": "Looking."}, use]},
                {"role": "user", "content": [result]},
            ],
            toolConfig=TOOLS,
            inferenceConfig={"maxTokens": 50},
            requestMetadata={"user": "u1"},
        ).ask

        assert ("Be short.", PROMPT, "Looking.", '{"city":"Rome"}', '{"degrees":21}', "warm") == ask.texts
        assert (("weather",), 50, "u1", "k7q2x9") == (ask.tools, ask.max_output, ask.user, ask.canary)

    def test_a_prompt_is_counted_as_it_is_billed(self) -> None:
        """
        Counting a prompt and answering it come to the same number of tokens.
        """
        messages = {"messages": [{"role": "user", "content": [{"text": PROMPT}]}]}
        body = b64encode(json.dumps({"inputText": PROMPT}).encode()).decode()
        titan = "/model/amazon.titan-embed-text-v2:0"

        counted = bedrock().post(f"{HERE}/count-tokens", {"input": {"converse": messages}}).json["inputTokens"]
        embedded = bedrock().post(f"{titan}/count-tokens", {"input": {"invokeModel": {"body": body}}}).json

        assert converse(bedrock()).json["usage"]["inputTokens"] == counted == embedded["inputTokens"]

    def test_latency_is_the_answer_s_own_pace(self) -> None:
        """
        What the metrics tell is how long the script takes.
        """
        answer = Answer(words=10, pace=Pace(first=0.5, between=0.1))

        assert 500 == converse(bedrock(answer)).json["metrics"]["latencyMs"]
        events = amazon.streamed("ConverseStream", converse(bedrock(answer), stream=True).body)
        assert 1500 == events[-1][1]["metrics"]["latencyMs"]


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "content", "role"]), inner),
    max_leaves=8,
)
FIELDS = [
    *("messages", "system", "inferenceConfig", "toolConfig", "outputConfig", "input", "inputText", "message", "prompt"),
    *("chat_history", "tools", "tool_results", "anthropic_version", "max_tokens", "texts", "query", "documents"),
    "textGenerationConfig",
]
MODELS = [
    MODEL,
    "amazon.nova-lite-v1:0",
    "amazon.titan-embed-text-v2:0",
    "amazon.titan-text-express-v1",
    "cohere.command-r-v1:0",
    *("cohere.embed-english-v3", "cohere.rerank-v3-5:0", "mistral.mistral-large-2407-v1:0", "meta.none", "x"),
]
OPERATIONS = ["converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens"]


class TestAnything:
    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from(MODELS), st.sampled_from(OPERATIONS), st.dictionaries(st.sampled_from(FIELDS), JUNK))
    def test_any_value_is_answered(self, model: str, operation: str, body: Any) -> None:
        """
        Whatever is asked, there is an answer, or a refusal that says why.
        """
        spoken = bedrock().post(f"/model/{model}/{operation}", body)

        assert 200 == spoken.status or spoken.json["message"]

    @given(st.sampled_from(OPERATIONS), st.binary(max_size=60))
    def test_any_bytes_are_answered(self, operation: str, body: bytes) -> None:
        """
        So are bytes that are no JSON.
        """
        assert 400 <= bedrock().ask("POST", f"{HERE}/{operation}", body).status < 500

    @given(st.text(max_size=20))
    def test_any_path_is_answered(self, path: str) -> None:
        """
        And any path.
        """
        assert 400 <= bedrock().ask("POST", f"/{path}", b"{}").status < 500
