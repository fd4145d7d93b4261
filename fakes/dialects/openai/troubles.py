"""How OpenAI says no: status, type, code and message of each trouble.

Wordings follow captured answers where there are any. What only the edge in front of the API says (gateway errors) is
HTML, as edges write it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import refusing
from ..refusing import Row

if TYPE_CHECKING:
    from ...ask import Ask, Trouble

ORGANIZATION = "org-brownout"
HELP = "please contact us through our help center at help.openai.com"
LIMITS_PAGE = "Visit https://platform.openai.com/account/rate-limits to learn more."
QUOTA_PAGE = (
    "For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
)
KEYS_PAGE = "https://platform.openai.com/account/api-keys"


INVALID = "invalid_request_error"
TROUBLES: dict[str, Row] = {
    "no_key": Row(
        401,
        INVALID,
        None,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        f"(i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from {KEYS_PAGE}.",
    ),
    "invalid_key": Row(
        401,
        INVALID,
        "invalid_api_key",
        f"Incorrect API key provided: {{key}}. You can find your API key at {KEYS_PAGE}.",
    ),
    "forbidden": Row(
        403, "request_forbidden", "unsupported_country_region_territory", "Country, region, or territory not supported"
    ),
    "not_allowed": Row(403, INVALID, None, "You have insufficient permissions for this operation."),
    "model_not_found": Row(
        404, INVALID, "model_not_found", "The model `{model}` does not exist or you do not have access to it."
    ),
    "not_found": Row(404, INVALID, None, "Invalid URL ({method} {path})"),
    "method_not_allowed": Row(
        405,
        INVALID,
        "method_not_supported",
        "Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)",
    ),
    "request_timeout": Row(408, "server_error", None, "Request timed out."),
    "conflict": Row(409, INVALID, None, "The resource was changed by another request. Please try again."),
    "too_large": Row(413, "", None, "413 Request Entity Too Large", html=True),
    "unprocessable": Row(422, INVALID, None, "The request was well-formed but could not be processed."),
    "bad_request": Row(400, INVALID, None, "Invalid request."),
    "bad_json": Row(
        400,
        INVALID,
        None,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
        "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble "
        f"figuring out how to fix this, {HELP}.)",
    ),
    "content_policy": Row(
        400,
        INVALID,
        "invalid_prompt",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a "
        "different prompt: https://platform.openai.com/docs/guides/reasoning#advice-on-prompting",
    ),
    "context_length": Row(400, INVALID, "context_length_exceeded", "{context}", "{context_param}"),
    # Of the handshake of a Realtime session alone.
    "missing_model": Row(
        400,
        INVALID,
        "missing_model",
        "You must provide a model parameter, for example wss://api.openai.com/v1/realtime?model=gpt-realtime",
    ),
    "invalid_model": Row(
        400,
        INVALID,
        "invalid_model",
        'Model "{model}" is not supported in realtime mode. Supported models are listed at '
        "https://platform.openai.com/docs/models.",
    ),
    "beta_shape": Row(
        400,
        INVALID,
        "beta_api_shape_disabled",
        "The beta API shape is no longer supported. Remove the OpenAI-Beta header and use the GA event shapes.",
    ),
    "rate_limited": Row(
        429,
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for {model} in organization {organization} on requests per {per}: Limit {limit}, Used "
        f"{{limit}}, Requested 1. Please try again in {{wait}}. {LIMITS_PAGE}",
    ),
    "rate_limited_tokens": Row(
        429,
        "tokens",
        "rate_limit_exceeded",
        "Rate limit reached for {model} in organization {organization} on tokens per min (TPM): Limit {tpm}, Used "
        f"{{used}}, Requested {{total}}. Please try again in {{wait}}. {LIMITS_PAGE}",
    ),
    "request_over_limit": Row(
        429,
        "tokens",
        "rate_limit_exceeded",
        "Request too large for {model} in organization {organization} on tokens per min (TPM): Limit {tpm}, Requested "
        f"{{total}}. The input or output tokens must be reduced in order to run successfully. {LIMITS_PAGE}",
    ),
    "quota_exhausted": Row(
        429,
        "insufficient_quota",
        "insufficient_quota",
        f"You exceeded your current quota, please check your plan and billing details. {QUOTA_PAGE}",
    ),
    # Codes of 2026, by their own names: whoever goes by the type treats them alike.
    **{
        code: Row(429, "insufficient_quota", code, f"{said} {QUOTA_PAGE}")
        for code, said in (
            ("credit_balance_exhausted", "Your credit balance is exhausted."),
            ("organization_spend_limit_exceeded", "Your organization has reached its spend limit."),
            ("project_spend_limit_exceeded", "Your project has reached its spend limit."),
            ("organization_usage_limit_exceeded", "Your organization has reached its usage limit."),
        )
    },
    "server_error": Row(
        500,
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that! You can retry your request, or "
        "contact us through our help center at help.openai.com if the error persists. (Please include the request ID "
        "{request_id} in your message.)",
    ),
    "bad_gateway": Row(502, "", None, "502 Bad Gateway", html=True),
    "overloaded": Row(
        503,
        "service_unavailable_error",
        "server_is_overloaded",
        "Our servers are currently overloaded. Please try again later.",
    ),
    "slow_down": Row(
        503,
        "service_unavailable_error",
        "slow_down",
        "Slow down: your traffic has grown too quickly. Please reduce it and increase it again gradually.",
    ),
    "unavailable": Row(503, "server_error", None, "The service is temporarily unavailable. Please try again later."),
    "timeout": Row(504, "", None, "504 Gateway Time-out", html=True),
}
# The trouble that OpenAI has for a status, where a trouble of another status is sent with it.
BY_STATUS = {
    400: "bad_request",
    401: "invalid_key",
    403: "not_allowed",
    404: "not_found",
    408: "request_timeout",
    409: "conflict",
    422: "unprocessable",
    429: "rate_limited",
    502: "bad_gateway",
    504: "timeout",
}
# The family of limits that is used up when one of these is said.
LIMITED = {"rate_limited": "requests", "rate_limited_tokens": "tokens"}


def row(trouble: Trouble) -> Row:
    """What the table has for a trouble."""
    return refusing.row(TROUBLES, BY_STATUS, trouble)


def error(ask: Ask, trouble: Trouble, request_id: str) -> dict[str, str | None]:
    """The error object."""
    found, said = row(trouble), places(ask, trouble, request_id)
    if found is TROUBLES["rate_limited_tokens"] and _asked(ask) > ask.quota.tokens.limit:
        found = TROUBLES["request_over_limit"]
    return {
        "message": trouble.message or found.message.format_map(said),
        "type": found.type or "server_error",
        "param": trouble.param or (found.param and found.param.format_map(said)),
        "code": trouble.code or found.code,
    }


def places(ask: Ask, trouble: Trouble, request_id: str) -> dict[str, object]:
    """What fills the places in the messages."""
    quota, total = ask.quota, _asked(ask)
    daily = quota.requests_a_day is not None and quota.requests_a_day.remaining == 0
    requests = quota.requests_a_day if daily and quota.requests_a_day else quota.requests
    tpm = quota.tokens.limit
    return {
        "model": ask.model,
        "key": masked(ask.key),
        "method": ask.request.method,
        "path": ask.request.path,
        "organization": ORGANIZATION,
        "request_id": request_id,
        "per": "day (RPD)" if daily else "min (RPM)",
        "limit": requests.limit,
        "tpm": tpm,
        # At least so much was used that this request was one token too many.
        "used": max(tpm - quota.tokens.remaining, tpm - total + 1),
        "total": total,
        "wait": duration(trouble.wait(usual=0.12)),
        "context": _context(ask, trouble),
        "context_param": "messages" if ask.route != "responses" else "input",
    }


def masked(key: str | None) -> str:
    """A key as OpenAI repeats it: its first eight and last four characters, stars between; a short one all stars."""
    if key is None or len(key) <= 16:
        return "*" * len(key or "")
    return f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"


def duration(seconds: float) -> str:
    """A duration as Go writes it: `120ms`, `1s`, `6m0s`, `1m30.951s`."""
    milliseconds = math.ceil(max(seconds, 0.0) * 1000 - 1e-6)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text


def _asked(ask: Ask) -> int:
    return ask.input_tokens + (ask.max_output or 0)


def _context(ask: Ask, trouble: Trouble) -> str:
    """How much too long the prompt is; one that is not and is refused all the same is said to be one token over."""
    if ask.route == "responses":
        return "Your input exceeds the context window of this model. Please adjust your input and try again."
    model = ask.fake.find(ask.model)
    window = trouble.window or (model.window if model else 128_000)
    used, output = max(ask.input_tokens, 0), ask.max_output or 0
    start = f"This model's maximum context length is {window} tokens. However, "
    end = "Please reduce the length of the messages"
    if output and used <= window < used + output:
        return (
            f"{start}you requested {used + output} tokens ({used} in the messages, {output} in the completion). "
            f"{end} or completion."
        )
    return f"{start}your messages resulted in {max(used, window + 1)} tokens. {end}."
