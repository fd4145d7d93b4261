"""What Anthropic refuses of a message: 400 with the path of what is wrong, or 404 for the model.

The order of complaints is the API's: path, key, version, JSON, fields, conversation, model, context window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...ask import Trouble
from ..refusing import Refused
from ..sample import wrong_in
from .reading import NEWEST, VERSIONS, version_of
from .validation import COUNT_TOKENS, MESSAGES, check, of_type, one_of, refuse, required

if TYPE_CHECKING:
    from ...ask import Ask
    from ...fake import Model

SAMPLING = ("temperature", "top_p", "top_k")
LEAST_THINKING = 1024


def check_version(ask: Ask) -> None:
    """Refuse a request that names no version of the API, or none that there is."""
    version = version_of(ask.request)
    if version is None:
        raise refuse("header is required", "anthropic-version")
    if version not in VERSIONS:
        raise refuse(f"{version!r} is not a valid version", "anthropic-version")


def check_message(ask: Ask, *, counting: bool = False) -> None:
    """Refuse a body that is no message's, or none whose tokens can be counted."""
    names = ("model", "messages") if counting else ("model", "max_tokens", "messages")
    body = ask.body = check(ask.body, COUNT_TOKENS if counting else MESSAGES, *names)
    _check_turns(body["messages"])
    _check_texts("system", body.get("system"))
    for number, each in enumerate(body.get("stop_sequences", ())):
        of_type(f"stop_sequences.{number}", each, str)
        if not each.strip():
            raise refuse("each stop sequence must contain non-whitespace", "stop_sequences")
    if isinstance(body.get("metadata", {}).get("user_id"), dict | list | int | float):
        raise refuse("Input should be a valid string", "metadata.user_id")
    _check_tools(body)
    _check_thinking(body)
    if (given := format_of(body)) is not None:
        _check_format(given)
    if version_of(ask.request) == NEWEST:
        check_newest(body)


def check_window(ask: Ask) -> None:
    """Refuse what an unknown model is asked, and what does not fit a known one."""
    model = ask.fake.find(ask.model)
    if model is None:
        raise Refused(Trouble("model_not_found"))
    _check_output(ask, model)
    if ask.input_tokens + (ask.max_output or 0) > model.window:
        raise Refused(Trouble("context_length"))


def format_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """The description of a structure to answer in: in its place, or where it was while it was in beta."""
    found = body.get("output_config", {}).get("format") or body.get("output_format")
    return found if isinstance(found, dict) else None


def _check_output(ask: Ask, model: Model) -> None:
    if ask.max_output is not None and ask.max_output > model.max_output:
        raise refuse(
            f"{ask.max_output} > {model.max_output}, which is the maximum allowed number of output tokens for "
            f"{ask.model}",
            "max_tokens",
        )


def _check_turns(turns: list[Any]) -> None:
    if not turns:
        raise refuse("at least one message is required", "messages")
    called: list[Any] = []
    for number, turn in enumerate(turns):
        at = f"messages.{number}"
        of_type(at, turn, dict)
        required(at, turn, "role", "content")
        one_of(f"{at}.role", turn["role"], "user", "assistant", "system")
        of_type(f"{at}.content", turn["content"], str, list)
        if not turn["content"] and number < len(turns) - 1:
            raise refuse("all messages must have non-empty content except for the optional final assistant message", at)
        if not turn["content"] and turn["role"] != "assistant":
            raise refuse(f"{turn['role']} messages must have non-empty content", at)
        called = _check_blocks(at, turn, called)


def _check_blocks(at: str, turn: dict[str, Any], called: list[Any]) -> list[Any]:
    """The calls that a turn makes; refused where it does not answer those of the turn before it, or others."""
    made: list[Any] = []
    answered: list[Any] = []
    for number, block in enumerate(turn["content"] if isinstance(turn["content"], list) else ()):
        here = f"{at}.content.{number}"
        of_type(here, block, dict)
        required(here, block, "type")
        match block["type"]:
            case "text":
                required(here, block, "text")
                of_type(f"{here}.text", block["text"], str)
                if not block["text"]:
                    raise refuse("text content blocks must be non-empty", "messages")
            case "tool_use":
                required(here, block, "id", "name", "input")
                of_type(f"{here}.input", block["input"], dict)
                made.append(block["id"])
            case "tool_result":
                required(here, block, "tool_use_id")
                if block["tool_use_id"] not in called:
                    raise refuse(
                        f"unexpected `tool_use_id` found in `tool_result` blocks: {block['tool_use_id']}. Each "
                        "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
                        here,
                    )
                answered.append(block["tool_use_id"])
    if missing := ", ".join(str(call) for call in called if call not in answered):
        raise refuse(
            f"`tool_use` ids were found without `tool_result` blocks immediately after: {missing}. "
            "Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
            at,
        )
    return made


def _check_texts(at: str, value: Any) -> None:
    for number, block in enumerate(value if isinstance(value, list) else ()):
        here = f"{at}.{number}"
        of_type(here, block, dict)
        required(here, block, "type", "text")
        of_type(f"{here}.text", block["text"], str)


def _check_tools(body: dict[str, Any]) -> None:
    names: set[str] = set()
    for number, tool in enumerate(body.get("tools", ())):
        at = f"tools.{number}"
        of_type(at, tool, dict)
        if tool.get("type", "custom") != "custom":
            continue
        required(at, tool, "name", "input_schema")
        of_type(f"{at}.name", tool["name"], str)
        of_type(f"{at}.input_schema", tool["input_schema"], dict)
        if tool["name"] in names:
            raise refuse("Tool names must be unique.", "tools")
        names.add(tool["name"])
        required(f"{at}.input_schema", tool["input_schema"], "type")
        if (wrong := wrong_in(tool["input_schema"])) or tool["input_schema"]["type"] != "object":
            raise refuse(f"JSON schema is invalid. {wrong or 'type must be object'}", f"{at}.custom.input_schema")
    choice = body.get("tool_choice")
    if choice is None:
        return
    one_of("tool_choice.type", choice.get("type"), "auto", "any", "tool", "none")
    if not body.get("tools"):
        raise refuse("tool_choice may only be specified while providing tools.", "tool_choice")
    if choice["type"] == "tool":
        required("tool_choice", choice, "name")
        if choice["name"] not in [tool.get("name") for tool in body["tools"]]:
            raise refuse(f"Tool '{choice['name']}' not found in provided tools", "tool_choice")


def _check_thinking(body: dict[str, Any]) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    one_of("thinking.type", thinking.get("type"), "enabled", "disabled", "adaptive", "between_tools")
    if thinking["type"] != "enabled":
        return
    required("thinking", thinking, "budget_tokens")
    of_type("thinking.budget_tokens", thinking["budget_tokens"], int)
    if thinking["budget_tokens"] < LEAST_THINKING:
        raise refuse(f"Input should be greater than or equal to {LEAST_THINKING}", "thinking.enabled.budget_tokens")
    if "max_tokens" in body and body["max_tokens"] <= thinking["budget_tokens"]:
        raise refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _check_format(given: dict[str, Any]) -> None:
    at = "output_config.format"
    one_of(f"{at}.type", given.get("type"), "json_schema")
    required(at, given, "schema")
    of_type(f"{at}.schema", given["schema"], dict)
    if wrong := wrong_in(given["schema"]):
        raise refuse(f"Invalid schema: {wrong}", f"{at}.schema")


def check_newest(body: dict[str, Any]) -> None:
    """What the newest version of the API takes no longer."""
    for name in SAMPLING:
        if name in body:
            raise refuse("Extra inputs are not permitted", name)
    for number, turn in enumerate(body["messages"]):
        for place, block in enumerate(turn["content"] if isinstance(turn["content"], list) else ()):
            here = f"messages.{number}.content.{place}"
            if turn["role"] == "assistant" and block["type"] == "document":
                raise refuse("`document` blocks are not permitted in assistant messages", here)
            if turn["role"] == "user" and block["type"] == "text" and block.get("citations"):
                raise refuse("`citations` are not permitted on user text blocks", here)
