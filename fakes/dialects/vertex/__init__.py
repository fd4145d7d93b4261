"""The wire format of Vertex AI: Google's own models, and Anthropic's behind the same door.

    /v1/projects/P/locations/L/publishers/google/models/M:generateContent      as in `gemini`
    /v1/projects/P/locations/L/publishers/anthropic/models/M:rawPredict        as in `anthropic`, the model in the path
    /v1beta1/publishers/google/models                                          the list of models

Callers come with an OAuth token as bearer, or with an API key. Limits are shared by all customers: a 429 names no quota
and no time to come back.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ...answer import count_tokens
from ...ask import Ask, Request, Trouble
from ...script import Op, Send, whole
from ..anthropic import messages
from ..anthropic import troubles as claude
from ..anthropic.limits import request_id
from ..anthropic.reading import NEWEST
from ..anthropic.reading import glance as glance_at_message
from ..anthropic.refusing import check_message, check_newest
from ..anthropic.refusing import check_window as check_message_window
from ..gemini import GENERATING, Gemini, content, models, troubles
from ..gemini.reading import METHODS, details_of, get, glance, key_of, objects
from ..gemini.refusing import check_model, refuse
from ..reading import Routes
from ..refusing import Refused, Row
from ..vectors import vector
from ..wire import json_bytes, json_value, sse

PLACE = r"/v1(?:beta1)?(?:/projects/[^/]+/locations/[^/]+)?/publishers"
ROUTES = Routes(
    (
        *(
            ("POST", rf"{PLACE}/google/models/([^/:]+):{method}", name)
            for method, name in METHODS.items()
            if name != "batch_embed"
        ),
        ("POST", rf"{PLACE}/google/models/([^/:]+):predict", "predict"),
        ("POST", rf"{PLACE}/google/models/([^/:]+):computeTokens", "compute"),
        ("GET", rf"{PLACE}/google/models", "models.list"),
        ("GET", rf"{PLACE}/google/models/([^/:]+)", "models.get"),
        ("POST", rf"{PLACE}/anthropic/models/count-tokens:rawPredict", "claude.count"),
        ("POST", rf"{PLACE}/anthropic/models/([^/:]+):rawPredict", "claude"),
        ("POST", rf"{PLACE}/anthropic/models/([^/:]+):streamRawPredict", "claude.stream"),
    )
)
ANTHROPIC_VERSIONS = ("vertex-2023-10-16", NEWEST)
"""Anthropic's clients send the newest version of its own API since their second generation."""
ANTHROPIC = "claude"
"""How the names of Anthropic's models begin."""
CLAUDE = frozenset({"claude", "claude.stream"})
USUAL = 768
EXHAUSTED = (
    "Resource exhausted. Please try again later. Please refer to "
    "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."
)
OWN: dict[str, Row] = {
    "invalid_key": Row(
        401,
        "UNAUTHENTICATED",
        None,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    ),
    "no_key": Row(
        401,
        "UNAUTHENTICATED",
        None,
        "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    ),
    "rate_limited": Row(429, "RESOURCE_EXHAUSTED", None, EXHAUSTED),
    "rate_limited_tokens": Row(429, "RESOURCE_EXHAUSTED", None, EXHAUSTED),
}
REASONS = {"invalid_key": "ACCESS_TOKEN_TYPE_UNSUPPORTED", "no_key": "CREDENTIALS_MISSING"}


class Vertex(Gemini):
    """The wire format of Vertex AI."""

    name = "vertex"
    writing = GENERATING | CLAUDE
    blocks = CLAUDE
    routes = ROUTES

    def key(self, request: Request) -> str | None:
        """The token or key that a request brings."""
        return key_of(request)

    def understand(self, ask: Ask) -> None:
        """Fill in what the request asks for as far as it can be read."""
        if ask.route == "predict":
            ask.body = json_value(ask.request.body)
            ask.model = ask.about
            ask.texts = tuple(_inputs(ask.body))
            ask.input_tokens = sum(map(count_tokens, ask.texts))
            check_model(ask)
            if not ask.texts:
                raise refuse("The request has no instances.")
        elif ask.route == "compute":
            ask.body = json_value(ask.request.body)
            glance(ask)
            check_model(ask)
        elif ask.route in CLAUDE or ask.route == "claude.count":
            self._understand_message(ask)
        else:
            super().understand(ask)
        if ask.about is not None and ask.about.startswith(ANTHROPIC) != (ask.route in CLAUDE):
            raise Refused(Trouble("model_not_found"))  # of the other publisher

    def say(self, ask: Ask) -> Sequence[Op]:
        """The fair-weather script of every operation."""
        if ask.route in CLAUDE:
            return messages.answer(ask)
        if ask.route == "claude.count":
            counted = {"input_tokens": ask.input_tokens}
            ask.input_tokens = 0  # counting costs nothing
            ask.answer = replace(ask.answer, text="")  # nothing is said here that a caller would hear
            return whole(200, json_bytes(counted), headers=content.HEADERS)
        if ask.route == "compute":
            ask.input_tokens = 0  # neither does this
            ask.answer = replace(ask.answer, text="")
            tokens = [_tokens(each) for each in objects(get(ask.body, "contents"))]
            return whole(200, troubles.pretty({"tokensInfo": tokens}), content.JSON, content.HEADERS)
        if ask.route != "predict":
            return super().say(ask)
        made = [
            {
                "embeddings": {
                    "values": list(vector(text, USUAL)),
                    "statistics": {"token_count": count_tokens(text), "truncated": False},
                }
            }
            for text in ask.texts
        ]
        ask.answer = replace(ask.answer, text="")  # nothing is said here that a caller would hear
        return whole(200, troubles.pretty({"predictions": made}), content.JSON, content.HEADERS)

    def list_models(self, ask: Ask) -> tuple[Op, ...]:
        """Google's own models, as a publisher has them, or one of them."""
        names = [name for name in ask.fake.known() if not name.startswith(ANTHROPIC)]
        return models.answer(ask, "publisherModels", names, _card)

    def extras(self, ask: Ask) -> content.Extras:
        """When the response was made, and from which capacity."""
        made = datetime.fromtimestamp(ask.now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"createTime": made, "trafficType": "ON_DEMAND"}

    def counted(self, ask: Ask) -> dict[str, Any]:
        """The characters that are billed, spaces apart."""
        return {"totalBillableCharacters": sum(len("".join(text.split())) for text in ask.texts)}

    def embedded(self, ask: Ask) -> dict[str, Any]:
        """What was read."""
        return {"usageMetadata": {"promptTokenCount": ask.input_tokens, "promptTokensDetails": details_of(ask)}}

    def error(self, ask: Ask, trouble: Trouble) -> dict[str, Any]:
        """The error object in its envelope; one of these has wordings of its own."""
        own = OWN.get(trouble.kind)
        if own is None or trouble.status not in (None, own.status):
            return troubles.error(ask, trouble, troubles.row(trouble), shared=True)
        found = troubles.error(ask, trouble, own, shared=True)
        if reason := REASONS.get(trouble.kind):
            service = {"service": "aiplatform.googleapis.com", "method": ask.request.path}
            info = {"@type": f"{troubles.RPC}ErrorInfo", "reason": reason, "domain": "googleapis.com"}
            found["error"].setdefault("details", []).insert(0, {**info, "metadata": service})
        return found

    def refuse(self, ask: Ask, trouble: Trouble) -> Sequence[Op]:
        """Google's way of saying no, with the statuses that this API has for it."""
        own = OWN.get(trouble.kind)
        return super().refuse(ask, trouble if own is None or trouble.status else replace(trouble, status=own.status))

    def midstream_error(self, ask: Ask, trouble: Trouble, sent: int = 0) -> Send:
        """The piece of a stream that tells of an error."""
        if ask.route != "claude.stream":
            return super().midstream_error(ask, trouble, sent)
        # Once the model writes, its own words are passed on as they are.
        said = trouble if trouble.kind in claude.TROUBLES else replace(trouble, kind="server_error")
        return sse(claude.envelope(ask, said, request_id(ask)), "error", "error")

    def garbage(self, ask: Ask) -> Send:
        """An event whose framing is right and whose payload cannot be parsed."""
        return messages.GARBAGE if ask.route == "claude.stream" else super().garbage(ask)

    def unknown_event(self, ask: Ask) -> Send | None:
        """One of a type that Anthropic does not have, where its models answer."""
        return messages.NOTICE if ask.route == "claude.stream" else super().unknown_event(ask)

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A proper response without its substance."""
        if ask.route in CLAUDE:
            return messages.hollow(ask, how)
        return super().hollow(ask, how)

    def ping(self, ask: Ask) -> Send:
        """Anthropic's own, where its models answer."""
        return messages.PING if ask.route == "claude.stream" else super().ping(ask)

    def _understand_message(self, ask: Ask) -> None:
        """A message in the words of Anthropic's own API, which names neither model nor stream."""
        body, version = json_value(ask.request.body), None
        if isinstance(body, dict):
            version = body.pop("anthropic_version", None)
            named = {} if ask.route == "claude.count" else {"model": ask.about, "stream": ask.route == "claude.stream"}
            body |= named
        ask.body = body
        glance_at_message(ask)
        if isinstance(body, dict) and version not in ANTHROPIC_VERSIONS:
            raise refuse(f"anthropic_version: Input should be '{ANTHROPIC_VERSIONS[0]}'")
        check_message(ask, counting=ask.route == "claude.count")
        if version == NEWEST:
            check_newest(ask.body)
        check_message_window(ask)


def _tokens(turn: dict[str, Any]) -> dict[str, Any]:
    """Every token of a turn, four bytes each as they are counted, and a number for each that is always the same."""
    text = "".join(str(part["text"]) for part in objects(turn.get("parts")) if part.get("text"))
    data = text.encode("utf-8", "surrogatepass")
    tokens = [data[at : at + 4] for at in range(0, len(data), 4)]
    return {
        "tokens": [b64encode(token).decode() for token in tokens],
        "tokenIds": [str(int.from_bytes(token)) for token in tokens],
        "role": turn.get("role", "user"),
    }


def _card(name: str) -> dict[str, Any]:
    return {
        "name": f"publishers/google/models/{name}",
        "versionId": "default",
        "openSourceCategory": "PROPRIETARY",
        "launchStage": "GA",
        "publisherModelTemplate": f"projects/{{project}}/locations/{{location}}/publishers/google/models/{name}",
    }


def _inputs(body: Any) -> list[str]:
    instances = body.get("instances") if isinstance(body, dict) else None
    found = [one.get("content") for one in instances if isinstance(one, dict)] if isinstance(instances, list) else []
    return [text for text in found if isinstance(text, str)]


DIALECT = Vertex
