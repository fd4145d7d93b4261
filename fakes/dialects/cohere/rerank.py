"""Documents in the order of their relevance to a query: the more of its words, the more relevant."""

from __future__ import annotations

from hashlib import shake_128
from typing import TYPE_CHECKING

from ...answer import count_tokens
from ...script import Op, whole
from ..wire import json_bytes
from .refusing import Types, check, check_model, of_type, refuse
from .troubles import headers, uuid

if TYPE_CHECKING:
    from ...ask import Ask

TYPES: dict[str, Types] = {
    **dict.fromkeys(("model", "query"), (str,)),
    "documents": (list,),
    **dict.fromkeys(("top_n", "max_tokens_per_doc", "priority"), (int,)),
}
MOST_DOCUMENTS = 10_000
# A search unit is a query with up to 100 documents; one that is longer than 500 tokens, query included, counts as many.
DOCUMENTS, CHUNK_TOKENS = 100, 500


def read(ask: Ask) -> None:
    """Refuse what cannot be ranked."""
    body = ask.body = check(ask.body, TYPES, "model", "query", "documents")
    if not body["query"] or not body["documents"]:
        raise refuse("query and documents must not be empty")
    if len(body["documents"]) > MOST_DOCUMENTS:
        raise refuse(f"at most {MOST_DOCUMENTS} documents may be given")
    for each in body["documents"]:
        of_type("documents", each, str)
    if body.get("top_n", 1) < 1:
        raise refuse("top_n must be at least 1")
    check_model(ask)


def answer(ask: Ask) -> tuple[Op, ...]:
    """The fair-weather script."""
    body = ask.body
    ranked = sorted(((_relevance(body["query"], each), -at) for at, each in enumerate(body["documents"])), reverse=True)
    results = [{"index": -at, "relevance_score": score} for score, at in ranked[: body.get("top_n")]]
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": search_units(body)}}
    script = whole(200, json_bytes({"id": uuid(ask), "results": results, "meta": meta}), headers=headers(ask))
    ask.input_tokens = 0  # searches are billed, and no tokens
    return script


def search_units(body: dict[str, object]) -> int:
    """For how many searches a request is billed."""
    query, documents = body["query"], body["documents"]
    assert isinstance(query, str)
    assert isinstance(documents, list)
    chunks = sum(-(-(count_tokens(each) + count_tokens(query)) // CHUNK_TOKENS) for each in documents)
    return -(-chunks // DOCUMENTS)


def _relevance(query: str, document: str) -> float:
    """Between 0 and 1, and the same for the same texts: the share of the query's words, told apart by chance."""
    words = set(query.lower().split())
    chance = int.from_bytes(shake_128(f"{query}/{document}".encode("utf-8", "replace")).digest(2), "big") / 65536
    return round((len(words & set(document.lower().split())) + chance) / (len(words) + 1), 7)
