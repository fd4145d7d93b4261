"""Which part of a request, or of a call, a text is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...fakes.journal import Exchange

QUESTION = "the caller's question"
ANSWER = "the caller's answer"
ERROR = "the caller's error"
WIRE = (
    "prompt",
    "system prompt",
    "earlier turn",
    "tool arguments",
    "tool result",
    "tool definition",
    "metadata",
    "user",
    "request body",
    "header",
    "URL",
)
"""Where a request may carry something."""
# The keys under which dialects write each part; the innermost that says something decides.
PARTS = {
    "system": "system prompt",
    "system_instruction": "system prompt",
    "systeminstruction": "system prompt",
    "instructions": "system prompt",
    "metadata": "metadata",
    "user": "user",
    "safety_identifier": "user",
    "tools": "tool definition",
    "tool_calls": "tool arguments",
    "arguments": "tool arguments",
    "tool_use": "tool arguments",
    "functioncall": "tool arguments",
    "functionresponse": "tool result",
    "toolresult": "tool result",
    "tooluse": "tool arguments",
}
TURNS = frozenset({"messages", "contents", "input", "chat_history"})
ROLES = {"system": "system prompt", "developer": "system prompt", "tool": "tool result", "function": "tool result"}
TYPES = {"function_call": "tool arguments", "function_call_output": "tool result", "tool_use": "tool arguments",
         "tool_result": "tool result"}  # fmt: skip

Json = Any


def of_exchange(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """Every text of a request, with the part that it is."""
    yield "URL", exchange.path
    for name, value in exchange.request_headers:
        yield "header", f"{name}: {value}"
    yield from of_body(exchange.request_body)


def of_body(body: str) -> Iterator[tuple[str, str]]:
    """Every text of a request's body; one that is no JSON is a text itself."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        yield "request body", body
        return
    yield from _texts(read, "request body")


def _texts(value: Json, part: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield part, value
        case list():
            for each in value:
                yield from _texts(each, part)
        case dict():
            for name, each in value.items():
                yield part, name
                if name in TURNS and isinstance(each, list):
                    yield from _turns(each)
                else:
                    yield from _texts(each, PARTS.get(name.lower(), TYPES.get(str(value.get("type")), part)))
        case int() | float() if not isinstance(value, bool):
            yield part, str(value)


def _turns(turns: list[Json]) -> Iterator[tuple[str, str]]:
    last = max((at for at, turn in enumerate(turns) if _role(turn) not in ROLES), default=-1)
    for at, turn in enumerate(turns):
        yield from _texts(turn, ROLES.get(_role(turn), "prompt" if at == last else "earlier turn"))


def _role(turn: Json) -> str:
    return str(turn.get("role")) if isinstance(turn, dict) else ""
