"""How Cohere says no: status and message of each trouble, and the headers of every answer.

There are no types and no codes: an error is an identifier and a message, and what sort it is the status alone says.
What only the message tells apart is a trial key's month, which comes under the status of a rate limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import refusing
from ..refusing import Row, whole_seconds
from ..wire import hex_id

if TYPE_CHECKING:
    from ...ask import Ask, Trouble
    from ...script import Headers

TRIAL_RPM = 40
"""A key with no more calls a minute than this is a trial key: those of trial keys are 2, 10, 20 and 40."""
TRIAL_MONTH = 1000
TRIAL = (
    "You are using a Trial key, which is limited to {calls}. You can continue to use the Trial key for free or upgrade "
    "to a Production key with higher rate limits at 'https://dashboard.cohere.com/api-keys'. Contact us on "
    "'https://discord.gg/XW44jPfYJu' or email us at support@cohere.com with any questions"
)
ORGANIZATION = "b0000000-0000-4000-8000-000000000001"


def _row(status: int, message: str, *, html: bool = False) -> Row:
    return Row(status, "", None, message, html=html)


TROUBLES: dict[str, Row] = {
    "bad_request": _row(400, "invalid request: the request could not be processed"),
    "bad_json": _row(400, "invalid request: the request body is not valid JSON"),
    "context_length": _row(
        400,
        "too many tokens: total number of tokens in the prompt cannot exceed {window} - received {used}. Try using a "
        "shorter prompt, or enable prompt truncating.",
    ),
    "no_key": _row(401, "no api key supplied"),
    "invalid_key": _row(401, "invalid api token"),
    "quota_exhausted": _row(
        402, "You have reached your billing limit. Please raise it at https://dashboard.cohere.com/billing."
    ),
    "forbidden": _row(403, "your api key does not have permission to do this"),
    "not_found": _row(404, "page not found"),
    "model_not_found": _row(
        404,
        "model '{model}' not found, make sure the correct model ID was used and that you have access to the model.",
    ),
    "method_not_allowed": _row(405, "method not allowed"),
    "request_timeout": _row(408, "request timeout"),
    "conflict": _row(409, "conflict with another request"),
    "too_large": _row(413, "request body too large"),
    "unprocessable": _row(422, "unprocessable entity"),
    "rate_limited": _row(429, "{limited}"),
    "rate_limited_tokens": _row(429, "You are past the per minute token limit, please wait and try again later."),
    "trial_month": _row(429, TRIAL.format(calls=f"{TRIAL_MONTH} API calls / month")),
    "content_policy": _row(498, "blocked input: please adjust your prompt and try again"),
    "cancelled": _row(499, "client closed request"),
    "server_error": _row(500, "internal server error, this has been reported to our developers. id {id}"),
    "not_implemented": _row(501, "not implemented"),
    "bad_gateway": _row(502, "502 Bad Gateway", html=True),
    "unavailable": _row(503, "service unavailable, please try again later"),
    "overloaded": _row(503, "the model is overloaded, please try again later"),
    "timeout": _row(504, "request timed out, please try again later"),
}
# The trouble that Cohere has for a status, where a trouble of another status is sent with it.
BY_STATUS = {
    400: "bad_request",
    401: "invalid_key",
    402: "quota_exhausted",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    409: "conflict",
    413: "too_large",
    422: "unprocessable",
    429: "rate_limited",
    498: "content_policy",
    499: "cancelled",
    500: "server_error",
    501: "not_implemented",
    502: "bad_gateway",
    503: "unavailable",
    504: "timeout",
}


def row(trouble: Trouble) -> Row:
    """What the table has for a trouble."""
    return refusing.row(TROUBLES, BY_STATUS, trouble)


def uuid(ask: Ask, *salt: object) -> str:
    """An identifier in the form of a UUID."""
    digits = hex_id(ask, "", 32, *salt)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def message(ask: Ask, trouble: Trouble) -> str:
    """What is said of a trouble."""
    return trouble.message or row(trouble).message.format_map(_said(ask, trouble))


def error(ask: Ask, trouble: Trouble) -> dict[str, Any]:
    """The body of a refusal."""
    return {"id": uuid(ask), "message": message(ask, trouble)}


def headers(ask: Ask) -> Headers:
    """Headers of an answer that is no refusal; a trial key's say how much of its minute is left."""
    traced = (
        ("x-debug-trace-id", hex_id(ask, "", 32, "trace")),
        ("num_chars", str(sum(map(len, ask.texts)))),
        ("num_tokens", str(ask.input_tokens)),
    )
    if not _trial(ask):
        return traced
    return (
        *traced,
        ("x-endpoint-monthly-call-limit", str(TRIAL_MONTH)),
        ("x-trial-endpoint-call-limit", str(ask.quota.requests.limit)),
        ("x-trial-endpoint-call-remaining", str(ask.quota.requests.remaining)),
    )


def refusal_headers(ask: Ask, trouble: Trouble) -> Headers:
    """Headers of a refusal: nothing about limits, and when to come back where it is known."""
    wait = () if trouble.retry_after is None else (("retry-after", whole_seconds(trouble.retry_after)),)
    return (("x-debug-trace-id", hex_id(ask, "", 32, "trace")), *wait)


def _trial(ask: Ask) -> bool:
    rpm = ask.fake.limits.rpm
    return rpm is not None and rpm <= TRIAL_RPM


def _limited(ask: Ask) -> str:
    quota = ask.quota
    if quota.requests_a_day is not None and quota.requests_a_day.remaining == 0:
        return TRIAL.format(calls=f"{quota.requests_a_day.limit} API calls / day")
    if _trial(ask):
        return TRIAL.format(calls=f"{ask.fake.limits.rpm} API calls / minute")
    return "You are past the per minute request limit, please wait and try again later."


def _said(ask: Ask, trouble: Trouble) -> dict[str, object]:
    model = ask.fake.find(ask.model)
    window = trouble.window or (model.window if model else 128_000)
    return {
        "model": ask.model,
        "window": window,
        "used": max(ask.input_tokens, window + 1),
        "limited": _limited(ask),
        "id": uuid(ask),
    }
