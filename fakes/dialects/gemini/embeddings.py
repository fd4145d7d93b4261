"""Embeddings, one at a time and many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        if not _content(one):
            raise refuse("* EmbedContentRequest.content: contents is not specified\n", "content")
        if type(size) is not int or not 1 <= size <= USUAL:
            raise refuse(f"* EmbedContentRequest.output_dimensionality: must be between 1 and {USUAL}\n")
    return found


def answer(ask: Ask, more: dict[str, Any]) -> tuple[Op, ...]:
    """The fair-weather script; `more` is what only one of Google's two APIs says beside the vectors."""
    made = [{"values": list(vector(_content(one), size_of(one)))} for one in requests_of(ask)]
    body: dict[str, Any] = {"embeddings": made} if ask.route == "batch_embed" else {"embedding": made[0]}
    return whole(200, pretty({**body, **more}), JSON, HEADERS)


def size_of(one: dict[str, Any]) -> Any:
    """How many dimensions are asked for."""
    return get(one, "outputDimensionality") or get(get(one, "embedContentConfig"), "outputDimensionality") or USUAL


def _content(one: dict[str, Any]) -> str:
    """All that is embedded in one vector: texts, and what of images, sounds and documents tells them apart."""
    parts = list(objects(get(get(one, "content"), "parts")))
    held = (get(part, "inlineData") or get(part, "fileData") for part in parts)
    files = (str(get(each, "data") or get(each, "fileUri") or "") for each in held)
    return "".join((*(str(part["text"]) for part in parts if part.get("text")), *files))
