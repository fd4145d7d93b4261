"""The list of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ask import Ask, Trouble
from ...script import Op, whole
from ..refusing import Refused
from ..wire import json_bytes
from .limits import common_headers
from .refusing import refuse_model

CREATED = 1_715_367_049


def answer(ask: Ask, about: str | None) -> Sequence[Op]:
    """The fair-weather script: the list, one of them, or the deletion of one's own."""
    if ask.route == "models.list":
        value: Any = {"object": "list", "data": [_model(name) for name in ask.fake.known()]}
    elif about not in ask.fake.known():
        raise refuse_model()
    elif ask.route == "models.delete":
        # Only fine-tuned models are one's own, and the fake trains none.
        raise Refused(Trouble("not_allowed"))
    else:
        value = _model(about)
    return whole(200, json_bytes(value), headers=common_headers(ask))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "system"}
