"""Reads requests: which operation they ask for, every text of the prompt, the tools on offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...answer import count_tokens
from ..reading import Routes
from ..wire import json_bytes

if TYPE_CHECKING:
    from ...ask import Ask

ROUTES = Routes(
    (
        ("POST", "/v2/chat", "chat"),
        ("POST", "/v2/embed", "embed"),
        ("POST", "/v2/rerank", "rerank"),
        ("GET", "/v1/models", "models.list"),
        ("GET", r"/v1/models/([^/]+)", "models.get"),
        ("POST", "/v1/tokenize", "tokenize"),
        ("POST", "/v1/detokenize", "detokenize"),
        ("POST", "/v1/check-api-key", "check_key"),
    )
)
TEXTS = (
    *("tool_plan", "content", "text", "thinking", "document"),
    *("tool_calls", "function", "arguments"),
)
PROMPTS: dict[str, tuple[str, ...]] = {
    "chat": ("messages", "documents"),
    "embed": ("texts", "inputs"),
    "rerank": ("query", "documents"),
    "tokenize": ("text",),
    "detokenize": (),
}
"""Where the texts of each operation are."""


def glance(ask: Ask) -> None:
    """What can be said of a body before it is judged: a refused request has a canary too."""
    body = ask.body
    if not isinstance(body, dict):
        return
    model, most = body.get("model"), body.get("max_tokens")
    ask.model = model if isinstance(model, str) else None
    ask.stream = ask.route == "chat" and body.get("stream") is True
    ask.texts = tuple(text for name in PROMPTS[ask.route] for text in texts_in(body.get(name)))
    ask.input_tokens = sum(map(count_tokens, ask.texts))
    if ask.route == "chat" and type(most) is int and most > 0:
        ask.max_output = most
    if tools := tools_of(body):
        ask.tools = tuple(tools)
        ask.input_tokens += count_tokens(json_bytes(body["tools"]).decode("utf-8", "replace"))


def texts_in(value: Any) -> list[str]:
    """Every text in a message, a document or a list of them; a document's fields have any names."""
    if isinstance(value, list):
        return [text for each in value for text in texts_in(each)]
    if isinstance(value, dict):
        fields = value.get("data")
        named = [text for key in TEXTS for text in texts_in(value.get(key))]
        return named + texts_in(list(fields.values()) if isinstance(fields, dict) else fields)
    return [value] if isinstance(value, str) else []


def tools_of(body: Any) -> dict[str, Any]:
    """The schema of the arguments of each tool on offer, by its name."""
    tools = body.get("tools") if isinstance(body, dict) else None
    functions = [tool.get("function") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return {
        each["name"]: {"type": "object"} if each.get("parameters") is None else each["parameters"]
        for each in functions
        if isinstance(each, dict) and isinstance(each.get("name"), str)
    }
