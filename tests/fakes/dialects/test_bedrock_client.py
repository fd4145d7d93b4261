"""Amazon's own client against the fake: every fair answer parsed, every trouble its own exception."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EventStreamError,
    InvalidEndpointConfigurationError,
)
from languages import LANGUAGES
from speaking import QUICK, billed, serving
from urllib3.exceptions import ProtocolError

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import TROUBLES, Trouble
from brownout.fakes.dialects import dialect
from brownout.fakes.fake import Fake, key_id, secret
from brownout.fakes.faults.answers import NoChoices, NoText, NullContent, StopReason
from brownout.fakes.faults.body import EmptyBody
from brownout.fakes.faults.connection import Cut, ResetBeforeHeaders
from brownout.fakes.faults.framing import Pings, UnknownEvents
from brownout.fakes.faults.payload import ReorderedKeys, UnknownFields, UnknownValues
from brownout.fakes.faults.replies import InvalidKey, QuotaExhausted, RateLimited, ServerError, Status
from brownout.fakes.faults.segments import JoinedFrames, SplitBytes
from brownout.fakes.faults.stream import GarbageEvent, MidstreamError
from brownout.fakes.journal import fingerprint
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always, first

MODEL = LANGUAGES["bedrock"].model
MESSAGES = [{"role": "user", "content": [{"text": "[bo:k7q2x9] Please answer."}]}]
TEXT = QUICK.whole("k7q2x9")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}
ALONE = Config(retries={"total_max_attempts": 1})


@cache
def session() -> boto3.Session:
    """One for all tests: it keeps the descriptions of services."""
    return boto3.Session()


@pytest.fixture(autouse=True)
def _unsettled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's own settings."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


OPEN: list[Any] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def client(server: FakeServer, *, key: str | None = None, name: str = "bedrock-runtime", **options: Any) -> Any:
    """Amazon's client, as it ships, with another endpoint."""
    key = key or server.fake.keys[0]
    own = {"aws_access_key_id": key_id(key), "aws_secret_access_key": key, "config": ALONE, **options}
    made = session().client(name, region_name="us-east-1", **{"endpoint_url": server.url, **own})
    OPEN.append(made)
    return made


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake."""
    with serving(Fake(dialect="bedrock", model=MODEL)) as running:
        yield running


def read(stream: Any) -> tuple[list[Any], Exception | None]:
    """The events of a stream, and what the client raised before its end, if it did."""
    events: list[Any] = []
    try:
        for each in stream:
            events.append(each)  # noqa: PERF402  # what came before the error counts
    except Exception as error:
        return events, error
    finally:
        stream.close()
    return events, None


def spoken(events: Any) -> str:
    """The text of a stream."""
    deltas = [each["contentBlockDelta"].get("delta", {}) for each in events if "contentBlockDelta" in each]
    return "".join(delta.get("text", "") for delta in deltas)


class TestFair:
    def test_a_conversation(self, server: FakeServer) -> None:
        """
        Text, reason, usage and latency are what the fake said.
        """
        found = client(server).converse(modelId=MODEL, messages=MESSAGES)
        exchange = billed(server)

        assert [{"text": TEXT}] == found["output"]["message"]["content"]
        assert "end_turn" == found["stopReason"]
        assert (exchange.input_tokens, exchange.output_tokens) == (
            found["usage"]["inputTokens"],
            found["usage"]["outputTokens"],
        )
        assert exchange.microdollars == exchange.input_tokens + 5 * exchange.output_tokens
        assert found["metrics"]["latencyMs"] >= 1
        assert 36 == len(found["ResponseMetadata"]["RequestId"])

    def test_a_stream(self, server: FakeServer) -> None:
        """
        The pieces are the text; then come the reason and, last of all, what it took.
        """
        events = list(client(server).converse_stream(modelId=MODEL, messages=MESSAGES)["stream"])
        exchange = billed(server)

        assert TEXT == spoken(events)
        assert [{"role": "assistant"}] == [each["messageStart"] for each in events if "messageStart" in each]
        assert {"messageStop": {"stopReason": "end_turn"}} == events[-2]
        assert exchange.output_tokens == events[-1]["metadata"]["usage"]["outputTokens"]
        assert exchange.sent_whole

    @pytest.mark.parametrize(
        "fault",
        [
            SplitBytes(piece_bytes=3),
            JoinedFrames(),
            Pings(),
            UnknownEvents(),
            UnknownFields(),
            UnknownValues(),
            ReorderedKeys(),
        ],
        ids=repr,
    )
    def test_a_stream_however_it_comes(self, server: FakeServer, fault: Any) -> None:
        """
        In any segments, with events and fields that nobody knows, the text is the same and is billed the same.
        """
        server.answer = Answer(words=8, unicode=True)
        fair = list(client(server).converse_stream(modelId=MODEL, messages=MESSAGES)["stream"])
        cost = billed(server).microdollars
        server.weather = Weather([always(fault)])

        events = list(client(server).converse_stream(modelId=MODEL, messages=MESSAGES)["stream"])

        assert server.answer.whole("k7q2x9") == spoken(events) == spoken(fair)
        assert (cost, True) == (billed(server).microdollars, billed(server).sent_whole)

    def test_a_tool_is_called_and_answered(self, server: FakeServer) -> None:
        """
        A forced tool is called with arguments of its schema, whole and in pieces; its result is talked about.
        """
        config = {**TOOLS, "toolChoice": {"tool": {"name": "weather"}}}
        called = client(server).converse(modelId=MODEL, messages=MESSAGES, toolConfig=config)
        (block,) = called["output"]["message"]["content"]
        result = {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"json": {"degrees": 21}}]}
        turns = [*MESSAGES, called["output"]["message"], {"role": "user", "content": [{"toolResult": result}]}]
        told = client(server).converse(modelId=MODEL, messages=turns, toolConfig=TOOLS)

        assert ("tool_use", ["city"]) == (called["stopReason"], list(block["toolUse"]["input"]))
        assert [{"text": TEXT}] == told["output"]["message"]["content"]
        events = list(client(server).converse_stream(modelId=MODEL, messages=MESSAGES, toolConfig=config)["stream"])
        pieces = [
            each["contentBlockDelta"]["delta"]["toolUse"]["input"] for each in events if "contentBlockDelta" in each
        ]
        assert block["toolUse"]["input"] == json.loads("".join(pieces))

    def test_tools_that_the_scenario_wants(self, server: FakeServer) -> None:
        """
        A call of an offered tool comes with its arguments.
        """
        server.answer = Answer(tool_calls=(ToolCall("weather", {"city": "Oslo"}),), finish="tool_calls")

        found = client(server).converse(modelId=MODEL, messages=MESSAGES, toolConfig=TOOLS)

        assert {"city": "Oslo"} == found["output"]["message"]["content"][0]["toolUse"]["input"]

    def test_structured_output(self, server: FakeServer) -> None:
        """
        The answer fits the schema.
        """
        wanted = {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "city"}}}

        found = client(server).converse(modelId=MODEL, messages=MESSAGES, outputConfig={"textFormat": wanted})

        assert ["city"] == list(json.loads(found["output"]["message"]["content"][0]["text"]))

    def test_thoughts_and_cached_tokens(self, server: FakeServer) -> None:
        """
        What was thought stands before the text, signed; what came from the cache is counted apart.
        """
        server.answer = Answer(words=3, reasoning_tokens=7, cached_tokens=2)
        more = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
        asked = {"modelId": MODEL, "messages": MESSAGES, "additionalModelRequestFields": more}

        found = client(server).converse(**asked)
        events = list(client(server).converse_stream(**asked)["stream"])

        thought, text = found["output"]["message"]["content"]
        assert thought["reasoningContent"]["reasoningText"]["signature"]
        assert Answer(words=3).whole("k7q2x9") == text["text"] == spoken(events)
        usage = found["usage"]
        assert (2, 14) == (usage["cacheReadInputTokens"], usage["outputTokens"])
        assert usage["totalTokens"] == usage["inputTokens"] + 2 + usage["outputTokens"]

    @pytest.mark.parametrize(
        ("answer", "more", "reason"),
        [
            (Answer(finish="length"), {}, "max_tokens"),
            (Answer(), {"inferenceConfig": {"maxTokens": 4}}, "max_tokens"),
            (Answer(), {"inferenceConfig": {"stopSequences": ["-3"]}}, "stop_sequence"),
            (Answer(finish="content_filter"), {}, "content_filtered"),
            (Answer(refusal="no"), {}, "content_filtered"),
            (Answer(finish="guardrail_intervened"), {}, "guardrail_intervened"),
        ],
    )
    def test_why_it_ended(self, server: FakeServer, answer: Answer, more: dict[str, Any], reason: str) -> None:
        """
        The reason is Bedrock's word for it.
        """
        server.answer = answer

        assert reason == client(server).converse(modelId=MODEL, messages=MESSAGES, **more)["stopReason"]

    @pytest.mark.parametrize(
        "name",
        [
            f"us.{MODEL}",
            f"arn:aws:bedrock:us-east-1::foundation-model/{MODEL}",
            f"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.{MODEL}",
        ],
    )
    def test_a_model_has_many_names(self, server: FakeServer, name: str) -> None:
        """
        A profile and an ARN lead to the model, and what it costs is known.
        """
        assert "end_turn" == client(server).converse(modelId=name, messages=MESSAGES)["stopReason"]
        assert billed(server).microdollars > 0

    def test_tokens_are_counted(self, server: FakeServer) -> None:
        """
        Of a conversation and of an invocation; counting costs nothing.
        """
        body = LANGUAGES["bedrock-anthropic"].body(MODEL, MESSAGES[0]["content"][0]["text"], stream=False)  # type: ignore[index]
        for asked in ({"converse": {"messages": MESSAGES}}, {"invokeModel": {"body": json.dumps(body)}}):
            assert 7 == client(server).count_tokens(modelId=MODEL, input=asked)["inputTokens"]
            assert 0 == billed(server).microdollars

    def test_models_are_listed(self, server: FakeServer) -> None:
        """
        By the client of Bedrock's other endpoint.
        """
        bedrock = client(server, name="bedrock")
        names = [each["modelId"] for each in bedrock.list_foundation_models()["modelSummaries"]]
        few = bedrock.list_foundation_models(byProvider="cohere", byOutputModality="EMBEDDING")["modelSummaries"]

        assert {MODEL, "amazon.nova-pro-v1:0"} <= set(names)
        assert f"us.{MODEL}" not in names
        assert {"Cohere"} == {each["providerName"] for each in few}
        assert MODEL == bedrock.get_foundation_model(modelIdentifier=MODEL)["modelDetails"]["modelId"]
        with pytest.raises(bedrock.exceptions.ResourceNotFoundException):
            bedrock.get_foundation_model(modelIdentifier="amazon.none-v1:0")


INVOKED = [name for name in LANGUAGES if name.startswith("bedrock-")]


class TestInvoked:
    @pytest.mark.parametrize("name", INVOKED)
    def test_each_vendor_s_own_body(self, server: FakeServer, name: str) -> None:
        """
        Whole and in chunks the text is the same; what was used is told in headers and with the last chunk.
        """
        language = LANGUAGES[name]
        asked = language.body(language.model, MESSAGES[0]["content"][0]["text"], stream=False)  # type: ignore[index]
        found = client(server).invoke_model(modelId=language.model, body=json.dumps(asked))
        whole, headers = found["body"].read(), found["ResponseMetadata"]["HTTPHeaders"]
        cost = billed(server)
        streamed = client(server).invoke_model_with_response_stream(modelId=language.model, body=json.dumps(asked))
        chunks = [json.loads(each["chunk"]["bytes"]) for each in streamed["body"]]

        assert TEXT == language.words(whole, streamed=False)
        assert ("application/json",) * 2 == (found["contentType"], streamed["contentType"])
        assert str(cost.output_tokens) == headers["x-amzn-bedrock-output-token-count"]
        metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
        assert (cost.input_tokens, cost.output_tokens) == (metrics["inputTokenCount"], metrics["outputTokenCount"])
        assert (cost.microdollars, True) == (billed(server).microdollars, billed(server).sent_whole)
        assert cost.microdollars > 0

    def test_a_message_is_anthropic_s(self, server: FakeServer) -> None:
        """
        Its identifier is of Bedrock, its model the vendor's; a stream has no pings.
        """
        asked = LANGUAGES["bedrock-anthropic"].body(MODEL, "hello", stream=False)
        found = client(server).invoke_model(modelId=f"us.{MODEL}", body=json.dumps(asked))
        message = json.loads(found["body"].read())
        streamed = client(server).invoke_model_with_response_stream(modelId=MODEL, body=json.dumps(asked))
        kinds = [json.loads(each["chunk"]["bytes"])["type"] for each in streamed["body"]]

        assert message["id"].startswith("msg_bdrk_")
        assert "claude-haiku-4-5-20251001" == message["model"]
        assert ("message_start", "message_stop") == (kinds[0], kinds[-1])
        assert "ping" not in kinds

    @pytest.mark.parametrize(
        ("model", "body", "said"),
        [
            (MODEL, {"max_tokens": 5, "messages": []}, "required key [anthropic_version] not found"),
            (MODEL, {"anthropic_version": "x", "max_tokens": 5, "messages": []}, "anthropic_version: Input should be"),
            (
                MODEL,
                {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": []},
                "at least one message",
            ),
            (
                MODEL,
                {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": [], "stream": True},
                "extraneous key [stream] is not permitted",
            ),
            ("amazon.nova-lite-v1:0", {"messages": []}, "messages field in the request is empty"),
            ("amazon.titan-embed-text-v2:0", {}, "required key [inputText] not found"),
            ("amazon.titan-text-express-v1", {"prompt": "x"}, "required key [inputText] not found"),
            ("amazon.titan-text-express-v1", {"inputText": "x", "system": "y"}, "extraneous key [system]"),
            ("amazon.titan-text-express-v1", {"inputText": ""}, "inputText: expected minLength: 1"),
            (
                "amazon.titan-text-express-v1",
                {"inputText": "x", "textGenerationConfig": 7},
                "expected type: JSONObject",
            ),
            ("cohere.command-r-v1:0", {}, "required key [message] not found"),
            ("cohere.embed-english-v3", {"texts": ["a"]}, "required key [input_type] not found"),
            ("mistral.mistral-large-2407-v1:0", {"messages": "x"}, "messages"),
            ("mistral.mistral-large-2407-v1:0", {"prompt": 1}, "expected type: String"),
            ("meta.llama3-3-70b-instruct-v1:0", {"prompt": "x"}, "not spoken by this fake"),
            ("none.such", {}, "The provided model identifier is invalid."),
        ],
    )
    def test_what_is_refused(self, server: FakeServer, model: str, body: Any, said: str) -> None:
        """
        A ValidationException that says what is wrong.
        """
        made = client(server)
        with pytest.raises(made.exceptions.ValidationException) as raised:
            made.invoke_model(modelId=model, body=json.dumps(body))

        assert said in raised.value.response["Error"]["Message"]

    def test_too_long_in_the_vendor_s_words(self) -> None:
        """
        Anthropic's models say how much too long a prompt is, and Bedrock does not.
        """
        with serving(Fake(dialect="bedrock", model=MODEL, window=10)) as server:
            made = client(server)
            asked = LANGUAGES["bedrock-anthropic"].body(MODEL, "word " * 40, stream=False, most=1)
            with pytest.raises(made.exceptions.ValidationException, match="prompt is too long: 50 tokens > 10 maximum"):
                made.invoke_model(modelId=MODEL, body=json.dumps(asked))
            with pytest.raises(made.exceptions.ValidationException, match="Input is too long for requested model"):
                made.converse(modelId=MODEL, messages=[{"role": "user", "content": [{"text": "word " * 40}]}])

    @pytest.mark.parametrize("fault", [NoChoices(), NullContent(), NoText(), StopReason()], ids=repr)
    @pytest.mark.parametrize(
        ("model", "body"),
        [
            ("amazon.titan-embed-text-v2:0", {"inputText": "hello"}),
            ("cohere.embed-english-v3", {"texts": ["a"], "input_type": "search_query"}),
            ("cohere.rerank-v3-5:0", {"query": "a", "documents": ["b"]}),
        ],
    )
    def test_numbers_are_no_text(self, server: FakeServer, model: str, body: Any, fault: Any) -> None:
        """
        Faults of texts leave them alone.
        """
        server.weather = Weather([always(fault)])
        found = client(server).invoke_model(modelId=model, body=json.dumps(body))

        assert {"embedding", "embeddings", "results"} & json.loads(found["body"].read()).keys()
        assert ((), "invoke.numbers") == (billed(server).faults, billed(server).route)
        with pytest.raises(ClientError, match="unsupported for streaming"):
            client(server).invoke_model_with_response_stream(modelId=model, body=json.dumps(body))

    @pytest.mark.parametrize(
        ("answer", "config", "text", "reason"),
        [
            (QUICK, {}, TEXT, "FINISH"),
            (QUICK, {"maxTokenCount": 3}, "k7q2x9-1", "LENGTH"),
            (
                QUICK,
                {"stopSequences": [" k7q2x9-3"], "temperature": 0, "topP": 0.9},
                "k7q2x9-1 k7q2x9-2",
                "STOP_CRITERIA_MET",
            ),
            (Answer(words=2, finish="content_filter"), {}, "k7q2x9-1 k7q2x9-2", "CONTENT_FILTERED"),
        ],
    )
    def test_titan_s_text(self, server: FakeServer, answer: Answer, config: Any, text: str, reason: str) -> None:
        """
        The same text whole and streamed, why it ended, and what it took.
        """
        server.answer = answer
        body = json.dumps({"inputText": "[bo:k7q2x9] hello", "textGenerationConfig": config})
        made = client(server)
        model = "amazon.titan-text-express-v1"
        whole = json.loads(made.invoke_model(modelId=model, body=body)["body"].read())
        cost = billed(server)
        events, _ = read(made.invoke_model_with_response_stream(modelId=model, body=body)["body"])
        chunks = [json.loads(each["chunk"]["bytes"]) for each in events]

        (result,) = whole["results"]
        assert (text, reason, cost.output_tokens) == (
            result["outputText"],
            result["completionReason"],
            result["tokenCount"],
        )
        assert cost.input_tokens == whole["inputTextTokenCount"] == chunks[-1]["inputTextTokenCount"]
        assert text == "".join(chunk["outputText"] for chunk in chunks)
        assert (reason, cost.output_tokens) == (
            chunks[-1]["completionReason"],
            chunks[-1]["totalOutputTextTokenCount"],
        )
        assert cost.microdollars > 0

    def test_embeddings_and_rerank(self, server: FakeServer) -> None:
        """
        Of Amazon and of Cohere, in their own shapes.
        """

        def invoke(model: str, **body: Any) -> Any:
            return json.loads(client(server).invoke_model(modelId=model, body=json.dumps(body))["body"].read())

        titan = invoke("amazon.titan-embed-text-v2:0", inputText="hello", dimensions=256)
        cohere = invoke("cohere.embed-english-v3", texts=["a", "b"], input_type="search_query")
        typed = invoke("cohere.embed-english-v3", texts=["a"], input_type="search_query", embedding_types=["int8"])
        ranked = invoke("cohere.rerank-v3-5:0", api_version=2, query="cats", documents=["dogs", "the cats"])

        assert (256, 2) == (len(titan["embedding"]), titan["inputTextTokenCount"])
        assert ([1024, 1024], "embeddings_floats") == ([*map(len, cohere["embeddings"])], cohere["response_type"])
        assert ["int8"] == list(typed["embeddings"])
        assert [1, 0] == [each["index"] for each in ranked["results"]]

    def test_tools_of_command(self, server: FakeServer) -> None:
        """
        Cohere's older models name parameters and no schema, and are given results beside the message.
        """
        tools = [{"name": "weather", "parameter_definitions": {"city": {"type": "str", "required": True}}}]
        server.answer = Answer(tool_calls=(ToolCall("weather", {"city": "Oslo"}),), finish="tool_calls")
        model, body = "cohere.command-r-v1:0", {"message": "[bo:k7q2x9] hello", "tools": tools}
        made = client(server)

        called = json.loads(made.invoke_model(modelId=model, body=json.dumps(body))["body"].read())
        stream = made.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]
        events = [json.loads(each["chunk"]["bytes"]) for each in stream]
        results = [{"call": call, "outputs": [{"degrees": 21}]} for call in called["tool_calls"]]
        server.answer = QUICK
        more = {"message": "", "tool_results": results, "chat_history": called["chat_history"][:1]}
        told = json.loads(made.invoke_model(modelId=model, body=json.dumps({**body, **more}))["body"].read())

        assert [{"name": "weather", "parameters": {"city": "Oslo"}}] == called["tool_calls"]
        assert called["tool_calls"] == events[-2]["tool_calls"] == events[-1]["response"]["tool_calls"]
        assert TEXT == told["text"]


# What the service's description has an exception for; all others are plain `ClientError`s.
MODELLED = {
    "bad_request": "ValidationException",
    "content_policy": "ValidationException",
    "context_length": "ValidationException",
    "forbidden": "AccessDeniedException",
    "model_not_found": "ResourceNotFoundException",
    "model_not_ready": "ModelNotReadyException",
    "overloaded": "ServiceUnavailableException",
    "quota_exhausted": "ServiceQuotaExceededException",
    "rate_limited": "ThrottlingException",
    "rate_limited_tokens": "ThrottlingException",
    "request_timeout": "ModelTimeoutException",
    "server_error": "InternalServerException",
    "tokens_a_day": "ThrottlingException",
    "unavailable": "ServiceUnavailableException",
    "unprocessable": "ModelErrorException",
}


class TestTroubles:
    @pytest.mark.parametrize("kind", sorted(TROUBLES | dialect("bedrock").troubles))
    def test_every_trouble_is_an_exception_of_its_own(self, server: FakeServer, kind: str) -> None:
        """
        Of the class that the service's description has for it, under the status it has there.
        """
        server.weather = Weather([always(_Saying(kind))])
        made = client(server)

        with pytest.raises(ClientError) as raised:
            made.converse(modelId=MODEL, messages=MESSAGES)

        error = raised.value.response
        if kind in MODELLED:
            assert getattr(made.exceptions, MODELLED[kind]) is type(raised.value)
            shape = made.meta.service_model.shape_for(MODELLED[kind])
            assert shape.metadata["error"]["httpStatusCode"] == error["ResponseMetadata"]["HTTPStatusCode"]
        assert error["Error"]["Message"] or kind in {"bad_gateway", "timeout"}
        assert error["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
        assert 1 == len(server.journal)

    def test_a_revoked_key(self, server: FakeServer) -> None:
        """
        A signature of a key that was good once is refused, and journalled as that key's.
        """
        (key,) = server.fake.keys
        client(server).converse(modelId=MODEL, messages=MESSAGES)
        server.revoked.add(key)
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            client(server).converse(modelId=MODEL, messages=MESSAGES)

        assert [(None, fingerprint(key)), ("invalid_key", fingerprint(key))] == [
            (exchange.trouble, exchange.key) for exchange in server.journal
        ]

    @pytest.mark.parametrize("mode", ["standard", "adaptive"])
    @pytest.mark.parametrize(
        ("fault", "attempts"),
        [
            (ServerError(), 3),
            (ServerError(status=502), 3),
            (ResetBeforeHeaders(), 3),
            (Status(status=408), 1),
            (Status(status=424), 1),
            (InvalidKey(), 1),
            (QuotaExhausted(), 1),
        ],
        ids=repr,
    )
    def test_amazon_s_own_retries(self, server: FakeServer, mode: str, fault: Any, attempts: int) -> None:
        """
        The client tries as often as it does against the provider, and counts its attempts in a header.
        """
        server.weather = Weather([always(fault)])
        with pytest.raises((ClientError, ConnectionClosedError)):
            client(server, config=Config(retries={"mode": mode})).converse(modelId=MODEL, messages=MESSAGES)
        told = [dict(exchange.request_headers)["amz-sdk-request"] for exchange in server.journal]

        assert list(range(1, attempts + 1)) == [int(each.partition("attempt=")[2].partition(";")[0]) for each in told]

    def test_a_wrong_secret(self, server: FakeServer) -> None:
        """
        The client's own signature, made with a secret that is not the key's.
        """
        made = client(server, key=secret(9), aws_access_key_id=key_id(server.fake.keys[0]))
        with pytest.raises(ClientError, match="InvalidSignatureException"):
            made.converse(modelId=MODEL, messages=MESSAGES)
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            client(server, key=secret(9)).converse(modelId=MODEL, messages=MESSAGES)

    @pytest.mark.slow
    def test_a_wait_is_said_in_amazon_s_own_way(self, server: FakeServer) -> None:
        """
        In milliseconds, in a header that only AWS's clients read; it is waited for.
        """
        server.weather = Weather([first(1, RateLimited(retry_after=1.2, form="own"))])
        client(server, config=Config(retries={"total_max_attempts": 2})).converse(modelId=MODEL, messages=MESSAGES)
        refused, answered = server.journal

        assert "1200" == dict(refused.headers)["x-amz-retry-after"]
        assert answered.started - (refused.last_byte or 0) >= 1.2e9

    @pytest.mark.parametrize(
        ("kind", "code"),
        [
            ("server_error", "internalServerException"),
            ("overloaded", "serviceUnavailableException"),
            ("rate_limited", "throttlingException"),
            ("model_stream_error", "modelStreamErrorException"),
            ("bad_request", "validationException"),
            ("forbidden", "AccessDeniedException"),
            ("bad_gateway", "internalServerException"),
        ],
    )
    def test_an_error_inside_a_stream(self, server: FakeServer, kind: str, code: str) -> None:
        """
        The client raises it after what came before; what its description does not know is an error without a name.
        """
        server.weather = Weather([always(MidstreamError(3, kind))])
        events, raised = read(client(server).converse_stream(modelId=MODEL, messages=MESSAGES)["stream"])

        assert isinstance(raised, EventStreamError)
        assert code == raised.response["Error"]["Code"]
        assert raised.response["Error"]["Message"]
        assert [1, 2, 3] == [int(word.rpartition("-")[2]) for word in spoken(events).split()]

    def test_a_time_out_inside_an_invocation(self, server: FakeServer) -> None:
        """
        The one exception that a conversation's stream does not know.
        """
        server.weather = Weather([always(MidstreamError(1, "request_timeout"))])
        asked = json.dumps(LANGUAGES["bedrock-anthropic"].body(MODEL, "hello", stream=True))
        made = client(server)

        _, invoked = read(made.invoke_model_with_response_stream(modelId=MODEL, body=asked)["body"])
        _, conversed = read(made.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"])

        assert "(modelTimeoutException)" in str(invoked)
        assert "(ModelTimeoutException)" in str(conversed)


class TestBearer:
    def test_over_tls(self, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The key alone is enough: it is sent in the place of a signature.
        """
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", server.fake.keys[0])
        with tls(server, tmp_path) as (url, authority):
            made = client(server, endpoint_url=url, verify=authority)
            found = made.converse(modelId=MODEL, messages=MESSAGES)
            events, raised = read(made.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"])

        assert ([{"text": TEXT}], TEXT, None) == (found["output"]["message"]["content"], spoken(events), raised)
        assert "Bearer <" in dict(server.journal[0].request_headers)["authorization"]

    def test_a_wrong_one(self, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        It is refused in other words than a wrong signature.
        """
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "wrong")
        with tls(server, tmp_path) as (url, authority):
            made = client(server, endpoint_url=url, verify=authority)
            with pytest.raises(made.exceptions.AccessDeniedException, match="make sure your API Key is valid"):
                made.converse(modelId=MODEL, messages=MESSAGES)

    def test_never_in_the_clear(self, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Amazon's client itself refuses to send it without TLS.
        """
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", server.fake.keys[0])
        with pytest.raises(InvalidEndpointConfigurationError):
            client(server).converse(modelId=MODEL, messages=MESSAGES)

        assert not server.journal


@contextmanager
def tls(server: FakeServer, folder: Path) -> Iterator[tuple[str, str]]:
    """A door with TLS before a fake: its URL, and the file of the authority that vouches for it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        door = asyncio.run_coroutine_threadsafe(asyncio.start_server(meet, "localhost", 0, ssl=context), loop).result(5)
        yield f"https://localhost:{door.sockets[0].getsockname()[1]}", str(folder / "ca.pem")
        while OPEN:
            OPEN.pop().close()
        asyncio.run_coroutine_threadsafe(_shut(door), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _shut(door: asyncio.Server) -> None:
    door.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait([task], timeout=2)


class TestBroken:
    @pytest.mark.parametrize("inside", [None, "event", "prelude"])
    @pytest.mark.parametrize("how", ["clean", "fin", "reset"])
    def test_a_cut_stream(self, server: FakeServer, how: Any, inside: Any) -> None:
        """
        Amazon's client tells of a broken connection, and of nothing where the HTTP message ended properly.
        """
        server.weather = Weather([always(Cut(3, how=how, inside=inside))])
        events, raised = read(client(server).converse_stream(modelId=MODEL, messages=MESSAGES)["stream"])

        assert "k7q2x9-1 k7q2x9-2 k7q2x9-3" == spoken(events)
        assert isinstance(raised, ProtocolError if how != "clean" else type(None))
        assert not billed(server).sent_whole

    def test_garbage_in_a_sound_frame(self, server: FakeServer) -> None:
        """
        Sums and lengths are right, and Amazon's client makes an event of nothing of it: a piece is lost unnoticed.
        """
        server.weather = Weather([always(GarbageEvent(3))])
        events, raised = read(client(server).converse_stream(modelId=MODEL, messages=MESSAGES)["stream"])

        assert None is raised
        assert {"contentBlockDelta": {}} in events
        assert [1, 2, 3, 5, 6] == [int(word.rpartition("-")[2]) for word in spoken(events).split()]

    def test_an_empty_answer_is_not_noticed(self, server: FakeServer) -> None:
        """
        Amazon's client makes an empty result of it.
        """
        server.weather = Weather([always(EmptyBody())])

        assert ["ResponseMetadata"] == list(client(server).converse(modelId=MODEL, messages=MESSAGES))


class _Saying:
    """A fault that says no with one trouble."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def rewrite(self, script: Any, ask: Any) -> Any:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, Trouble(self._kind))
