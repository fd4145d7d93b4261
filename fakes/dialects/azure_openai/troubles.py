"""How Azure OpenAI says no: what the gateway in front says, and what the model behind it says as OpenAI does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import refusing
from ..openai import troubles as openai
from ..refusing import Row, whole_seconds
from .filters import categories

if TYPE_CHECKING:
    from ...ask import Ask, Trouble

GATEWAY = ""
"""The type of what the gateway says, which has none on the wire."""
DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)
LIMITED = (
    "Requests to the {operation} Operation under Azure OpenAI API version {version} have exceeded {limited} rate limit "
    "of your current OpenAI S0 pricing tier. Please retry after {seconds} seconds. Please go here: "
    "https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit."
)
OPERATIONS = {
    "chat": "ChatCompletions_Create",
    "embeddings": "Embeddings_Create",
    "responses": "Responses_Create",
    "realtime": "Realtime",
}
# What only OpenAI's own billing and its own edge say.
FOREIGN = frozenset(kind for kind, row in openai.TROUBLES.items() if row.type == "insufficient_quota") | {"slow_down"}
TROUBLES: dict[str, Row] = {
    **{kind: row for kind, row in openai.TROUBLES.items() if kind not in FOREIGN},
    "no_key": Row(401, GATEWAY, "401", DENIED),
    "invalid_key": Row(401, GATEWAY, "401", DENIED),
    "forbidden": Row(
        403, GATEWAY, "AuthorizationFailed", "Public access is disabled. Please configure private endpoint."
    ),
    "not_allowed": Row(
        403, GATEWAY, "PermissionDenied", "The principal lacks the required data action to perform this operation."
    ),
    "model_not_found": Row(
        404,
        GATEWAY,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
        "please wait a moment and try again.",
    ),
    "invalid_model": Row(
        400,
        GATEWAY,
        "OpperationNotSupported",  # as captured
        "The realtime operation does not work with the specified model. Please choose different model and try again.",
    ),
    "not_found": Row(404, GATEWAY, "404", "Resource not found"),
    "method_not_allowed": Row(404, GATEWAY, "404", "Resource not found"),
    "request_timeout": Row(408, GATEWAY, "Timeout", "The operation was timeout."),
    "content_policy": Row(
        400,
        "",
        "content_filter",
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please "
        "modify your prompt and retry.",
        "prompt",
    ),
    "rate_limited": Row(429, GATEWAY, "429", LIMITED.replace("{limited}", "call")),
    "rate_limited_tokens": Row(429, GATEWAY, "429", LIMITED.replace("{limited}", "token")),
    "quota_exhausted": openai.TROUBLES["quota_exhausted"],
    "server_error": Row(
        500, GATEWAY, "InternalServerError", "The server had an error while processing your request. Sorry about that!"
    ),
    "overloaded": Row(
        503,
        GATEWAY,
        "ServiceUnavailable",
        "The service is temporarily unable to process your request. Please try again.",
    ),
    "unavailable": Row(503, GATEWAY, "ServiceUnavailable", "The service is temporarily unavailable."),
}


def row(trouble: Trouble) -> Row:
    """What the table has for a trouble."""
    return refusing.row(TROUBLES, openai.BY_STATUS, trouble)


def error(ask: Ask, trouble: Trouble, request_id: str) -> dict[str, Any]:
    """The error object, with all that the model behind the gateway would say."""
    found = row(trouble)
    places = openai.places(ask, trouble, request_id) | {
        "operation": OPERATIONS.get(ask.route, "Unknown"),
        "version": version(ask) or "v1",
        "seconds": whole_seconds(trouble.wait(usual=1.0)),
    }
    made: dict[str, Any] = {
        "message": trouble.message or found.message.format_map(places),
        "type": found.type or None,
        "param": trouble.param or (found.param and found.param.format_map(places)),
        "code": trouble.code or found.code or found.type or "InternalServerError",
    }
    if found is TROUBLES["content_policy"]:
        judged = {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": categories(filtered=True, prompt=True),
        }
        made |= {"status": trouble.status or found.status, "innererror": judged}
    elif found.type:
        made["code"] = trouble.code or found.code
    return made


def from_gateway(trouble: Trouble) -> bool:
    """Whether the gateway says it, in its short form."""
    found = row(trouble)
    return found.type == GATEWAY and found is not TROUBLES["content_policy"]


def version(ask: Ask) -> str:
    """The version of the API that a request names; empty where it names none."""
    return values(ask.request.query).get("api-version", "")


def values(query: str) -> Mapping[str, str]:
    """The pairs of a query, undecoded."""
    return {name: value for name, _, value in (pair.partition("=") for pair in query.split("&"))}
