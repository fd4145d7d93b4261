"""Reads requests: which operation they ask for, every text of the prompt, the tools on offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...answer import count_tokens
from ..reading import Routes, texts_of
from ..wire import json_bytes

if TYPE_CHECKING:
    from ...ask import Ask

ID = r"([^/]+)"
ROUTES = Routes(
    (method, f"/v1{path}", route)
    for method, path, route in (
        ("POST", "/chat/completions", "chat"),
        ("POST", "/responses", "responses"),
        ("POST", "/responses/input_tokens", "responses.input_tokens"),
        ("GET", f"/responses/{ID}", "responses.get"),
        ("DELETE", f"/responses/{ID}", "responses.delete"),
        ("POST", f"/responses/{ID}/cancel", "responses.cancel"),
        ("GET", f"/responses/{ID}/input_items", "responses.input_items"),
        ("POST", "/embeddings", "embeddings"),
        ("GET", "/models", "models.list"),
        # Names of models may hold slashes, as those of fine-tuned and hosted ones do.
        ("GET", "/models/(.+)", "models.get"),
        ("DELETE", "/models/(.+)", "models.delete"),
        ("POST", "/files", "files.create"),
        ("GET", "/files", "files.list"),
        ("GET", f"/files/{ID}", "files.get"),
        ("DELETE", f"/files/{ID}", "files.delete"),
        ("GET", f"/files/{ID}/content", "files.content"),
        ("POST", "/batches", "batches.create"),
        ("GET", "/batches", "batches.list"),
        ("GET", f"/batches/{ID}", "batches.get"),
        ("POST", f"/batches/{ID}/cancel", "batches.cancel"),
        ("POST", "/moderations", "moderations"),
        ("WEBSOCKET", "/realtime", "realtime"),
        ("WEBSOCKET", "/responses", "responses.connect"),
    )
)
IMAGE_TOKENS = 85
TEXTS = ("content", "text", "refusal", "tool_calls", "function", "arguments", "output", "summary", "input")


def glance(ask: Ask) -> None:
    """What can be said of a body before it is judged: a refused request has a canary and a user too."""
    body = ask.body
    if not isinstance(body, dict):
        return
    model, user = body.get("model"), body.get("user") or body.get("safety_identifier")
    ask.model = model if isinstance(model, str) else None
    ask.user = user if isinstance(user, str) else None
    ask.stream = body.get("stream") is True
    texts = [text for name in ("messages", "instructions", "input") for text in texts_of(body.get(name), TEXTS)]
    ask.texts = tuple(texts)
    ask.input_tokens = sum(map(count_tokens, texts))
    for name in ("max_completion_tokens", "max_output_tokens", "max_tokens"):
        if type(body.get(name)) is int and body[name] > 0 and ask.max_output is None:
            ask.max_output = body[name]
    tools = body.get("tools")
    if isinstance(tools, list) and tools:
        ask.tools = tuple(name for name in map(tool_name, tools) if name is not None)
        ask.input_tokens += count_tokens(json_bytes(tools).decode("utf-8", "replace"))
    ask.input_tokens += IMAGE_TOKENS * sum(
        each.get("type") in ("image_url", "input_image") for each in _parts(body) if isinstance(each, dict)
    )


def tool_name(tool: Any) -> str | None:
    """The name of an offered function, in the shape of either API."""
    if not isinstance(tool, dict) or tool.get("type") != "function":
        return None
    name = (tool["function"] if isinstance(tool.get("function"), dict) else tool).get("name")
    return name if isinstance(name, str) else None


def parameters_of(tool: dict[str, Any]) -> Any:
    """The schema of an offered function's arguments."""
    found = (tool["function"] if isinstance(tool.get("function"), dict) else tool).get("parameters")
    return {"type": "object", "properties": {}} if found is None else found


def _parts(body: dict[str, Any]) -> list[Any]:
    turns = [turn for name in ("messages", "input") if isinstance(body.get(name), list) for turn in body[name]]
    contents = [turn.get("content") for turn in turns if isinstance(turn, dict)]
    return [part for content in contents if isinstance(content, list) for part in content]
