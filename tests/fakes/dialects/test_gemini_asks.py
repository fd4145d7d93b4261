"""Asks of every shape: each gets a valid answer or a valid error, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.genai.types import GenerateContentResponse
from hypothesis import given
from hypothesis import strategies as st
from languages import LANGUAGES
from speaking import Spoken, google

from brownout.fakes.answer import Answer, ToolCall
from brownout.fakes.ask import Trouble
from brownout.fakes.dialects.gemini.troubles import TROUBLES

MODEL = "/v1beta/models/gemini-2.5-flash"
PLACE = "/v1beta1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash"
CONTENTS = [{"role": "user", "parts": [{"text": "[bo:k7q2x9] hello"}]}]
TEXTS = st.text(max_size=12)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
PART = st.one_of(
    st.builds(lambda text: {"text": text}, TEXTS),
    st.just({"functionCall": {"name": "one", "args": {"a": "b"}}}),
    st.just({"functionResponse": {"name": "one", "response": {"a": "b"}}}),
    st.just({"inline_data": {"mimeType": "image/png", "data": "aGk="}}),
    ANY,
)
CONTENT = st.builds(
    lambda role, parts: {"role": role, "parts": parts},
    st.sampled_from(["user", "model", "nobody"]),
    st.lists(PART, max_size=3) | ANY,
)
SCHEMA = st.just({"type": "OBJECT", "properties": {"a": {"type": "STRING", "minLength": "1"}}}) | ANY
FUNCTION = st.builds(lambda name, schema: {"name": name, "parameters": schema}, st.sampled_from(["one", "two"]), SCHEMA)
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "maxOutputTokens": st.integers(-1, 60) | ANY,
        "candidateCount": st.integers(0, 3),
        "stop_sequences": st.lists(TEXTS, max_size=2) | ANY,
        "responseMimeType": st.sampled_from(["application/json", "text/plain", "text/x.enum"]),
        "responseSchema": SCHEMA,
        "responseJsonSchema": st.just({"type": "object"}) | ANY,
        "thinkingConfig": st.just({"includeThoughts": True}) | ANY,
        "unheard_of": ANY,
    },
)
MODES = st.sampled_from(["AUTO", "ANY", "NONE"])
BODY = st.fixed_dictionaries(
    {},
    optional={
        "contents": st.lists(CONTENT, max_size=3) | ANY,
        "systemInstruction": CONTENT | ANY,
        "generationConfig": CONFIG | ANY,
        "tools": st.lists(st.builds(lambda each: {"function_declarations": [each]}, FUNCTION) | ANY, max_size=2) | ANY,
        "toolConfig": st.builds(lambda mode: {"functionCallingConfig": {"mode": mode}}, MODES) | ANY,
        "unheardOf": ANY,
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
DIALECTS = pytest.mark.parametrize(("dialect", "path"), [("gemini", MODEL), ("vertex", PLACE)])


def refused(spoken: Spoken) -> bool:
    """Whether it is a refusal; if so, a proper one."""
    if spoken.status == 200:
        return False
    value = spoken.json[0] if isinstance(spoken.json, list) else spoken.json
    assert {"error"} == set(value)
    assert {"code", "message", "status"} <= set(value["error"]) <= {"code", "message", "status", "details"}
    assert spoken.status == value["error"]["code"]
    return True


def accepted(value: Any) -> GenerateContentResponse:
    """A response as the client's own model takes it, which forbids what it does not know."""
    found = GenerateContentResponse.model_validate(value)
    usage = found.usage_metadata
    assert usage is not None
    parts = (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count)
    assert usage.total_token_count in {None, sum(part or 0 for part in parts)}
    return found


@DIALECTS
class TestAnyAsk:
    @given(BODY, ANSWERS)
    def test_content_is_generated_or_refused(
        self, dialect: str, path: str, body: dict[str, Any], answer: Answer
    ) -> None:
        """
        Whatever a request holds, it gets a response that the client's model accepts, or Google's error.
        """
        spoken = google(answer, dialect=dialect).post(f"{path}:generateContent", {"contents": CONTENTS} | body)

        if not refused(spoken):
            accepted(spoken.json)
            assert spoken.ask.max_output is None or spoken.ask.output_tokens <= spoken.ask.max_output * 3

    @given(BODY, ANSWERS)
    def test_a_stream_says_the_same_in_either_framing(
        self, dialect: str, path: str, body: dict[str, Any], answer: Answer
    ) -> None:
        """
        Server-sent events and the array hold the same responses, each of which the client's model accepts.
        """
        asked = {"contents": CONTENTS} | body
        events = google(answer, dialect=dialect).post(f"{path}:streamGenerateContent?alt=sse", asked)
        array = google(answer, dialect=dialect).post(f"{path}:streamGenerateContent", asked)

        assert events.status == array.status
        if refused(events):
            assert refused(array)
            assert [events.json] == array.json
            return
        found = [json.loads(event.removeprefix("data: ")) for event in events.body.decode().split("\r\n\r\n") if event]
        for one, other in zip(found, json.loads(array.body), strict=True):
            assert accepted(one).candidates == accepted(other).candidates
        ends = [each for one in found for each in one.get("candidates", ()) if "finishReason" in each]
        assert ends == [each for each in found[-1].get("candidates", ()) if "finishReason" in each]

    @given(BODY)
    def test_tokens_are_counted_or_the_request_is_refused(self, dialect: str, path: str, body: dict[str, Any]) -> None:
        """
        Counting gives a number and costs nothing.
        """
        spoken = google(dialect=dialect).post(f"{path}:countTokens", {"contents": CONTENTS} | body)

        if not refused(spoken):
            assert isinstance(spoken.json["totalTokens"], int)
            assert (0, 0) == (spoken.ask.input_tokens, spoken.ask.output_tokens)

    def test_tokens_are_told_apart_by_what_they_are_of(self, dialect: str, path: str) -> None:
        """
        Text, images and documents, in the order of the alphabet behind the text; all of them are the prompt's.
        """
        files = [{"inlineData": {"mimeType": kind, "data": "aGk="}} for kind in ("image/png", "application/pdf")]
        asked = {"contents": [{"parts": [{"text": "12345678"}, *files, files[0]]}]}
        counted = google(dialect=dialect).post(f"{path}:countTokens", asked).json
        used = google(dialect=dialect).post(f"{path}:generateContent", asked).json["usageMetadata"]
        told = {each["modality"]: each["tokenCount"] for each in used["promptTokensDetails"]}

        assert {"TEXT": 2, "DOCUMENT": 258, "IMAGE": 516} == told
        assert used["promptTokensDetails"] == counted["promptTokensDetails"]
        assert sum(told.values()) == counted["totalTokens"] == used["promptTokenCount"]

    @given(st.binary(max_size=60))
    def test_any_bytes_are_refused(self, dialect: str, path: str, body: bytes) -> None:
        """
        What is no JSON object is a bad request.
        """
        spoken = google(dialect=dialect).ask("POST", f"{path}:generateContent", body)

        assert refused(spoken)

    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    def test_every_trouble_has_its_envelope(self, dialect: str, path: str, kind: str) -> None:
        """
        Pages of the front end apart, every refusal is an error object whose code is its status.
        """
        provider = google(dialect=dialect)
        spoken = provider.post(f"{path}:generateContent", {"contents": CONTENTS})
        ops = provider.speaks.trouble(spoken.ask, Trouble(kind, retry_after=7.5))

        said = Spoken(spoken.ask, tuple(ops))

        assert said.status == TROUBLES[kind].status or dialect == "vertex"
        if "text/html" not in (said.header("content-type") or ""):
            assert refused(said) is (kind != "content_policy")
            assert kind == "content_policy" or "7.5s" in said.body.decode()


class TestEmbeddings:
    @given(st.lists(TEXTS, max_size=3), st.integers(-1, 9) | st.just(4096))
    def test_a_batch_is_embedded_or_refused(self, texts: list[str], size: int) -> None:
        """
        There are as many vectors as texts, each as long as asked for, and the same text has the same vector.
        """
        content = [{"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]}} for text in texts]
        requests = [{**each, "outputDimensionality": size} for each in content]

        path = "/v1beta/models/gemini-embedding-001:batchEmbedContents"
        spoken = google().post(path, {"requests": requests})

        if not refused(spoken):
            found = [each["values"] for each in spoken.json["embeddings"]]
            assert [size or 3072] * len(texts) == [len(each) for each in found]
            assert len(set(texts)) == len({tuple(each) for each in found}) or size == 1

    def test_vertex_predicts(self) -> None:
        """
        The older models for embeddings are asked in the words of all models on Vertex AI.
        """
        path = "/v1/projects/p/locations/l/publishers/google/models/gemini-embedding-001:predict"

        spoken = google(dialect="vertex").post(path, {"instances": [{"content": "hello"}]})

        (prediction,) = spoken.json["predictions"]
        assert {"token_count": 2, "truncated": False} == prediction["embeddings"]["statistics"]
        assert refused(google(dialect="vertex").post(path, {"instances": []}))

    @pytest.mark.parametrize("dialect", ["gemini", "vertex"])
    def test_a_document_is_embedded(self, dialect: str) -> None:
        """
        What has no text has a vector too, one of its own; Vertex AI says how much it read.
        """
        place = "/v1" if dialect == "gemini" else "/v1/projects/p/locations/l/publishers/google"
        path = f"{place}/models/gemini-embedding-001:embedContent"
        parts = [[{"inlineData": {"mimeType": "application/pdf", "data": data}}] for data in ("aGk=", "aG8=")]
        one, other = (google(dialect=dialect).post(path, {"content": {"parts": each}}).json for each in parts)

        assert one["embedding"] != other["embedding"]
        assert (dialect == "vertex") is ("usageMetadata" in one)


class TestStructure:
    @pytest.mark.parametrize("name", ["generateContent", "streamGenerateContent?alt=sse"])
    def test_one_of_several_words_is_no_json(self, name: str) -> None:
        """
        An answer of the type of enumerations is the bare word.
        """
        config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["Brass", "String"]}}

        spoken = google().post(f"{MODEL}:{name}", {"contents": CONTENTS, "generationConfig": config})

        assert "Brass" == LANGUAGES["gemini"].words(spoken.body, streamed="stream" in name)

    def test_nothing_but_an_enumeration_is_one(self) -> None:
        """
        A schema without words to choose from is refused.
        """
        config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING"}}

        assert refused(google().post(f"{MODEL}:generateContent", {"contents": CONTENTS, "generationConfig": config}))

    @DIALECTS
    @pytest.mark.parametrize(
        "config",
        [{"maxOutputTokens": 0}, {"logprobs": 0}, {"logprobs": 2, "responseLogprobs": False}],
    )
    def test_what_the_api_takes_for_nonsense_is_refused(self, dialect: str, path: str, config: dict[str, Any]) -> None:
        """
        An answer of no tokens, and probabilities of words that nobody asked for.
        """
        asked = {"contents": CONTENTS, "generationConfig": config}

        assert refused(google(dialect=dialect).post(f"{path}:generateContent", asked))


class TestAccess:
    @pytest.mark.parametrize(
        ("path", "headers", "status"),
        [
            (f"{MODEL}:generateContent?key={{key}}", (), 200),
            (f"{MODEL}:generateContent", (("authorization", "Bearer {key}"),), 200),
            ("/v1alpha/models/gemini-2.5-flash:generateContent?key={key}", (), 200),
            (f"{MODEL}:generateContent?key=wrong", (), 400),
            (f"{MODEL}:generateContent", (), 403),
            ("/v1beta/models/gemini-9:generateContent?key={key}", (), 404),
            ("/v1beta/models/gemini-2.5-flash:sing?key={key}", (), 404),
            ("/v1beta/tunedModels?key={key}", (), 404),
        ],
    )
    def test_keys_and_paths_are_checked(self, path: str, headers: tuple[tuple[str, str], ...], status: int) -> None:
        """
        The key may be in a header or in the query; a wrong one is a bad request and a missing one is forbidden.
        """
        provider = google()
        key = provider.fake.keys[0]
        given = tuple((name, value.format(key=key)) for name, value in headers)

        spoken = provider.ask("POST", path.format(key=key), json.dumps({"contents": CONTENTS}).encode(), None, given)

        assert status == spoken.status

    @pytest.mark.parametrize(("key", "status"), [("wrong", 401), (None, 401)])
    def test_vertex_wants_a_token(self, key: str | None, status: int) -> None:
        """
        On Vertex AI both are unauthenticated.
        """
        spoken = google(dialect="vertex").post(f"{PLACE}:generateContent", {"contents": CONTENTS}, key=key)

        assert status == spoken.status
        assert "UNAUTHENTICATED" == spoken.json["error"]["status"]
        assert "googleapis.com" == spoken.json["error"]["details"][0]["domain"]

    def test_claude_on_vertex_is_asked_in_its_own_words(self) -> None:
        """
        A request that names no version of Anthropic's API for Vertex AI is refused.
        """
        path = PLACE.replace("google/models/gemini-2.5-flash", "anthropic/models/claude-sonnet-4-5") + ":rawPredict"
        body = {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}

        without = google(dialect="vertex").post(path, body)
        with_one = google(dialect="vertex").post(path, {"anthropic_version": "vertex-2023-10-16", **body})

        assert (400, 200) == (without.status, with_one.status)
        assert "claude-sonnet-4-5" == with_one.json["model"]

    @pytest.mark.parametrize(
        ("publisher", "model", "method"),
        [
            ("google", "claude-sonnet-4-5", "generateContent"),
            ("google", "claude-sonnet-4-5", None),
            ("anthropic", "gemini-2.5-flash", "rawPredict"),
        ],
    )
    def test_nobody_publishes_the_models_of_others(self, publisher: str, model: str, method: str | None) -> None:
        """
        A model of Anthropic's is not found among Google's, nor the other way round.
        """
        path = f"/v1/projects/p/locations/l/publishers/{publisher}/models/{model}"
        message = {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
        body = {"contents": CONTENTS} if publisher == "google" else {"anthropic_version": "vertex-2023-10-16"} | message
        vertex = google(dialect="vertex")

        spoken = vertex.get(path) if method is None else vertex.post(f"{path}:{method}", body)

        assert (404, "NOT_FOUND") == (spoken.status, spoken.json["error"]["status"])


class TestModels:
    def test_the_list_is_turned_page_by_page(self) -> None:
        """
        Each page leads to the next one, and together they hold every model once.
        """
        names: list[str] = []
        token = "0"
        for _ in range(20):
            page = google().get(f"/v1beta/models?pageSize=2&pageToken={token}").json
            names += [model["name"] for model in page["models"]]
            token = page.get("nextPageToken", "")
            if not token:
                break

        assert names == [f"models/{name}" for name in google().fake.known()]
        assert refused(google().get("/v1beta/models?pageSize=many"))
        assert 200 == google().get("/v1beta/models/gemini-2.5-pro").status
        assert refused(google().get("/v1beta/models/gemini-9"))

    def test_vertex_lists_what_google_publishes(self) -> None:
        """
        The list has Google's own models, page by page; each of them can be asked for.
        """
        vertex = google(dialect="vertex")
        first = vertex.get("/v1beta1/publishers/google/models?pageSize=2").json
        rest = vertex.get(f"/v1beta1/publishers/google/models?pageToken={first['nextPageToken']}").json
        names = [model["name"].rpartition("/")[2] for page in (first, rest) for model in page["publisherModels"]]

        assert names == [name for name in vertex.fake.known() if not name.startswith("claude")]
        for place in ("", "/projects/p/locations/l"):
            one = vertex.get(f"/v1{place}/publishers/google/models/gemini-2.5-flash").json
            assert "publishers/google/models/gemini-2.5-flash" == one["name"]
