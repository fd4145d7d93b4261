"""The headers that OpenAI sends with every answer: request id, organisation, rate limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ...script import Head, Headers, Op
from ..refusing import whole_seconds
from ..wire import hex_id
from .troubles import LIMITED, ORGANIZATION, duration

if TYPE_CHECKING:
    from ...ask import Ask, Trouble
    from ...quota import QuotaState

METERED = frozenset({"chat", "responses", "embeddings"})


def request_id(ask: Ask) -> str:
    """The identifier in `x-request-id`."""
    return hex_id(ask, "req_")


def common_headers(ask: Ask) -> Headers:
    """Headers of an answer that is no refusal."""
    return (
        ("x-request-id", request_id(ask)),
        ("openai-organization", ORGANIZATION),
        ("openai-project", "proj_brownout"),
        ("openai-processing-ms", str(round(ask.answer.pace.first * 1000))),
        ("openai-version", "2020-10-01"),
        *(_limits(ask.quota) if ask.route in METERED else ()),
    )


def refusal_headers(ask: Ask, trouble: Trouble, status: int) -> Headers:
    """Headers of a refusal: whoever is not let in learns nothing of the organisation and its limits."""
    if status in (401, 403):
        return (("x-request-id", request_id(ask)),)
    headers = common_headers(ask)
    if family := LIMITED.get(trouble.kind if status == 429 else ""):
        reset = duration(trouble.wait(usual=0.12))
        spent = {f"x-ratelimit-remaining-{family}": "0", f"x-ratelimit-reset-{family}": reset}
        headers = tuple((name, spent.get(name, value)) for name, value in headers)
    return headers + retry_headers(trouble)


def retry_headers(trouble: Trouble) -> Headers:
    """When to come back. The specification: an integer of at least one second; the finer header has the exact time."""
    if trouble.retry_after is None:
        return ()
    return (
        ("retry-after", whole_seconds(trouble.retry_after)),
        ("retry-after-ms", str(max(0, round(trouble.retry_after * 1000)))),
    )


def under(headers: Headers, ask: Ask, script: Iterable[Op]) -> Iterator[Op]:
    """The script of an answer under another provider's headers in the place of OpenAI's."""
    ours = {name for name, _ in common_headers(ask)}
    for op in script:
        if isinstance(op, Head):
            yield replace(op, headers=(*headers, *(pair for pair in op.headers if pair[0] not in ours)))
        else:
            yield op


def _limits(quota: QuotaState) -> Headers:
    named = (("requests", quota.requests), ("tokens", quota.tokens))
    return (
        *((f"x-ratelimit-limit-{name}", str(left.limit)) for name, left in named),
        *((f"x-ratelimit-remaining-{name}", str(left.remaining)) for name, left in named),
        *((f"x-ratelimit-reset-{name}", duration(left.reset)) for name, left in named),
    )
