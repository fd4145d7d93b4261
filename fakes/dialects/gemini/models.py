"""The list of models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from ...script import Op, whole
from .content import HEADERS, JSON
from .refusing import check_model, refuse
from .troubles import pretty

if TYPE_CHECKING:
    from ...ask import Ask

USUAL, MOST = 50, 1000


def read(ask: Ask) -> None:
    """Refuse a model that there is not, and a page that there cannot be."""
    if ask.route == "models.get":
        ask.model = unquote(ask.about or "")
        check_model(ask)
        return
    query = parse_qs(ask.request.query)
    for name in ("pageSize", "pageToken"):
        value = query.get(name, ["0"])[0]
        if not (value.isascii() and value.isdecimal()):
            raise refuse(f"Invalid value at '{name}' (TYPE_INT32), \"{value}\"", name)


def answer(ask: Ask, field: str, names: Sequence[str], card: Callable[[str], dict[str, Any]]) -> tuple[Op, ...]:
    """The fair-weather script: a page of the list, in a field of that name, or one model."""
    if ask.route == "models.get":
        return whole(200, pretty(card(ask.model or "")), JSON, HEADERS)
    query = parse_qs(ask.request.query)
    size = min(int(query.get("pageSize", ["0"])[0]) or USUAL, MOST)
    start = int(query.get("pageToken", ["0"])[0])
    body: dict[str, Any] = {field: [card(name) for name in names[start : start + size]]}
    if start + size < len(names):
        body["nextPageToken"] = str(start + size)
    return whole(200, pretty(body), JSON, HEADERS)


def card(ask: Ask, name: str) -> dict[str, Any]:
    """One model."""
    model = ask.fake.find(name)
    assert model is not None
    embeds = "embedding" in name
    methods = ["embedContent"] if embeds else ["generateContent", "countTokens", "streamGenerateContent"]
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": title(name),
        "inputTokenLimit": model.window,
        "outputTokenLimit": model.max_output or 1,
        "supportedGenerationMethods": methods,
    }


def title(name: str) -> str:
    """A model's name as it is shown."""
    return " ".join(word.capitalize() for word in name.split("-"))
