"""How Bedrock says no: exception, status and message of each trouble, whole and inside a stream.

The exception's name is in the header `x-amzn-errortype`, the message alone in the body. There are no rate-limit headers
and there is no `Retry-After`; AWS's clients understand `x-amz-retry-after`, in milliseconds. Inside a stream the same
exception is a frame, as long as the operation's model knows it, and a nameless error where it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from ... import frames
from .. import refusing
from ..refusing import Row
from ..wire import hex_id, json_bytes
from .reading import family_of
from .signing import signs

if TYPE_CHECKING:
    from ...ask import Ask, Trouble
    from ...script import Headers

CORAL = ":http://internal.amazon.com/coral/com.amazon.bedrock/"
MOST_BYTES = 25_000_000
"""Of a body, as the service's model has it."""


def _row(status: int, exception: str, message: str, *, html: bool = False) -> Row:
    return Row(status, exception, None, message, html=html)


TROUBLES: dict[str, Row] = {
    "bad_request": _row(400, "ValidationException", "The provided request is not valid"),
    "bad_json": _row(
        400,
        "ValidationException",
        "Malformed input request, please reformat your input and try again.",
    ),
    "context_length": _row(400, "ValidationException", "{context}"),
    "content_policy": _row(
        400,
        "ValidationException",
        "This request has been blocked by our content filters. Our filters automatically flagged this prompt because "
        "it may conflict our AUP or AWS Responsible AI Policy. Please adjust your text prompt to submit a new request.",
    ),
    # What no model is called, and what was one once.
    "unknown_model": _row(400, "ValidationException", "The provided model identifier is invalid."),
    "model_not_found": _row(
        404,
        "ResourceNotFoundException",
        "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
    ),
    "quota_exhausted": _row(
        400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account."
    ),
    "no_key": _row(403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
    "invalid_key": _row(403, "UnrecognizedClientException", "The security token included in the request is invalid."),
    "expired_token": _row(403, "ExpiredTokenException", "The security token included in the request is expired"),
    "incomplete_signature": _row(
        403, "IncompleteSignatureException", "Authorization header requires 'Signature' parameter."
    ),
    "bad_signature": _row(
        403,
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.",
    ),
    "forbidden": _row(403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
    "not_found": _row(404, "UnknownOperationException", "Unknown operation"),
    "method_not_allowed": _row(404, "UnknownOperationException", "Unknown operation"),
    "request_timeout": _row(
        408, "ModelTimeoutException", "Model has timed out in processing the request. Try your request again."
    ),
    "conflict": _row(400, "ConflictException", "The request conflicts with the current state. Try your request again."),
    "too_large": _row(413, "RequestEntityTooLargeException", f"Request size exceeds {MOST_BYTES} bytes"),
    "unprocessable": _row(424, "ModelErrorException", "The request failed due to an error while processing the model."),
    "model_stream_error": _row(
        424, "ModelStreamErrorException", "The model stream encountered an unexpected error. Try your request again."
    ),
    "rate_limited": _row(429, "ThrottlingException", "Too many requests, please wait before trying again."),
    "rate_limited_tokens": _row(429, "ThrottlingException", "Too many tokens, please wait before trying again."),
    "tokens_a_day": _row(429, "ThrottlingException", "Too many tokens per day, please wait before trying again."),
    "model_not_ready": _row(
        429, "ModelNotReadyException", "The model is not ready for inference. Try your request again."
    ),
    "server_error": _row(
        500,
        "InternalServerException",
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    "bad_gateway": _row(502, "", "502 Bad Gateway", html=True),
    "unavailable": _row(503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
    "overloaded": _row(503, "ServiceUnavailableException", "Too many connections, please wait before trying again."),
    "timeout": _row(504, "", "504 Gateway Time-out", html=True),
}
# A bearer key that is none is told of in other words than one that signs.
WRONG_BEARER = _row(403, "AccessDeniedException", "Authentication failed: Please make sure your API Key is valid.")
# The trouble that Bedrock has for a status, where a trouble of another status is sent with it.
BY_STATUS = {
    400: "bad_request",
    401: "invalid_key",
    403: "forbidden",
    404: "model_not_found",
    408: "request_timeout",
    413: "too_large",
    424: "unprocessable",
    429: "rate_limited",
    500: "server_error",
    502: "bad_gateway",
    503: "unavailable",
    504: "timeout",
}
# What the models of both streaming operations know, and of the one that invokes besides.
IN_STREAMS = frozenset(
    {
        "InternalServerException",
        "ModelStreamErrorException",
        "ValidationException",
        "ThrottlingException",
        "ServiceUnavailableException",
    }
)
IN_INVOKED_STREAMS = IN_STREAMS | {"ModelTimeoutException"}


def row(ask: Ask, trouble: Trouble) -> Row:
    """What the table has for a trouble."""
    found = refusing.row(TROUBLES, BY_STATUS, trouble)
    return WRONG_BEARER if found is TROUBLES["invalid_key"] and not signs(ask.request) else found


def message(ask: Ask, trouble: Trouble) -> str:
    """What is said of a trouble."""
    return trouble.message or row(ask, trouble).message.format_map({"context": _context(ask, trouble)})


def exception(ask: Ask, trouble: Trouble) -> str:
    """The name of the exception; what the edge says has none of its own, and inside a stream the service's."""
    return trouble.code or row(ask, trouble).type or "InternalServerException"


def error(ask: Ask, trouble: Trouble) -> dict[str, Any]:
    """The body of a refusal."""
    found = row(ask, trouble)
    if found is WRONG_BEARER:
        return {"Message": message(ask, trouble)}
    return {"message": message(ask, trouble), **_original(found)}


def frame(ask: Ask, trouble: Trouble) -> bytes:
    """The error inside a stream."""
    name = exception(ask, trouble)
    known = IN_STREAMS if ask.route == "converse.stream" else IN_INVOKED_STREAMS
    if name not in known:
        told = (":error-code", name), (":error-message", message(ask, trouble)), (":message-type", "error")
        return frames.frame(told, b"")
    kind = (":exception-type", name[0].lower() + name[1:])
    return frames.frame(
        (kind, (":content-type", "application/json"), (":message-type", "exception")), json_bytes(error(ask, trouble))
    )


def headers(ask: Ask) -> Headers:
    """Headers of every answer."""
    return (("x-amzn-requestid", str(UUID(hex_id(ask, "")))),)


def refusal_headers(ask: Ask, trouble: Trouble) -> Headers:
    """Headers of a refusal; how long to wait is said in the only way that AWS's own clients understand."""
    wait = trouble.retry_after
    return (
        *headers(ask),
        *((("x-amzn-errortype", exception(ask, trouble) + CORAL),) if not row(ask, trouble).html else ()),
        *((("x-amz-retry-after", f"{wait * 1000:.0f}"),) if wait is not None else ()),
    )


def _original(found: Row) -> dict[str, Any]:
    """What an exception of the model's says beyond its message."""
    match found.type:
        case "ModelErrorException":
            return {"originalStatusCode": 422, "resourceName": "model"}
        case "ModelStreamErrorException":
            return {"originalStatusCode": 500, "originalMessage": "Internal server error"}
    return {}


def _context(ask: Ask, trouble: Trouble) -> str:
    """How much too long the prompt is, which Anthropic's models say themselves where they are invoked."""
    if not (ask.route.startswith("invoke") and family_of(ask.model) == "anthropic"):
        return "Input is too long for requested model."
    model = ask.fake.find(ask.model)
    window = trouble.window or (model.window if model else 200_000)
    return f"prompt is too long: {max(ask.input_tokens, window + 1)} tokens > {window} maximum"
