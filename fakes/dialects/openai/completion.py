"""What a request of either API, chat completions or responses, wants said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..saying import ANY_OBJECT, Wants
from .reading import parameters_of, tool_name

if TYPE_CHECKING:
    from ...ask import Ask


def wants(ask: Ask, format_: dict[str, Any] | None, choices: int = 1) -> Wants:
    """What is wanted; `format_` is the description of a structure to answer in."""
    body = ask.body
    choice, stop, schema = body.get("tool_choice"), body.get("stop"), None
    if format_ is not None:
        schema = ANY_OBJECT if format_.get("type") == "json_object" else format_["schema"]
    tools = {name: parameters_of(tool) for name, tool in _offered(body).items()}
    return Wants(
        tools={} if choice == "none" else tools,
        forced=_forced(choice, list(tools)),
        talks=_answers_tools(body),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=schema,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        choices=choices,
    )


def _offered(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The functions on offer, by name."""
    return {name: tool for tool in body.get("tools", ()) if (name := tool_name(tool)) is not None}


def _forced(choice: Any, tools: list[str]) -> tuple[str, ...]:
    """The tools of which one has to be called."""
    if choice == "required":
        return tuple(tools)
    if not isinstance(choice, dict):
        return ()
    inner = choice.get("function") or choice.get("allowed_tools") or choice
    inner = inner if isinstance(inner, dict) else choice
    if choice.get("type") == "function":
        return (str(inner.get("name")),)
    if choice.get("type") == "allowed_tools" and inner.get("mode") == "required":
        return tuple(name for tool in inner.get("tools") or () if (name := tool_name(tool)))
    return ()


def _answers_tools(body: dict[str, Any]) -> bool:
    """Whether the conversation ends with what a tool gave back: then it is the model's turn to talk."""
    turns = body.get("messages") or body.get("input")
    last = turns[-1] if isinstance(turns, list) and turns else {}
    return isinstance(last, dict) and (last.get("role") == "tool" or last.get("type") == "function_call_output")
