"""Embeddings, one at a time and many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...answer import count_tokens
from ...script import Op, whole
from ..vectors import vector
from .content import HEADERS, JSON
from .reading import get, objects
from .refusing import refuse
from .troubles import pretty

if TYPE_CHECKING:
    from ...ask import Ask

USUAL = 3072
MOST = 100


def requests_of(ask: Ask) -> list[dict[str, Any]]:
    """What is to be embedded; refused where there is nothing, or too much at once."""
    body = ask.body if isinstance(ask.body, dict) else {}
    found = [*objects(get(body, "requests"))] if ask.route == "batch_embed" else [body]
    if not found:
        raise refuse("* BatchEmbedContentsRequest.requests: requests is not specified\n", "requests")
    if len(found) > MOST:
        raise refuse(f"* BatchEmbedContentsRequest.requests: at most {MOST} requests can be in one batch\n", "requests")
    for one in found:
        size = size_of(one)
        if not _text(one):
            raise refuse("* EmbedContentRequest.content: contents is not specified\n", "content")
        if type(size) is not int or not 1 <= size <= USUAL:
            raise refuse(f"* EmbedContentRequest.output_dimensionality: must be between 1 and {USUAL}\n")
    return found


def answer(ask: Ask) -> tuple[Op, ...]:
    """The fair-weather script."""
    made = [{"values": list(vector(_text(one), size_of(one)))} for one in requests_of(ask)]
    body: dict[str, Any] = {"embeddings": made} if ask.route == "batch_embed" else {"embedding": made[0]}
    ask.input_tokens = sum(count_tokens(_text(one)) for one in requests_of(ask))
    return whole(200, pretty(body), JSON, HEADERS)


def size_of(one: dict[str, Any]) -> Any:
    """How many dimensions are asked for."""
    return get(one, "outputDimensionality") or get(get(one, "embedContentConfig"), "outputDimensionality") or USUAL


def _text(one: dict[str, Any]) -> str:
    return "".join(str(part["text"]) for part in objects(get(get(one, "content"), "parts")) if part.get("text"))
