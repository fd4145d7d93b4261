"""The list of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from ...ask import Trouble
from ...script import Op, whole
from ..refusing import Refused
from ..wire import json_bytes
from .limits import common_headers
from .listing import listing

if TYPE_CHECKING:
    from ...ask import Ask
    from ...fake import Fake

# The API's own value for a model whose date of release is not known.
RELEASED = "1970-01-01T00:00:00Z"
LINES = ("haiku", "sonnet", "opus", "fable", "mythos")


def answer(ask: Ask) -> Sequence[Op]:
    """The fair-weather script: the list, or one of them."""
    known = [_model(ask.fake, name) for name in ask.fake.known()]
    if ask.route == "models.list":
        value: Any = listing(known, parse_qs(ask.request.query))
    else:
        ask.model = unquote(ask.about or "")
        found = [model for model in known if model["id"] == ask.model]
        if not found:
            raise Refused(Trouble("model_not_found"))
        value = found[0]
    return whole(200, json_bytes(value), headers=common_headers(ask))


def _model(fake: Fake, name: str) -> dict[str, Any]:
    known = fake.find(name)
    return {
        "type": "model",
        "id": name,
        "display_name": _display_name(name),
        "created_at": RELEASED,
        "max_input_tokens": known.window if known else None,
        "max_tokens": known.max_output if known else None,
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": next((line for line in LINES if line in name), None),
        "capabilities": None,
    }


def _display_name(name: str) -> str:
    """`claude-sonnet-4-5` as people call it: Claude Sonnet 4.5."""
    words: list[str] = []
    for word in name.split("-"):
        if word.isdecimal() and words and words[-1].replace(".", "").isdecimal():
            words[-1] += f".{word}"
        else:
            words.append(word.capitalize())
    return " ".join(words)
