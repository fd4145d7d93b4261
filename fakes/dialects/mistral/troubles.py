"""How Mistral says no: flat errors of the API, short words of the gateway, lists of details where a body is invalid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import refusing
from ..openai.troubles import BY_STATUS
from ..refusing import Row

if TYPE_CHECKING:
    from ...ask import Ask, Trouble

INVALID = "invalid_request_error"
DETAIL = "detail"
"""The type of what the gateway says in one word."""
DETAILS = "value_error"
"""The type of what does not validate."""
TROUBLES: dict[str, Row] = {
    "no_key": Row(401, DETAIL, None, "Unauthorized"),
    "invalid_key": Row(401, DETAIL, None, "Unauthorized"),
    "forbidden": Row(403, DETAIL, None, "Forbidden"),
    "not_allowed": Row(403, DETAIL, None, "Forbidden"),
    "not_found": Row(404, DETAIL, None, "Not Found"),
    "method_not_allowed": Row(405, DETAIL, None, "Method Not Allowed"),
    "model_not_found": Row(400, "invalid_model", "1500", "Invalid model: {model}"),
    "bad_request": Row(400, INVALID, "3051", "Invalid request."),
    "content_policy": Row(400, INVALID, "3051", "The prompt was refused by the moderation of this model."),
    "context_length": Row(
        400,
        INVALID,
        "3051",
        "Prompt contains {used} tokens and 0 draft tokens, too large for model with {window} maximum context length",
    ),
    "quota_exhausted": Row(402, INVALID, None, "You have no credit left. Please check your plan and billing details."),
    "request_timeout": Row(408, "server_error", "1000", "Request timed out."),
    "conflict": Row(409, INVALID, None, "The resource was changed by another request."),
    "too_large": Row(413, "", None, "413 Request Entity Too Large", html=True),
    "unprocessable": Row(422, DETAILS, None, "Input should be valid"),
    "bad_json": Row(422, DETAILS, None, "JSON decode error"),
    "rate_limited": Row(429, "rate_limited", "1300", "Requests rate limit exceeded"),
    "rate_limited_tokens": Row(429, "rate_limited", "1300", "Rate limit exceeded"),
    "server_error": Row(500, "internal_server_error", "1000", "Internal server error"),
    "bad_gateway": Row(502, "", None, "502 Bad Gateway", html=True),
    "unavailable": Row(503, "internal_server_error", "1000", "Service unavailable."),
    "overloaded": Row(429, "service_tier_capacity_exceeded", "3505", "Service tier capacity exceeded for this model."),
    "timeout": Row(504, "", None, "504 Gateway Time-out", html=True),
}


def row(trouble: Trouble) -> Row:
    """What the table has for a trouble."""
    return refusing.row(TROUBLES, BY_STATUS, trouble)


def error(ask: Ask, trouble: Trouble) -> dict[str, Any]:
    """The body of a refusal."""
    found, said = row(trouble), flat(ask, trouble)
    if found.type == DETAIL:
        return {"detail": said["message"]}
    if found.type == DETAILS:
        return {"detail": [{"type": DETAILS, "loc": ["body", trouble.param or ""], "msg": said["message"]}]}
    return said


def flat(ask: Ask, trouble: Trouble) -> dict[str, Any]:
    """The error as the API behind the gateway says it."""
    found = row(trouble)
    model = ask.fake.find(ask.model)
    window = trouble.window or (model.window if model else 131_072)
    places = {"model": ask.model, "window": window, "used": max(ask.input_tokens, window + 1)}
    return {
        "object": "error",
        "message": trouble.message or found.message.format_map(places),
        "type": found.type or "server_error",
        "param": trouble.param,
        "code": trouble.code or found.code,
    }
