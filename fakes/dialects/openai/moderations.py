"""Moderations: nothing is flagged but what asks for it.

A text that holds `[flag:violence]` is flagged for violence, and so for every other category: a harness can have a text
flagged without writing one that deserves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...script import Op, whole
from ..reading import texts_of
from ..wire import hex_id, json_bytes
from .limits import common_headers
from .reading import TEXTS
from .validation import not_empty, refuse

if TYPE_CHECKING:
    from ...ask import Ask

MODEL = "omni-moderation-latest"
MODELS = (MODEL, "omni-moderation-2024-09-26", "text-moderation-latest", "text-moderation-stable")
# Categories, and whether images are looked at for them.
CATEGORIES = {
    "harassment": False,
    "harassment/threatening": False,
    "hate": False,
    "hate/threatening": False,
    "illicit": False,
    "illicit/violent": False,
    "self-harm": True,
    "self-harm/intent": True,
    "self-harm/instructions": True,
    "sexual": True,
    "sexual/minors": False,
    "violence": True,
    "violence/graphic": True,
}


def read(ask: Ask) -> None:
    """What is asked for, refused where it cannot be had."""
    ask.model = ask.body.get("model", MODEL)
    if ask.model not in MODELS:
        raise refuse(f"Invalid value for 'model' = {ask.model}.", "model")
    if isinstance(ask.body["input"], list):
        not_empty("input", ask.body["input"])
    ask.input_tokens = 0  # moderation costs nothing


def answer(ask: Ask) -> Sequence[Op]:
    """The fair-weather script."""
    given = ask.body["input"]
    # A list of strings is as many inputs; a list of parts is one, which may hold an image.
    several = isinstance(given, list) and all(isinstance(each, str) for each in given)
    inputs = given if several else [given]
    body = {
        "id": hex_id(ask, "modr-"),
        "model": MODELS[1] if ask.model == MODEL else ask.model,
        "results": [_result(each) for each in inputs],
    }
    return whole(200, json_bytes(body), headers=common_headers(ask))


def _result(given: Any) -> dict[str, Any]:
    text = "\n".join(texts_of(given, TEXTS))
    images = isinstance(given, list) and any(_is_image(part) for part in given)
    flagged = {name: f"[flag:{name}]" in text for name in CATEGORIES}
    looked_at = {
        name: (["text"] if text else []) + (["image"] if images and sees else []) for name, sees in CATEGORIES.items()
    }
    return {
        "flagged": any(flagged.values()),
        "categories": flagged,
        "category_scores": {name: 0.98 if hit else 0.0001 for name, hit in flagged.items()},
        "category_applied_input_types": looked_at,
    }


def _is_image(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "image_url"
