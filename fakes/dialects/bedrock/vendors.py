"""What the vendors' own bodies look like at Bedrock, and how they are said in the vendors' own APIs.

A vendor's dialect is asked over its own API for what a body wants, and its answer is written down again. Anthropic's
messages stay what they are. Mistral's answers have a `stop_reason`, in chats and in completions of a prompt; a chunk of
a chat has its message where the whole answer has it, which no captured stream has shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from ...script import Headers
from ..anthropic.reading import NEWEST
from .refusing import refuse

if TYPE_CHECKING:
    from ...ask import Ask

KEY = "bedrock"
VERSIONS = {"bedrock-2023-05-31": "2023-06-01", NEWEST: NEWEST}
"""Of Anthropic's API, as a body names them; its own client names the newest since its second generation."""

Body = dict[str, Any]
Pieces = Iterable[tuple[Body, str]]
"""The events of a stream, and which part of the answer each of them is."""


class Vendor:
    """One shape of body: whose it is, and how it is translated there and back."""

    dialect: ClassVar[str]
    path: ClassVar[str]
    writes: ClassVar[bool] = True
    """Whether it is answered by a text, which can be streamed."""

    def headers(self, body: Body) -> Headers:
        """What the vendor's own API wants to see in headers."""
        return (("authorization", f"Bearer {KEY}"),)

    def asked(self, body: Body) -> Body:
        """The body as the vendor's own API takes it, but for model and `stream`; refused where it is none."""
        return body

    def told(self, ask: Ask, value: Body) -> Body:
        """The vendor's whole answer, as Bedrock has it."""
        return value

    def streamed(self, ask: Ask, pieces: Pieces) -> Pieces:
        """The events of the vendor's stream, as Bedrock has them."""
        return ((self.told(ask, value), part) for value, part in pieces)


class Messages(Vendor):
    """Anthropic's messages, whose version is in the body."""

    dialect = "anthropic"
    path = "/v1/messages"

    def headers(self, body: Body) -> Headers:
        """The version has a header at home."""
        return (("x-api-key", KEY), ("anthropic-version", VERSIONS.get(str(body.get("anthropic_version")), NEWEST)))

    def asked(self, body: Body) -> Body:
        """Without what is Bedrock's."""
        required(body, "anthropic_version", "max_tokens", "messages")
        if body["anthropic_version"] not in VERSIONS:
            raise refuse(f"anthropic_version: Input should be {' or '.join(map(repr, VERSIONS))}")
        for name in ("model", "stream"):
            if name in body:
                raise malformed(f"extraneous key [{name}] is not permitted")
        return {name: value for name, value in body.items() if name not in {"anthropic_version", "anthropic_beta"}}

    def told(self, ask: Ask, value: Body) -> Body:
        """Under the vendor's name of the model, and an identifier of Bedrock's."""
        name = (ask.model or "").partition("anthropic.")[2].partition("-v1:")[0].partition("-v2:")[0]
        return {**value, "model": name, "id": "msg_bdrk_" + value["id"].removeprefix("msg_")}

    def streamed(self, ask: Ask, pieces: Pieces) -> Iterator[tuple[Body, str]]:
        """Only the first event holds a message."""
        for value, part in pieces:
            yield ({**value, "message": self.told(ask, value["message"])} if "message" in value else value), part


class Chat(Vendor):
    """Mistral's chats."""

    dialect = "mistral"
    path = "/v1/chat/completions"

    def told(self, ask: Ask, value: Body) -> Body:
        """Nothing but the choices."""
        return {"choices": [_choice(choice) for choice in value["choices"]]}


class Prompt(Chat):
    """A prompt that one of Mistral's models goes on with: at home it is a chat's only message."""

    def asked(self, body: Body) -> Body:
        """A chat."""
        if not isinstance(body["prompt"], str):
            raise malformed("#/prompt: expected type: String")
        kept = {name: value for name, value in body.items() if name in {"max_tokens", "temperature", "top_p", "stop"}}
        return {**kept, "messages": [{"role": "user", "content": body["prompt"]}]}

    def told(self, ask: Ask, value: Body) -> Body:
        """Outputs in the place of choices."""
        choices = [_choice(choice) for choice in value["choices"]]
        texts = [(each["message"].get("content", ""), each["stop_reason"]) for each in choices]
        return {"outputs": [{"text": text, "stop_reason": reason} for text, reason in texts]}


class Embed(Vendor):
    """Cohere's embeddings."""

    dialect = "cohere"
    path = "/v2/embed"
    writes = False

    def asked(self, body: Body) -> Body:
        """As they are."""
        required(body, "input_type")
        return body

    def told(self, ask: Ask, value: Body) -> Body:
        """By type only where types were asked for."""
        named = bool(ask.body.get("embedding_types"))
        vectors = value["embeddings"] if named else value["embeddings"]["float"]
        texts = {"texts": value["texts"]} if "texts" in value else {}
        kind = "embeddings_by_type" if named else "embeddings_floats"
        return {"id": value["id"], "embeddings": vectors, "response_type": kind, **texts}


class Rerank(Vendor):
    """Cohere's rerank."""

    dialect = "cohere"
    path = "/v2/rerank"
    writes = False

    def asked(self, body: Body) -> Body:
        """Without the version, which is part of the path at home."""
        required(body, "query", "documents")
        return {name: value for name, value in body.items() if name != "api_version"}

    def told(self, ask: Ask, value: Body) -> Body:
        """Nothing but the results."""
        return {"results": value["results"]}


def malformed(why: str) -> Exception:
    """The refusal of a body that is not the vendor's."""
    return refuse(f"Malformed input request: #: {why}, please reformat your input and try again.")


def required(body: Body, *names: str) -> None:
    """Refuse a body without a field."""
    for name in names:
        if name not in body:
            raise malformed(f"required key [{name}] not found")


def _choice(choice: Body) -> Body:
    message = choice.get("delta", choice.get("message"))
    return {"index": choice["index"], "message": message, "stop_reason": choice["finish_reason"]}
