"""Whether a prompt fits a model's window, by a stated estimate: a token for every four bytes, four for each message."""

from __future__ import annotations

import json
from typing import Any

from .models import MODELS


def fits(request: dict[str, Any], model: str) -> bool:
    """Whether the prompt leaves room for the answer that is asked for."""
    return size(request) <= MODELS[model].window


def size(request: dict[str, Any]) -> int:
    """How many tokens the prompt, tools included, and the longest answer take together."""
    parts = [*request["messages"], *request.get("tools", [])]
    prompt = sum(4 + len(json.dumps(part, ensure_ascii=False).encode("utf-8", "replace")) // 4 for part in parts)
    return prompt + int(request["max_tokens"])
