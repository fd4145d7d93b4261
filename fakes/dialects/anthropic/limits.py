"""The headers that Anthropic sends with every answer: request id, organisation, rate limits.

A fake keeps one bucket of tokens, for input and output together, where Anthropic keeps two: the families of tokens all
show that one. Its `remaining` is rounded to the nearest thousand, as Anthropic's is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...script import Headers
from ..refusing import whole_seconds
from ..wire import rfc3339, text_id
from .troubles import LIMITED, ORGANIZATION

if TYPE_CHECKING:
    from ...ask import Ask, Trouble
    from ...quota import Allowance

TOKENS = ("tokens", "input-tokens", "output-tokens")


def request_id(ask: Ask) -> str:
    """The identifier in `request-id`."""
    return text_id(ask, "req_011", 22)


def common_headers(ask: Ask) -> Headers:
    """Headers of an answer that is no refusal."""
    return (
        ("request-id", request_id(ask)),
        ("anthropic-organization-id", ORGANIZATION),
        *(_limits(ask) if ask.route == "messages" else ()),
    )


def refusal_headers(ask: Ask, trouble: Trouble, status: int) -> Headers:
    """Headers of a refusal: whoever is not let in learns nothing of the organisation and its limits."""
    if status in (401, 403):
        return (("request-id", request_id(ask)), *retry_headers(trouble))
    headers = common_headers(ask)
    if family := LIMITED.get(trouble.kind if status == 429 else ""):
        reset = rfc3339(ask.now + trouble.wait(usual=0.0))
        families = ("requests",) if family == "requests" else ("tokens", "input-tokens")
        spent = {f"anthropic-ratelimit-{name}-remaining": "0" for name in families}
        spent |= {f"anthropic-ratelimit-{name}-reset": reset for name in families}
        headers = tuple((name, spent.get(name, value)) for name, value in headers)
    return headers + retry_headers(trouble)


def retry_headers(trouble: Trouble) -> Headers:
    """When to come back, in whole seconds."""
    return () if trouble.retry_after is None else (("retry-after", whole_seconds(trouble.retry_after)),)


def _limits(ask: Ask) -> Headers:
    quota = ask.quota
    families = (("requests", quota.requests, 1), *((name, quota.tokens, 1000) for name in TOKENS))
    return tuple(pair for name, left, grain in families for pair in _family(name, left, ask.now, grain))


def _family(name: str, left: Allowance, now: float, grain: int) -> Headers:
    remaining = (left.remaining + grain // 2) // grain * grain
    return (
        (f"anthropic-ratelimit-{name}-limit", str(left.limit)),
        (f"anthropic-ratelimit-{name}-remaining", str(min(remaining, left.limit))),
        (f"anthropic-ratelimit-{name}-reset", rfc3339(now + left.reset)),
    )
