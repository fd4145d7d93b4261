"""The headers that Mistral sends: its identifier and what is left of a minute's requests and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from ...script import Headers
from ..openai.limits import METERED
from ..openai.troubles import LIMITED
from ..refusing import whole_seconds
from ..wire import EVENT_STREAM, hex_id

if TYPE_CHECKING:
    from ...ask import Ask, Trouble

STREAMED = frozenset(name for name, _ in EVENT_STREAM)
NAMES = {"requests": "req", "tokens": "tokens"}


def common_headers(ask: Ask) -> Headers:
    """Headers of an answer that is no refusal."""
    correlation = ("mistral-correlation-id", str(UUID(hex_id(ask, ""))))
    if ask.route not in METERED:
        return (correlation,)
    left = (("requests", ask.quota.requests), ("tokens", ask.quota.tokens))
    return (
        correlation,
        *((f"x-ratelimit-limit-{NAMES[name]}-minute", str(each.limit)) for name, each in left),
        *((f"x-ratelimit-remaining-{NAMES[name]}-minute", str(each.remaining)) for name, each in left),
        ("x-ratelimit-tokens-query-cost", str(ask.input_tokens)),
    )


def refusal_headers(ask: Ask, trouble: Trouble, status: int) -> Headers:
    """Headers of a refusal: whoever is not let in learns nothing of the limits."""
    headers = common_headers(ask)
    if status in (401, 403):
        headers = headers[:1]
    if family := LIMITED.get(trouble.kind if status == 429 else ""):
        spent = f"x-ratelimit-remaining-{NAMES[family]}-minute"
        headers = tuple((name, "0" if name == spent else value) for name, value in headers)
    if trouble.retry_after is not None:
        headers += (("retry-after", whole_seconds(trouble.retry_after)),)
    return headers
