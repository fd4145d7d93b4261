"""Reads requests: which operation they ask for, of which model, every text of the prompt, the tools on offer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ...answer import count_tokens
from ..reading import Routes, texts_of
from ..wire import json_bytes

if TYPE_CHECKING:
    from ...ask import Ask
    from ...fake import Fake

MODEL = "/model/([^/]+)"
ROUTES = Routes(
    (
        ("POST", f"{MODEL}/converse", "converse"),
        ("POST", f"{MODEL}/converse-stream", "converse.stream"),
        ("POST", f"{MODEL}/invoke", "invoke"),
        ("POST", f"{MODEL}/invoke-with-response-stream", "invoke.stream"),
        ("POST", f"{MODEL}/count-tokens", "count"),
        ("GET", "/foundation-models", "models.list"),
        ("GET", "/foundation-models/(.+)", "models.get"),
    )
)
# Of an inference profile that spreads a model's calls over several regions.
PROFILE = re.compile(r"(us|eu|apac|jp|au|ca|sa|us-gov|global)\.")
TEXTS = ("text", "toolUse", "toolResult", "content", "reasoningContent", "reasoningText", "guardContent")
IMAGE_TOKENS = 1600


def model_of(fake: Fake, written: str) -> str:
    """The model that a path names: by its identifier, by that of an inference profile, or by an ARN of either."""
    name = unquote(written)
    if name.startswith("arn:"):
        name = name.rpartition("/")[2]
    plain = PROFILE.sub("", name, count=1)
    return plain if fake.find(name) is None and fake.find(plain) is not None else name


def family_of(model: str | None) -> str:
    """Whose model it is."""
    return PROFILE.sub("", model or "", count=1).partition(".")[0]


def glance(ask: Ask) -> None:
    """What can be said of a conversation before it is judged: a refused request has a canary too."""
    body = ask.body
    if not isinstance(body, dict):
        return
    metadata, most = get(body, "requestMetadata", {}), get(get(body, "inferenceConfig"), "maxTokens")
    user = get(metadata, "user") or get(metadata, "user_id")
    ask.user = user if isinstance(user, str) else None
    ask.texts = tuple(text for name in ("system", "messages") for text in texts_in(body.get(name)))
    if type(most) is int and most > 0:
        ask.max_output = most
    ask.input_tokens = sum(map(count_tokens, ask.texts))
    ask.input_tokens += IMAGE_TOKENS * sum("image" in block for block in blocks_of(body))
    if tools := list(tools_of(body)):
        ask.tools = tuple(str(get(tool, "name")) for tool in tools)
        ask.input_tokens += count_tokens(json_bytes(body["toolConfig"]).decode("utf-8", "replace"))


def texts_in(value: Any) -> list[str]:
    """Every text in a message, a block or a list of them; of a tool call its arguments, of a result its JSON too."""
    if isinstance(value, list):
        return [text for each in value for text in texts_in(each)]
    if isinstance(value, dict):
        held = [json_bytes(value[name]).decode("utf-8", "replace") for name in ("input", "json") if name in value]
        return held + [text for name in TEXTS for text in texts_in(value.get(name))]
    return texts_of(value, ())


def blocks_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Every content block of the conversation, as far as it is one."""
    turns = body.get("messages")
    contents = [get(turn, "content") for turn in turns] if isinstance(turns, list) else []
    blocks = [block for content in contents if isinstance(content, list) for block in content]
    return [block for block in blocks if isinstance(block, dict)]


def tools_of(body: Any) -> Iterator[dict[str, Any]]:
    """The tools on offer that the caller would run."""
    tools = get(get(body, "toolConfig"), "tools")
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(specified := get(tool, "toolSpec"), dict):
            yield specified


def get(value: Any, name: str, otherwise: Any = None) -> Any:
    """A field of what should be an object."""
    found = value.get(name) if isinstance(value, dict) else None
    return otherwise if found is None else found
