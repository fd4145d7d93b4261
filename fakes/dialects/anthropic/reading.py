"""Reads requests: which operation they ask for, in which version, every text of the prompt, the tools on offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...answer import count_tokens
from ...script import header
from ..reading import Routes, bearer, texts_of
from ..wire import json_bytes

if TYPE_CHECKING:
    from ...ask import Ask, Request

ID = r"([^/]+)"
BATCHES = "/v1/messages/batches"
ROUTES = Routes(
    (
        ("POST", "/v1/messages", "messages"),
        ("POST", "/v1/messages/count_tokens", "count_tokens"),
        ("POST", BATCHES, "batches.create"),
        ("GET", BATCHES, "batches.list"),
        ("GET", f"{BATCHES}/{ID}", "batches.get"),
        ("POST", f"{BATCHES}/{ID}/cancel", "batches.cancel"),
        ("DELETE", f"{BATCHES}/{ID}", "batches.delete"),
        ("GET", f"{BATCHES}/{ID}/results", "batches.results"),
        ("GET", "/v1/models", "models.list"),
        ("GET", f"/v1/models/{ID}", "models.get"),
    )
)
NEWEST = "2026-10-21"
VERSIONS = frozenset({"2023-01-01", "2023-06-01", NEWEST})
IMAGE_TOKENS = 1600
"""Of an image of the size to which larger ones are scaled down: (width * height) / 750."""
TEXTS = ("content", "text", "thinking", "input", "source", "data")


def key_of(request: Request) -> str | None:
    """The key: in `x-api-key`, or else as a bearer token."""
    return header(request.headers, "x-api-key") or bearer(request)


def version_of(request: Request) -> str | None:
    """The version of the API that a request wants."""
    return header(request.headers, "anthropic-version")


def glance(ask: Ask) -> None:
    """What can be said of a body before it is judged: a refused request has a canary and a user too."""
    body = ask.body
    if not isinstance(body, dict):
        return
    metadata = body.get("metadata")
    model, user = body.get("model"), metadata.get("user_id") if isinstance(metadata, dict) else None
    ask.model = model if isinstance(model, str) else None
    ask.user = user if isinstance(user, str) else None
    ask.stream = body.get("stream") is True
    ask.texts = (*texts_in(body.get("system")), *texts_in(body.get("messages")))
    if type(body.get("max_tokens")) is int and body["max_tokens"] > 0:
        ask.max_output = body["max_tokens"]
    ask.input_tokens = sum(map(count_tokens, ask.texts))
    ask.input_tokens += IMAGE_TOKENS * sum(block.get("type") == "image" for block in blocks_of(body))
    tools = body.get("tools")
    if isinstance(tools, list) and tools:
        ask.tools = tuple(
            name for tool in tools if isinstance(tool, dict) and isinstance(name := tool.get("name"), str)
        )
        ask.input_tokens += count_tokens(json_bytes(tools).decode("utf-8", "replace"))


def texts_in(value: Any) -> list[str]:
    """Every text in a message, a block or a list of them; of a tool call its arguments, of an image nothing."""
    if isinstance(value, list):
        return [text for each in value for text in texts_in(each)]
    if isinstance(value, dict):
        match value.get("type"):
            case "tool_use":
                return [json_bytes(value["input"]).decode("utf-8", "replace")] if "input" in value else []
            case "image" | "redacted_thinking":
                return []
            case "document":
                source = value.get("source")
                return texts_of(source, TEXTS) if isinstance(source, dict) and source.get("type") == "text" else []
        return [text for key in ("content", "text", "thinking") for text in texts_in(value.get(key))]
    return [value] if isinstance(value, str) else []


def blocks_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Every content block of the conversation, as far as it is one."""
    turns = body.get("messages")
    contents = [turn.get("content") for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    blocks = [block for content in contents if isinstance(content, list) for block in content]
    return [block for block in blocks if isinstance(block, dict)]
