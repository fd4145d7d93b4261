"""What Realtime refuses of a client's events before any model sees them."""

from __future__ import annotations

from typing import Any

from .refusing import check_tools
from .validation import missing, of_type, one_of, refuse

MOST_OUTPUT = 4096
PARTS = {"system": ("input_text",), "user": ("input_text", "input_image"), "assistant": ("output_text", "text")}
SILENT = "Audio is not heard here: this provider answers text with text."


def check_session(session: Any, model: str | None) -> dict[str, Any]:
    """Refuse settings that a session cannot have."""
    of_type("session", session, dict)
    if "type" not in session:
        raise missing("session.type")
    one_of("session.type", session["type"], ("realtime",))
    if session.get("model", model) != model:
        raise refuse("Cannot update a conversation's model.", "session.model", "cannot_update_model")
    check_settings("session", session)
    return dict(session)


def check_settings(at: str, given: Any) -> None:
    """Refuse what neither a session nor a response can have."""
    of_type(at, given, dict)
    settings = {name: value for name, value in given.items() if value is not None}
    for name, kinds in (("instructions", (str,)), ("tools", (list,)), ("output_modalities", (list,))):
        if name in settings:
            of_type(f"{at}.{name}", settings[name], *kinds)
    if settings.get("output_modalities", ["text"]) != ["text"]:
        raise refuse(
            f"Invalid modalities: {settings['output_modalities']!r}. Supported combinations are: ['text'].",
            f"{at}.output_modalities",
            "invalid_value",
        )
    most = settings.get("max_output_tokens", "inf")
    if most != "inf" and (type(most) is not int or not 1 <= most <= MOST_OUTPUT):
        raise refuse(
            f"Invalid value: {most!r}. Expected an integer between 1 and {MOST_OUTPUT}, or 'inf'.",
            f"{at}.max_output_tokens",
            "invalid_value",
        )
    for name, value in settings.get("metadata", {}).items() if isinstance(settings.get("metadata"), dict) else ():
        of_type(f"{at}.metadata.{name}", value, str)
    if settings.get("tools"):
        check_tools(settings, nested=False)


def check_item(at: str, item: Any) -> dict[str, Any]:
    """Refuse what cannot be an item of a conversation."""
    of_type(at, item, dict)
    if "type" not in item:
        raise missing(f"{at}.type")
    one_of(f"{at}.type", item["type"], ("message", "function_call", "function_call_output"))
    if item["type"] == "message":
        _check_message(at, item)
    else:
        wanted = ("name", "arguments") if item["type"] == "function_call" else ("call_id", "output")
        for name in wanted:
            if name not in item:
                raise missing(f"{at}.{name}")
            of_type(f"{at}.{name}", item[name], str)
    if item.get("id") is not None:
        of_type(f"{at}.id", item["id"], str)
    return dict(item)


def _check_message(at: str, item: dict[str, Any]) -> None:
    for name in ("role", "content"):
        if name not in item:
            raise missing(f"{at}.{name}")
    of_type(f"{at}.role", item["role"], str)
    one_of(f"{at}.role", item["role"], tuple(PARTS))
    of_type(f"{at}.content", item["content"], list)
    for number, part in enumerate(item["content"]):
        place = f"{at}.content[{number}]"
        of_type(place, part, dict)
        if part.get("type") == "input_audio":
            raise refuse(SILENT, f"{place}.type", "invalid_value")
        one_of(f"{place}.type", part.get("type"), PARTS[item["role"]])
        if part["type"] != "input_image":
            if "text" not in part:
                raise missing(f"{place}.text")
            of_type(f"{place}.text", part["text"], str)
