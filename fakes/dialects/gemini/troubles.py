"""How Google says no: the HTTP status, the code of `google.rpc.Code`, the message and the details of each trouble.

Wordings follow captured answers where there are any. There are no limit headers and there is no `Retry-After`: when to
come back stands in `google.rpc.RetryInfo` among the details, and in the message.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .. import refusing
from ..refusing import Row

if TYPE_CHECKING:
    from ...ask import Ask, Trouble

INVALID, EXHAUSTED = "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"
RPC = "type.googleapis.com/google.rpc."
MOST_BYTES = 20 * 1024 * 1024
QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "head to: https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your current usage, head to: "
    "https://ai.dev/rate-limit. \n* Quota exceeded for metric: {metric}, limit: {limit}, model: {model}"
)
TROUBLES: dict[str, Row] = {
    "bad_request": Row(400, INVALID, None, "Request contains an invalid argument."),
    "bad_json": Row(400, INVALID, None, "Invalid JSON payload received. Expected an object key or }}."),
    "invalid_key": Row(400, INVALID, "API_KEY_INVALID", "API key not valid. Please pass a valid API key."),
    "no_key": Row(
        403,
        "PERMISSION_DENIED",
        None,
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
        "form of API consumer identity to call this API.",
    ),
    "forbidden": Row(403, "PERMISSION_DENIED", None, "The caller does not have permission"),
    "not_found": Row(404, "NOT_FOUND", None, "Error 404 (Not Found)!!1", html=True),
    "method_not_allowed": Row(404, "NOT_FOUND", None, "Error 404 (Not Found)!!1", html=True),
    "model_not_found": Row(
        404,
        "NOT_FOUND",
        None,
        "models/{model} is not found for API version {version}, or is not supported for {method}. Call ListModels to "
        "see the list of available models and their supported methods.",
    ),
    "request_timeout": Row(408, "DEADLINE_EXCEEDED", None, "The request timed out."),
    "conflict": Row(409, "ABORTED", None, "The operation was aborted."),
    "too_large": Row(413, INVALID, None, f"Request payload size exceeds the limit: {MOST_BYTES} bytes."),
    "unprocessable": Row(422, INVALID, None, "Unable to process the request."),
    # Where content is to be generated this is an answer without any candidate.
    "content_policy": Row(200, INVALID, "PROHIBITED_CONTENT", "The prompt contains prohibited content."),
    "context_length": Row(
        400, INVALID, None, "The input token count ({used}) exceeds the maximum number of tokens allowed ({window})."
    ),
    "rate_limited": Row(429, EXHAUSTED, "requests", QUOTA),
    "rate_limited_tokens": Row(429, EXHAUSTED, "tokens", QUOTA),
    "quota_exhausted": Row(
        429,
        EXHAUSTED,
        None,
        "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage your "
        "project and billing.",
    ),
    "cancelled": Row(499, "CANCELLED", None, "The operation was cancelled."),
    "server_error": Row(
        500,
        "INTERNAL",
        None,
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
    ),
    "bad_gateway": Row(502, "UNAVAILABLE", None, "Error 502 (Server Error)!!1", html=True),
    "unavailable": Row(503, "UNAVAILABLE", None, "The service is currently unavailable."),
    "overloaded": Row(503, "UNAVAILABLE", None, "The model is overloaded. Please try again later."),
    "timeout": Row(504, "DEADLINE_EXCEEDED", None, "Deadline expired before operation could complete."),
}
# The trouble that Google has for a status, where a trouble of another status is sent with it.
BY_STATUS = {
    400: "bad_request",
    401: "invalid_key",
    403: "forbidden",
    404: "model_not_found",
    408: "request_timeout",
    409: "conflict",
    413: "too_large",
    422: "unprocessable",
    429: "rate_limited",
    499: "cancelled",
    500: "server_error",
    502: "bad_gateway",
    503: "unavailable",
    504: "timeout",
}
# The metric and the identifier of each limit.
LIMITS = {
    "requests": ("generate_requests", "GenerateRequestsPerMinutePerProjectPerModel"),
    "day": ("generate_requests", "GenerateRequestsPerDayPerProjectPerModel"),
    "tokens": ("generate_content_input_token_count", "GenerateContentInputTokensPerModelPerMinute"),
}


def row(trouble: Trouble) -> Row:
    """What the table has for a trouble."""
    return refusing.row(TROUBLES, BY_STATUS, trouble)


def blocks(found: Row) -> bool:
    """Whether it is a prompt that is refused for what it says: a 200 that says why there is no candidate."""
    return found.status == 200


def error(ask: Ask, trouble: Trouble, found: Row, *, shared: bool = False) -> dict[str, Any]:
    """The error object in its envelope; the details of a quota stay out where it is `shared` by all customers."""
    limit = None if shared or found.type != EXHAUSTED else found.code
    if limit == "requests" and ask.quota.requests_a_day is not None and ask.quota.requests_a_day.remaining == 0:
        limit = "day"
    message = trouble.message or found.message.format_map(_said(ask, trouble, limit))
    if limit is not None and trouble.retry_after is not None:
        message += f"\nPlease retry in {trouble.retry_after:g}s."
    details = _details(ask, trouble, found, limit)
    code = max(400, found.status) if trouble.status in (None, 200) else trouble.status
    said = {"code": code, "message": message, "status": trouble.code or found.type}
    return {"error": {**said, "details": details} if details else said}


def pretty(value: Any) -> bytes:
    """JSON as Google writes whole bodies: indented, over many lines."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def page(title: str) -> bytes:
    """What Google's front end says: a page, whatever was asked for."""
    return (
        "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n"
        f"  <title>{title}</title>\n  <p><b>{title[6:9]}.</b> <ins>That\u2019s an error.</ins>\n"
    ).encode()


def _details(ask: Ask, trouble: Trouble, found: Row, limit: str | None) -> list[dict[str, Any]]:
    details: list[dict[str, Any]] = []
    if found.code == "API_KEY_INVALID":
        service = {"service": "generativelanguage.googleapis.com"}
        details = [
            {"@type": f"{RPC}ErrorInfo", "reason": found.code, "domain": "googleapis.com", "metadata": service},
            {"@type": f"{RPC}LocalizedMessage", "locale": "en-US", "message": found.message},
        ]
    elif trouble.kind == "bad_request" and trouble.param:
        violation = {"field": trouble.param, "description": trouble.message or found.message}
        details = [{"@type": f"{RPC}BadRequest", "fieldViolations": [violation]}]
    elif limit is not None:
        metric, identifier = LIMITS[limit]
        exceeded = {
            "quotaMetric": f"generativelanguage.googleapis.com/{metric}",
            "quotaId": identifier,
            "quotaDimensions": {"location": "global", "model": ask.model or ""},
            "quotaValue": str(_limit(ask, limit)),
        }
        link = {"description": "Learn more about Gemini API quotas"}
        details = [
            {"@type": f"{RPC}QuotaFailure", "violations": [exceeded]},
            {"@type": f"{RPC}Help", "links": [link | {"url": "https://ai.google.dev/gemini-api/docs/rate-limits"}]},
        ]
    if trouble.retry_after is not None:
        details.append({"@type": f"{RPC}RetryInfo", "retryDelay": f"{trouble.retry_after:g}s"})
    return details


def _limit(ask: Ask, limit: str) -> int:
    if limit == "day" and ask.quota.requests_a_day is not None:
        return ask.quota.requests_a_day.limit
    return (ask.quota.tokens if limit == "tokens" else ask.quota.requests).limit


def _said(ask: Ask, trouble: Trouble, limit: str | None) -> dict[str, object]:
    model = ask.fake.find(ask.model)
    window = trouble.window or (model.window if model else 1_048_576)
    parts = ask.request.path.split("/")
    return {
        "model": ask.model,
        "version": parts[1] if len(parts) > 1 else "",
        "method": ask.request.path.rpartition(":")[2],
        "used": max(ask.input_tokens, window + 1),
        "window": window,
        "metric": f"generativelanguage.googleapis.com/{LIMITS[limit or 'requests'][0]}",
        "limit": _limit(ask, limit or "requests"),
    }
