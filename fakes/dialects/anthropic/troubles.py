"""How Anthropic says no: status, type, code and message of each trouble.

Wordings follow captured answers where there are any. What only the edge in front of the API says (a bad gateway) is
HTML, as edges write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import refusing
from ..refusing import Row
from ..wire import json_bytes

if TYPE_CHECKING:
    from ...ask import Ask, Trouble

ORGANIZATION = "b0000000-0000-4000-8000-000000000001"
LIMITS_PAGE = (
    "For details, refer to: https://docs.claude.com/en/api/rate-limits. You can see the response headers for current "
    "usage. Please reduce the prompt length or the maximum tokens requested, or try again later. You may also contact "
    "sales at https://www.anthropic.com/contact-sales to discuss your options for a rate limit increase."
)
INVALID = "invalid_request_error"
TROUBLES: dict[str, Row] = {
    "bad_request": Row(400, INVALID, None, "Invalid request."),
    "bad_json": Row(400, INVALID, None, "The request body is not valid JSON."),
    "no_key": Row(401, "authentication_error", None, "x-api-key header is required"),
    "invalid_key": Row(401, "authentication_error", None, "{key_complaint}"),
    "billing": Row(
        402,
        "billing_error",
        None,
        "There is a problem with your payment. Please check your billing settings and try again.",
    ),
    "linked_organization_spend_limit_reached": Row(
        402,
        "billing_error",
        "linked_organization_spend_limit_reached",
        "The organization that pays for this one has reached its spend limit.",
    ),
    "forbidden": Row(
        403, "permission_error", None, "Your API key does not have permission to use the specified resource."
    ),
    "not_found": Row(404, "not_found_error", None, "Not found"),
    "model_not_found": Row(404, "not_found_error", None, "model: {model}"),
    "method_not_allowed": Row(405, INVALID, None, "Method Not Allowed"),
    "request_timeout": Row(408, "timeout_error", None, "Request timeout"),
    "conflict": Row(409, "conflict_error", None, "The resource was changed by another request. Please try again."),
    "too_large": Row(
        413, "request_too_large", None, "Request exceeds the maximum size. The maximum is {most_bytes} bytes."
    ),
    "unprocessable": Row(422, INVALID, None, "The request was well-formed but could not be processed."),
    "content_policy": Row(400, INVALID, None, "Output blocked by content filtering policy"),
    "context_length": Row(400, INVALID, None, "{context}"),
    "rate_limited": Row(
        429,
        "rate_limit_error",
        None,
        "This request would exceed the rate limit for your organization ({organization}) of {limit} requests per "
        f"{{per}}. {LIMITS_PAGE}",
    ),
    "rate_limited_tokens": Row(
        429,
        "rate_limit_error",
        None,
        "This request would exceed the rate limit for your organization ({organization}) of {tpm} input tokens per "
        f"minute. {LIMITS_PAGE}",
    ),
    "quota_exhausted": Row(
        400,
        INVALID,
        None,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
        "purchase credits.",
    ),
    # Spend limits come under the status of a rate limit; only the code tells that no wait helps.
    **{
        code: Row(429, "rate_limit_error", code, said)
        for code, said in (
            ("enforced_spend_limit_reached", "Your organization has reached its monthly spend limit."),
            ("contract_spend_limit_reached", "Your organization has reached the spend limit of its contract."),
            ("ramp_limit_exceeded", "Your organization's usage has grown too quickly. Please increase it gradually."),
        )
    },
    "server_error": Row(500, "api_error", None, "Internal server error"),
    "bad_gateway": Row(502, "", None, "502 Bad Gateway", html=True),
    "unavailable": Row(503, "api_error", None, "Service temporarily unavailable. Please try again later."),
    "timeout": Row(504, "timeout_error", None, "The request timed out. Please try again later."),
    "overloaded": Row(529, "overloaded_error", None, "Overloaded"),
}
# The trouble that Anthropic has for a status, where a trouble of another status is sent with it.
BY_STATUS = {
    400: "bad_request",
    401: "invalid_key",
    402: "billing",
    403: "forbidden",
    404: "not_found",
    408: "request_timeout",
    409: "conflict",
    413: "too_large",
    422: "unprocessable",
    429: "rate_limited",
    500: "server_error",
    502: "bad_gateway",
    503: "unavailable",
    504: "timeout",
    529: "overloaded",
}
# The family of limits that is used up when one of these is said.
LIMITED = {"rate_limited": "requests", "rate_limited_tokens": "input-tokens"}
MEGABYTE = 1024 * 1024
MOST_BYTES = {"batches.create": 256 * MEGABYTE}
MOST_BYTES_ELSEWHERE = 32 * MEGABYTE


def row(trouble: Trouble) -> Row:
    """What the table has for a trouble."""
    return refusing.row(TROUBLES, BY_STATUS, trouble)


def error(ask: Ask, trouble: Trouble) -> dict[str, Any]:
    """The error object; the code that names the cause is in its details, where there is one."""
    found = row(trouble)
    code = trouble.code or found.code
    return {
        "type": found.type or "api_error",
        "message": trouble.message or found.message.format_map(_said(ask, trouble)),
        **({"details": {"error_code": code}} if code else {}),
    }


def envelope(ask: Ask, trouble: Trouble, request_id: str) -> bytes:
    """The error object in its envelope."""
    return json_bytes({"type": "error", "error": error(ask, trouble), "request_id": request_id})


def most_bytes(ask: Ask) -> int:
    """How large a request's body may be."""
    return MOST_BYTES.get(ask.route, MOST_BYTES_ELSEWHERE)


def _said(ask: Ask, trouble: Trouble) -> dict[str, object]:
    quota = ask.quota
    daily = quota.requests_a_day is not None and quota.requests_a_day.remaining == 0
    requests = quota.requests_a_day if daily and quota.requests_a_day else quota.requests
    by_header = any(name == "x-api-key" for name, _ in ask.request.headers)
    return {
        "model": ask.model,
        "key_complaint": "invalid x-api-key" if by_header else "Invalid bearer token",
        "organization": ORGANIZATION,
        "limit": f"{requests.limit:,}",
        "per": "day" if daily else "minute",
        "tpm": f"{quota.tokens.limit:,}",
        "most_bytes": most_bytes(ask),
        "context": _context(ask, trouble),
    }


def _context(ask: Ask, trouble: Trouble) -> str:
    """How much too long the prompt is; one that is not and is refused all the same is said to be one token over."""
    model = ask.fake.find(ask.model)
    window = trouble.window or (model.window if model else 200_000)
    used, output = max(ask.input_tokens, 0), ask.max_output or 0
    if output and used <= window < used + output:
        return (
            f"input length and `max_tokens` exceed context limit: {used} + {output} > {window}, decrease input length "
            "or `max_tokens` and try again"
        )
    return f"prompt is too long: {max(used, window + 1)} tokens > {window} maximum"
