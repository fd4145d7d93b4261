"""What of a reply is an answer."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .errors import AttemptFailed
from .retry import refused

BROKEN = "provider"


def parse(text: str | bytes) -> dict[str, Any]:
    """A JSON object, or a failed attempt."""
    try:
        value = json.loads(text)
    except ValueError:
        raise AttemptFailed(BROKEN, retry=True) from None
    if not isinstance(value, dict):
        raise AttemptFailed(BROKEN, retry=True)
    return value


def error_of(text: str | bytes) -> dict[str, Any]:
    """The error object of a refusal's body; empty where there is none."""
    with suppress(ValueError, KeyError, TypeError):
        return _object(json.loads(text)["error"])
    return {}


def whole(body: dict[str, Any]) -> dict[str, Any]:
    """The answer in a whole reply, or a failed attempt: a 200 is not yet an answer."""
    if body.get("error"):
        raise refused(500, {}, _object(body["error"]))
    try:
        choice = body["choices"][0]
        message = choice["message"]
        text, calls = message.get("content"), message.get("tool_calls") or []
        text = message.get("refusal") if text is None else text
    except (KeyError, IndexError, TypeError, AttributeError):
        raise AttemptFailed(BROKEN, retry=True) from None
    if not isinstance(calls, list) or not (isinstance(text, str) or (text is None and calls)):
        raise AttemptFailed(BROKEN, retry=True)
    finish = "refusal" if message.get("refusal") else choice.get("finish_reason")
    return {
        "text": text or "",
        "finish": finish,
        "model": body.get("model"),
        "usage": usage(body),
        "tool_calls": [tool_call(call) for call in calls],
    }


def tool_call(call: dict[str, Any]) -> dict[str, Any]:
    """A tool call with whole arguments, or a failed attempt: half of them must never be acted on."""
    try:
        function = call["function"]
        return {"name": function["name"], "arguments": json.loads(function["arguments"])}
    except (KeyError, TypeError, ValueError):
        raise AttemptFailed(BROKEN, retry=True) from None


def usage(body: dict[str, Any]) -> dict[str, int] | None:
    """What the provider says it counted."""
    counted = body.get("usage")
    if not isinstance(counted, dict):
        return None
    details = counted.get("prompt_tokens_details") or {}
    return {
        "input": counted.get("prompt_tokens") or 0,
        "output": counted.get("completion_tokens") or 0,
        "cached": details.get("cached_tokens") or 0,
        "cache_written": details.get("cache_written_tokens") or 0,
    }


@dataclass
class Streamed:
    """A streamed answer as it grows."""

    finish: str | None = None
    model: str | None = None
    usage: dict[str, int] | None = None
    refused: bool = False
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)

    def take(self, event: dict[str, Any]) -> str:
        """The text that an event adds; raises a failed attempt where the event tells of an error."""
        if event.get("error"):
            raise refused(500, {}, _object(event["error"]))
        self.model = event.get("model") or self.model
        self.usage = usage(event) or self.usage
        text = ""
        try:
            for choice in event.get("choices") or []:
                delta = choice.get("delta") or {}
                text += delta.get("content") or delta.get("refusal") or ""
                self.refused = self.refused or bool(delta.get("refusal"))
                for call in delta.get("tool_calls") or []:
                    self._grow(call)
                self.finish = choice.get("finish_reason") or self.finish
        except (AttributeError, TypeError):
            raise AttemptFailed(BROKEN, retry=True) from None
        return text

    def done(self) -> dict[str, Any]:
        """What is to be known of the answer, or a failed attempt where it never came to its end."""
        if self.finish is None:
            raise AttemptFailed(BROKEN, retry=True)
        return {
            "finish": "refusal" if self.refused else self.finish,
            "model": self.model,
            "usage": self.usage,
            "tool_calls": [tool_call(call) for call in self.calls.values()],
        }

    def _grow(self, call: dict[str, Any]) -> None:
        known = self.calls.setdefault(call.get("index", 0), {"function": {"name": "", "arguments": ""}})
        function = call.get("function") or {}
        known["function"]["name"] += function.get("name") or ""
        known["function"]["arguments"] += function.get("arguments") or ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
