"""How a fake of each dialect is asked for something, and how its answer is read: what tests of every dialect go by."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import quote

from botocore.eventstream import EventStreamBuffer

from brownout.fakes.ask import Request
from brownout.fakes.fake import Fake
from brownout.fakes.frames import frame
from brownout.fakes.script import Headers
from brownout.harness.targets.sse import EventReader


class Language(ABC):
    """One operation of a dialect."""

    dialect: ClassVar[str]
    model: ClassVar[str]
    writes: ClassVar[bool] = True
    """Whether it is answered by a text that a model writes."""
    sentinel: ClassVar[bytes] = b""
    """What ends a stream and carries no meaning."""
    blocks: ClassVar[str] = ""
    """The word in a 200 without an answer by which a prompt is refused for what it says; empty where that is a 400."""

    def fake(self, **fields: Any) -> Fake:
        """A fake that is asked so."""
        return Fake(dialect=self.dialect, model=self.model, **fields)

    def request(self, fake: Fake, text: str, *, stream: bool = False, headers: Headers = (), **more: Any) -> Request:
        """The request for an answer to a text; `most` is how many tokens it may write, the rest goes into the body."""
        path, _, query = self.path(fake.model, stream=stream).partition("?")
        body = json.dumps(self.body(fake.model, text, stream=stream, **more)).encode()
        own = (*self.credentials(fake.keys[0]), ("content-type", "application/json"))
        return Request("POST", path, query, (*own, *headers), body)

    def credentials(self, key: str | None) -> Headers:
        """The headers that carry a key, where there is one, and what else the provider wants to see."""
        return (("authorization", f"Bearer {key}"),) if key else ()

    @abstractmethod
    def path(self, model: str, *, stream: bool) -> str:
        """Where it is asked."""

    @abstractmethod
    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """What is asked, as JSON."""

    @abstractmethod
    def words(self, body: bytes, *, streamed: bool) -> str:
        """The text of an answer."""

    @abstractmethod
    def finishes(self, body: bytes, *, streamed: bool) -> list[str]:
        """The reasons for its end that an answer gives, in the provider's words."""

    @abstractmethod
    def error(self, body: bytes) -> tuple[str, str]:
        """The provider's own word for an error, and the message, from a refusal's body or an event's data."""


def events(body: bytes) -> Iterator[Any]:
    """The values in a stream's events, as far as they are JSON."""
    reader = EventReader()
    for event in [*reader.feed(body), *reader.end()]:
        try:
            yield json.loads(event.data)
        except ValueError:
            continue


class Chat(Language):
    """OpenAI's chat completions."""

    dialect = "openai"
    model = "gpt-4o-mini"
    sentinel = b"data: [DONE]\n\n"

    def path(self, model: str, *, stream: bool) -> str:
        """One path for all."""
        return "/v1/chat/completions"

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """One message of a user."""
        messages = [{"role": "user", "content": text}]
        limit = {} if most is None else {"max_completion_tokens": most}
        return {"model": model, "messages": messages, "stream": stream, **limit, **more}

    def words(self, body: bytes, *, streamed: bool) -> str:
        """Of all choices."""
        if streamed:
            return "".join(choice["delta"].get("content") or "" for choice in self._choices(body))
        return str(json.loads(body)["choices"][0]["message"]["content"])

    def finishes(self, body: bytes, *, streamed: bool) -> list[str]:
        """Of all choices."""
        choices = self._choices(body) if streamed else json.loads(body)["choices"]
        return [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]

    def error(self, body: bytes) -> tuple[str, str]:
        """The code, or else the type."""
        error = json.loads(body)["error"]
        return error["code"] or error["type"], error["message"]

    def _choices(self, body: bytes) -> Iterator[dict[str, Any]]:
        for event in events(body):
            yield from event.get("choices", ())


class Compatible(Chat):
    """Chat completions of a provider that is not OpenAI."""

    dialect = "openai_compatible"

    def __init__(self, provider: str) -> None:
        self.model = f"{provider}/llama-3.3-70b"  # type: ignore[misc]

    def error(self, body: bytes) -> tuple[str, str]:
        """The code or the type where there is one; a bare server has a message and nothing else."""
        error = json.loads(body)["error"]
        if isinstance(error, str):
            return error, error
        return str(error.get("code") or error["type"]), error["message"]


class Silent(Compatible):
    """Chat completions of a provider whose streams end by `[DONE]` alone where they end by themselves."""

    sentinel = b""

    def finishes(self, body: bytes, *, streamed: bool) -> list[str]:
        """That it is over is said by nothing else."""
        told, reader = super().finishes(body, streamed=streamed), EventReader()
        ended = streamed and any(event.data == "[DONE]" for event in [*reader.feed(body), *reader.end()])
        return ["stop"] if ended and not told else told


class Responses(Language):
    """OpenAI's responses."""

    dialect = "openai"
    model = "gpt-4o-mini"

    def path(self, model: str, *, stream: bool) -> str:
        """One path for all."""
        return "/v1/responses"

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """A text."""
        limit = {} if most is None else {"max_output_tokens": most}
        return {"model": model, "input": text, "stream": stream, **limit, **more}

    def words(self, body: bytes, *, streamed: bool) -> str:
        """Of all deltas, or of all parts."""
        if streamed:
            kinds = ("response.output_text.delta",)
            return "".join(event["delta"] for event in events(body) if event.get("type") in kinds)
        parts = [part for item in json.loads(body)["output"] for part in item.get("content", ())]
        return "".join(part.get("text") or "" for part in parts)

    def finishes(self, body: bytes, *, streamed: bool) -> list[str]:
        """The reason why it is incomplete, or that it is not."""
        if streamed:
            ends = [event["response"] for event in events(body) if "completed_at" in event.get("response", {})]
            responses = [response for response in ends if response["status"] in {"completed", "incomplete"}]
        else:
            responses = [json.loads(body)]
        return [(response["incomplete_details"] or {"reason": "stop"})["reason"] for response in responses]

    def error(self, body: bytes) -> tuple[str, str]:
        """The code, or else the type, wherever this form of the event has it."""
        value = json.loads(body)
        error = value.get("error") or value.get("response", {}).get("error") or value
        return error["code"] or error["type"], error["message"]


class Embeddings(Responses):
    """OpenAI's embeddings, in which nothing is written."""

    model = "text-embedding-3-small"
    writes = False

    def path(self, model: str, *, stream: bool) -> str:
        """One path for all."""
        return "/v1/embeddings"

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """A text; there is nothing to stream and nothing to limit."""
        return {"model": model, "input": text, "dimensions": 16, **more}


class Messages(Language):
    """Anthropic's messages."""

    dialect = "anthropic"
    model = "claude-sonnet-5-5"
    sentinel = b"message_stop"
    version = "2023-06-01"

    def credentials(self, key: str | None) -> Headers:
        """As the official clients send them before their second generation."""
        return (*((("x-api-key", key),) if key else ()), ("anthropic-version", self.version))

    def path(self, model: str, *, stream: bool) -> str:
        """One path for all."""
        return "/v1/messages"

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """One message of a user."""
        messages = [{"role": "user", "content": text}]
        return {"model": model, "max_tokens": most or 1024, "messages": messages, "stream": stream, **more}

    def words(self, body: bytes, *, streamed: bool) -> str:
        """Of all text blocks."""
        if streamed:
            deltas = [event["delta"] for event in events(body) if event.get("type") == "content_block_delta"]
            return "".join(delta.get("text") or "" for delta in deltas)
        return "".join(block.get("text") or "" for block in json.loads(body)["content"])

    def finishes(self, body: bytes, *, streamed: bool) -> list[str]:
        """The stop reason."""
        if not streamed:
            return [json.loads(body)["stop_reason"]]
        return [event["delta"]["stop_reason"] for event in events(body) if event.get("type") == "message_delta"]

    def error(self, body: bytes) -> tuple[str, str]:
        """The code in the details, or else the type."""
        error = json.loads(body)["error"]
        return error.get("details", {}).get("error_code") or error["type"], error["message"]


class NewestMessages(Messages):
    """Anthropic's messages in the newest version of the API."""

    version = "2026-10-21"

    def credentials(self, key: str | None) -> Headers:
        """As the official clients send them since their second generation."""
        return (*Language.credentials(self, key), ("anthropic-version", self.version))


class Gemini(Language):
    """Google's Gemini API, streamed as server-sent events."""

    dialect = "gemini"
    model = "gemini-2.5-flash"
    streams = "?alt=sse"
    blocks = "blockReason"

    def credentials(self, key: str | None) -> Headers:
        """As Google's clients send it."""
        return (("x-goog-api-key", key),) if key else ()

    def path(self, model: str, *, stream: bool) -> str:
        """The method is part of the path."""
        return f"/v1beta/models/{model}:" + (f"streamGenerateContent{self.streams}" if stream else "generateContent")

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """One turn of a user."""
        limit = {} if most is None else {"generationConfig": {"maxOutputTokens": most}}
        return {"contents": [{"role": "user", "parts": [{"text": text}]}], **limit, **more}

    def words(self, body: bytes, *, streamed: bool) -> str:
        """Of all parts."""
        parts = [
            part
            for candidate in self._candidates(body, streamed=streamed)
            for part in candidate.get("content", {}).get("parts", ())
        ]
        return "".join(part.get("text") or "" for part in parts if not part.get("thought"))

    def finishes(self, body: bytes, *, streamed: bool) -> list[str]:
        """Of all candidates."""
        return [one["finishReason"] for one in self._candidates(body, streamed=streamed) if "finishReason" in one]

    def error(self, body: bytes) -> tuple[str, str]:
        """The status of `google.rpc.Code`."""
        error = json.loads(body)["error"]
        return error["status"], error["message"]

    def _candidates(self, body: bytes, *, streamed: bool) -> Iterator[dict[str, Any]]:
        for response in events(body) if streamed else [json.loads(body)]:
            yield from response.get("candidates", ())


class Vertex(Gemini):
    """Google's own models on Vertex AI."""

    dialect = "vertex"

    def credentials(self, key: str | None) -> Headers:
        """An OAuth token."""
        return Language.credentials(self, key)

    def path(self, model: str, *, stream: bool) -> str:
        """Project and location are part of the path, too."""
        place = "/v1beta1/projects/acme/locations/europe-west4/publishers/google/"
        return super().path(model, stream=stream).replace("/v1beta/", place)


class VertexMessages(Messages):
    """Anthropic's models on Vertex AI."""

    dialect = "vertex"

    def credentials(self, key: str | None) -> Headers:
        """An OAuth token."""
        return Language.credentials(self, key)

    def path(self, model: str, *, stream: bool) -> str:
        """The model is part of the path."""
        method = "streamRawPredict" if stream else "rawPredict"
        return f"/v1/projects/acme/locations/us-east5/publishers/anthropic/models/{model}:{method}"

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """A version in the place of the model."""
        plain = super().body(model, text, stream=stream, most=most, **more)
        del plain["model"], plain["stream"]
        return {"anthropic_version": "vertex-2023-10-16", **plain}

    def error(self, body: bytes) -> tuple[str, str]:
        """The status of `google.rpc.Code`; in a stream, Anthropic's own word."""
        error = json.loads(body)["error"]
        return error.get("status") or error["type"], error["message"]


class Cohere(Language):
    """Cohere's chat, in the second version of its API."""

    dialect = "cohere"
    model = "command-a-03-2025"
    sentinel = b"data: [DONE]\n\n"

    def path(self, model: str, *, stream: bool) -> str:
        """One path for all."""
        return "/v2/chat"

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """One message of a user."""
        limit = {} if most is None else {"max_tokens": most}
        return {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream, **limit, **more}

    def words(self, body: bytes, *, streamed: bool) -> str:
        """Of all content that is text."""
        if not streamed:
            content = json.loads(body)["message"].get("content", ())
        else:
            deltas = [event["delta"] for event in events(body) if event.get("type") == "content-delta"]
            content = [delta["message"]["content"] for delta in deltas]
        return "".join(item.get("text") or "" for item in content)

    def finishes(self, body: bytes, *, streamed: bool) -> list[str]:
        """The reason for its end; an error is none of the answer's own."""
        if not streamed:
            return [json.loads(body)["finish_reason"]]
        ends = [event["delta"] for event in events(body) if event.get("type") == "message-end"]
        return [end["finish_reason"] for end in ends if "error" not in end]

    def error(self, body: bytes) -> tuple[str, str]:
        """There is no word for an error but its message, in a refusal's body or at the end of a stream."""
        value = json.loads(body)
        message = value["message"] if "message" in value else value["delta"]["error"]
        return message, message


class Azure(Chat):
    """Chat completions of a deployment on Azure."""

    dialect = "azure_openai"

    def credentials(self, key: str | None) -> Headers:
        """The key in a header of Azure's own."""
        return (("api-key", key),) if key else ()

    def path(self, model: str, *, stream: bool) -> str:
        """The deployment is part of the path."""
        return f"/openai/deployments/{model}/chat/completions?api-version=2024-10-21"


class AzureResponses(Responses):
    """Responses on Azure, where callers may come with a token."""

    dialect = "azure_openai"

    def path(self, model: str, *, stream: bool) -> str:
        """As at OpenAI, behind another door."""
        return "/openai/v1/responses"


class Mistral(Chat):
    """Mistral's chat completions."""

    dialect = "mistral"
    model = "mistral-large-latest"

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """The limit has its older name."""
        limit = {} if most is None else {"max_tokens": most}
        return {**super().body(model, text, stream=stream, **more), **limit}

    def error(self, body: bytes) -> tuple[str, str]:
        """The code, or else the type; the gateway has words only, and what is invalid a list."""
        error = json.loads(body)
        match error.get("detail"):
            case None:
                return error["code"] or error["type"], error["message"]
            case str(said):
                return said, said
            case [first, *_]:
                return first["type"], first["msg"]
        raise AssertionError(error)


class Bedrock(Language):
    """Bedrock's conversations, streamed in binary frames, with the key as a bearer token."""

    dialect = "bedrock"
    model = "anthropic.claude-haiku-4-5-20251001-v1:0"

    def path(self, model: str, *, stream: bool) -> str:
        """The model is part of the path."""
        return f"/model/{quote(model, safe='')}/converse" + ("-stream" if stream else "")

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """One message of a user."""
        limit = {} if most is None else {"inferenceConfig": {"maxTokens": most}}
        return {"messages": [{"role": "user", "content": [{"text": text}]}], **limit, **more}

    def words(self, body: bytes, *, streamed: bool) -> str:
        """Of all text blocks."""
        if streamed:
            return "".join(each["delta"].get("text") or "" for each in framed(body) if "delta" in each)
        return "".join(block.get("text") or "" for block in json.loads(body)["output"]["message"]["content"])

    def finishes(self, body: bytes, *, streamed: bool) -> list[str]:
        """The stop reason."""
        said = framed(body) if streamed else [json.loads(body)]
        return [each["stopReason"] for each in said if "stopReason" in each]

    def error(self, body: bytes) -> tuple[str, str]:
        """There is no word for an error in the body but its message."""
        error = json.loads(body)
        message = error.get("message") or error["Message"]
        return message, message


class Invoked(Language):
    """A vendor's own body at Bedrock."""

    dialect = "bedrock"

    def __init__(self, home: Language, model: str, **asked: Any) -> None:
        self.model = model  # type: ignore[misc]
        self._home = home
        self._asked = asked

    def path(self, model: str, *, stream: bool) -> str:
        """The model is part of the path."""
        return f"/model/{quote(model, safe='')}/invoke" + ("-with-response-stream" if stream else "")

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """As at home, without what stands in the path."""
        plain = self._home.body(model, text, stream=stream, most=most, **more)
        return {**{name: value for name, value in plain.items() if name not in {"model", "stream"}}, **self._asked}

    def words(self, body: bytes, *, streamed: bool) -> str:
        """As at home, of the events in the chunks."""
        return self._home.words(self._at_home(body) if streamed else body, streamed=streamed)

    def finishes(self, body: bytes, *, streamed: bool) -> list[str]:
        """As at home."""
        return self._home.finishes(self._at_home(body) if streamed else body, streamed=streamed)

    def error(self, body: bytes) -> tuple[str, str]:
        """As in a conversation."""
        return LANGUAGES["bedrock"].error(body)

    def _at_home(self, body: bytes) -> bytes:
        chunks = [b64decode(each["bytes"]) for each in framed(body) if "bytes" in each]
        return b"".join(b"data: %b\n\n" % chunk for chunk in chunks)


class Nova(Bedrock):
    """Amazon's own models, whose events are those of a conversation."""

    model = "amazon.nova-lite-v1:0"

    def path(self, model: str, *, stream: bool) -> str:
        """The model is part of the path."""
        return f"/model/{quote(model, safe='')}/invoke" + ("-with-response-stream" if stream else "")

    def words(self, body: bytes, *, streamed: bool) -> str:
        """Of all text blocks."""
        return super().words(self._bare(body) if streamed else body, streamed=streamed)

    def finishes(self, body: bytes, *, streamed: bool) -> list[str]:
        """The stop reason."""
        return super().finishes(self._bare(body) if streamed else body, streamed=streamed)

    def _bare(self, body: bytes) -> bytes:
        """The events in frames of their own."""
        chunks = [b64decode(each["bytes"]) for each in framed(body) if "bytes" in each]
        found = [event for chunk in chunks for event in self._events(chunk)]
        return b"".join(frame((), json.dumps(event).encode()) for event in found)

    def _events(self, chunk: bytes) -> list[Any]:
        try:
            return [event for event in json.loads(chunk).values() if isinstance(event, dict)]
        except ValueError:
            return []


class MistralPrompt(Language):
    """A prompt that a model of Mistral's goes on with, which there is at Bedrock alone."""

    dialect = "bedrock"
    model = "mistral.mistral-7b-instruct-v0:2"

    def path(self, model: str, *, stream: bool) -> str:
        """Nowhere else."""
        raise AssertionError

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """A prompt."""
        return {"prompt": text, **({} if most is None else {"max_tokens": most}), **more}

    def words(self, body: bytes, *, streamed: bool) -> str:
        """Of all outputs."""
        return "".join(each["text"] or "" for each in self._outputs(body, streamed=streamed))

    def finishes(self, body: bytes, *, streamed: bool) -> list[str]:
        """Of all outputs."""
        return [each["stop_reason"] for each in self._outputs(body, streamed=streamed) if each["stop_reason"]]

    def error(self, body: bytes) -> tuple[str, str]:
        """Nowhere else."""
        raise AssertionError

    def _outputs(self, body: bytes, *, streamed: bool) -> Iterator[dict[str, Any]]:
        for value in events(body) if streamed else [json.loads(body)]:
            yield from value.get("outputs", ())


class Titan(MistralPrompt):
    """A prompt that one of Amazon's older models answers."""

    model = "amazon.titan-text-express-v1"

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """A prompt and its settings."""
        config = {} if most is None else {"textGenerationConfig": {"maxTokenCount": most}}
        return {"inputText": text, **config, **more}

    def _outputs(self, body: bytes, *, streamed: bool) -> Iterator[dict[str, Any]]:
        values = events(body) if streamed else json.loads(body)["results"]
        for value in values:
            if "outputText" in value:
                yield {"text": value["outputText"], "stop_reason": value["completionReason"]}


class MistralMessages(MistralPrompt):
    """A chat with a model of Mistral's."""

    model = "mistral.mistral-large-2407-v1:0"

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """One message of a user."""
        limit = {} if most is None else {"max_tokens": most}
        return {"messages": [{"role": "user", "content": text}], **limit, **more}

    def _outputs(self, body: bytes, *, streamed: bool) -> Iterator[dict[str, Any]]:
        for value in events(body) if streamed else [json.loads(body)]:
            for choice in value.get("choices", ()):
                yield {"text": choice["message"].get("content"), "stop_reason": choice["stop_reason"]}


class Command(MistralPrompt):
    """A chat with one of Cohere's older models."""

    model = "cohere.command-r-v1:0"

    def body(self, model: str, text: str, *, stream: bool, most: int | None = None, **more: Any) -> dict[str, Any]:
        """A message."""
        return {"message": text, **({} if most is None else {"max_tokens": most}), **more}

    def _outputs(self, body: bytes, *, streamed: bool) -> Iterator[dict[str, Any]]:
        for value in events(body) if streamed else [json.loads(body)]:
            text = value.get("text") if value.get("event_type", "text-generation") == "text-generation" else ""
            yield {"text": text, "stop_reason": value.get("finish_reason")}


def framed(body: bytes) -> Iterator[Any]:
    """The values in a stream's frames, as far as they are JSON; as Amazon's own parser reads them."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    for event in buffer:
        try:
            yield json.loads(event.payload)
        except ValueError:
            continue


LANGUAGES: dict[str, Language] = {
    "openai": Chat(),
    "openai-responses": Responses(),
    "openai-embeddings": Embeddings(),
    "anthropic": Messages(),
    "anthropic-2026-10-21": NewestMessages(),
    "gemini": Gemini(),
    "vertex": Vertex(),
    "vertex-anthropic": VertexMessages(),
    "azure_openai": Azure(),
    "mistral": Mistral(),
    "azure_openai-responses": AzureResponses(),
    "cohere": Cohere(),
    "bedrock": Bedrock(),
    "bedrock-anthropic": Invoked(
        Messages(), "anthropic.claude-haiku-4-5-20251001-v1:0", anthropic_version="bedrock-2023-05-31"
    ),
    "bedrock-amazon": Nova(),
    "bedrock-titan": Invoked(Titan(), Titan.model),
    "bedrock-mistral": Invoked(MistralMessages(), MistralMessages.model),
    "bedrock-mistral-prompt": Invoked(MistralPrompt(), MistralPrompt.model),
    "bedrock-cohere": Invoked(Command(), Command.model),
    "openai_compatible": Compatible("bare"),
    **{f"openai_compatible-{name}": Compatible(name) for name in ("openrouter", "groq", "together", "ollama", "vllm")},
    "openai_compatible-vllm-mlx": Silent("vllm-mlx"),
}
"""Every one of them; the first of a dialect has the dialect's name."""
WRITING = {name: language for name, language in LANGUAGES.items() if language.writes}
