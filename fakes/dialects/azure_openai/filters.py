"""What the content filter says of prompts and answers."""

from __future__ import annotations

from typing import Any

GRADED = ("hate", "self_harm", "sexual", "violence")


def categories(*, filtered: bool = False, prompt: bool = False) -> dict[str, Any]:
    """The judgement of each category; what is filtered is filtered as violence."""
    found: dict[str, Any] = {name: {"filtered": False, "severity": "safe"} for name in GRADED}
    if filtered:
        found["violence"] = {"filtered": True, "severity": "high"}
    if prompt:
        found["jailbreak"] = {"filtered": False, "detected": False}
    return found


def of_prompt() -> list[dict[str, Any]]:
    """The judgement of a prompt that passed."""
    return [{"prompt_index": 0, "content_filter_results": categories(prompt=True)}]


def of_choice(choice: dict[str, Any]) -> dict[str, Any]:
    """A choice, whole or a piece of a stream, with its judgement."""
    return {**choice, "content_filter_results": categories(filtered=choice["finish_reason"] == "content_filter")}
