"""Whether a prompt fits a model's window, by a stated estimate: a token for every four bytes, four for each message."""

from __future__ import annotations

import json
from typing import Any

WINDOWS = {
    "gpt-4o": 128_000,
    "gpt-4o-mini": 128_000,
    "gpt-4.1": 1_047_576,
    "gpt-4.1-mini": 1_047_576,
    "claude-haiku-4-5": 200_000,
    "claude-sonnet-4-5": 200_000,
}
"""The most tokens of input and output together."""
UNKNOWN = 8_000
"""The window of a model that is not known."""


def fits(request: dict[str, Any], model: str) -> bool:
    """Whether the prompt leaves room for the answer that is asked for."""
    return tokens(request) + int(request["max_tokens"]) <= WINDOWS.get(model, UNKNOWN)


def tokens(request: dict[str, Any]) -> int:
    """How many tokens the prompt takes, tools included."""
    parts = [*request["messages"], *request.get("tools", [])]
    return sum(4 + len(json.dumps(part, ensure_ascii=False).encode()) // 4 for part in parts)
