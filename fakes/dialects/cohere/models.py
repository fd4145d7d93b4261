"""The list of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from ...script import Op, whole
from ..wire import json_bytes
from .refusing import check_model, refuse
from .troubles import headers

if TYPE_CHECKING:
    from ...ask import Ask

USUAL, MOST = 20, 1000


def read(ask: Ask) -> None:
    """Refuse a model that there is not, and a page that there cannot be."""
    if ask.route == "models.get":
        ask.model = unquote(ask.about or "")
        check_model(ask)
        return
    query = parse_qs(ask.request.query)
    for name in ("page_size", "page_token"):
        value = query.get(name, ["1"])[0]
        if not (value.isascii() and value.isdecimal() and len(value) < 10):
            raise refuse(f"{name} is not valid")


def answer(ask: Ask) -> tuple[Op, ...]:
    """The fair-weather script: a page of the list, or one model."""
    if ask.route == "models.get":
        return whole(200, json_bytes(_model(ask, ask.model or "")), headers=headers(ask))
    query = parse_qs(ask.request.query)
    wanted = query.get("endpoint", [None])[0]
    size = min(int(query.get("page_size", ["0"])[0]) or USUAL, MOST)
    start = int(query.get("page_token", ["0"])[0])
    known = [_model(ask, name) for name in ask.fake.known() if wanted in {None, endpoint(ask, name)}]
    further = str(start + size) if start + size < len(known) else None
    body = {"models": known[start : start + size], "next_page_token": further}
    return whole(200, json_bytes(body), headers=headers(ask))


def endpoint(ask: Ask, name: str) -> str:
    """What a model is for."""
    model = ask.fake.find(name)
    if model is not None and model.max_output > 0:
        return "chat"
    return "rerank" if "rerank" in name else "embed"


def _model(ask: Ask, name: str) -> dict[str, Any]:
    model = ask.fake.find(name)
    assert model is not None
    use = endpoint(ask, name)
    return {
        "name": name,
        "is_deprecated": False,
        "endpoints": [use],
        "finetuned": False,
        "context_length": model.window,
        "features": ["json_mode", "json_schema", "safety_modes", "tools"] if use == "chat" else None,
        "default_endpoints": [],
    }
