"""What Cohere refuses of a request that it could read: 400, or 404 for the model.

The wordings of complaints about single fields are not taken from captured answers, except that of a limit which is more
than the model can write.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...ask import Trouble
from ..refusing import Refused
from ..sample import wrong_in

if TYPE_CHECKING:
    from ...ask import Ask
    from ...fake import Model

Types = tuple[type, ...]
WORDS = {str: "a string", int: "an integer", float: "a number", bool: "a boolean", list: "an array", dict: "an object"}
NUMBER: Types = (float, int)
CHAT: dict[str, Types] = {
    **dict.fromkeys(("model", "safety_mode", "tool_choice"), (str,)),
    **dict.fromkeys(("messages", "tools", "documents", "stop_sequences"), (list,)),
    **dict.fromkeys(("response_format", "citation_options", "thinking"), (dict,)),
    **dict.fromkeys(("stream", "logprobs", "strict_tools"), (bool,)),
    **dict.fromkeys(("max_tokens", "k", "seed", "priority"), (int,)),
    **dict.fromkeys(("temperature", "p", "frequency_penalty", "presence_penalty"), NUMBER),
}
ROLES = ("user", "assistant", "system", "tool")
STOPS = 5
RANGES: dict[str, tuple[float, float]] = {
    "max_tokens": (1, 2**31),
    "k": (0, 500),
    "temperature": (0, 2),
    "p": (0, 0.99),
    "frequency_penalty": (0, 1),
    "presence_penalty": (0, 1),
}


def refuse(reason: str) -> Refused:
    """A refusal to be raised."""
    return Refused(Trouble("bad_request", f"invalid request: {reason}"))


def check(body: Any, types: Mapping[str, Types], *required: str) -> dict[str, Any]:
    """The body with what is null left out; refused where a field is missing or of a wrong type."""
    if not isinstance(body, dict):
        raise refuse("the body must be an object")
    given = {name: value for name, value in body.items() if value is not None}
    for name in required:
        if name not in given:
            raise refuse(f"{name} is required")
    for name, value in given.items():
        if name in types:
            of_type(name, value, *types[name])
    return given


def of_type(at: str, value: Any, *types: type) -> None:
    """Refuse a value of another type."""
    if type(value) not in types:
        raise refuse(f"{at} must be {' or '.join(WORDS[each] for each in types)}")


def one_of(at: str, value: Any, *allowed: str) -> None:
    """Refuse a value that is none of those allowed."""
    if value not in allowed:
        raise refuse(f"{at} must be one of {', '.join(allowed)}")


def check_model(ask: Ask, *, writes: bool = False) -> Model:
    """The model; refused where there is none of that name, or none that writes."""
    model = ask.fake.find(ask.model)
    if model is None:
        raise Refused(Trouble("model_not_found"))
    if writes and model.max_output == 0:
        raise refuse(f"model '{ask.model}' is not supported by the chat API")
    return model


def check_chat(ask: Ask) -> None:
    """Refuse a chat that the API would refuse."""
    body = ask.body = check(ask.body, CHAT, "model", "messages")
    for name, (least, most) in RANGES.items():
        if name in body and not least <= body[name] <= most:
            raise refuse(f"{name} must be between {least} and {most}")
    _check_messages(body["messages"])
    _check_tools(body)
    _check_stops(body.get("stop_sequences", []))
    if "response_format" in body:
        _check_format(body["response_format"])
    model = check_model(ask, writes=True)
    if ask.max_output is not None and ask.max_output > model.max_output:
        limit = f"{model.max_output}, the maximum output for this model"
        raise refuse(f"max tokens must be less than or equal to {limit} - received {ask.max_output}.")
    if ask.input_tokens > model.window:
        raise Refused(Trouble("context_length"))


def _check_messages(messages: list[Any]) -> None:
    if not messages:
        raise refuse("messages must not be empty")
    called = False
    for number, message in enumerate(messages):
        at = f"messages[{number}]"
        of_type(at, message, dict)
        one_of(f"{at}.role", message.get("role"), *ROLES)
        content, calls = message.get("content"), message.get("tool_calls")
        if not content and not (message["role"] == "assistant" and calls):
            raise refuse(f"{at}.content must not be empty")
        if content is not None:
            of_type(f"{at}.content", content, str, list)
        for part in content if isinstance(content, list) else ():
            of_type(f"{at}.content", part, dict)
        if message["role"] == "tool" and not (called and isinstance(message.get("tool_call_id"), str)):
            raise refuse(f"{at}: a tool message must answer a tool call of the message before it")
        called = bool(calls) or (called and message["role"] == "tool")
    if messages[-1]["role"] not in {"user", "tool"}:
        raise refuse("the last message must be of the user or of a tool")


def _check_tools(body: dict[str, Any]) -> None:
    tools = body.get("tools", [])
    for number, tool in enumerate(tools):
        at = f"tools[{number}].function"
        function: Any = tool.get("function") if isinstance(tool, dict) else None
        of_type(at, function, dict)
        of_type(f"{at}.name", function.get("name"), str)
        _check_schema(f"{at}.parameters", {} if function.get("parameters") is None else function["parameters"])
    if "tool_choice" in body:
        one_of("tool_choice", body["tool_choice"], "REQUIRED", "NONE")
        if not tools:
            raise refuse("tool_choice may only be given with tools")


def _check_stops(stops: list[Any]) -> None:
    for stop in stops:
        of_type("stop_sequences", stop, str)
    if len(stops) > STOPS:
        raise refuse(f"at most {STOPS} stop_sequences may be given")


def _check_format(given: dict[str, Any]) -> None:
    one_of("response_format.type", given.get("type"), "text", "json_object")
    schema = schema_of(given)
    if schema is not None:
        _check_schema("response_format.json_schema", schema)


def schema_of(given: dict[str, Any]) -> Any:
    """The structure that an answer shall have; `schema` is its older name."""
    return given.get("schema") if given.get("json_schema") is None else given["json_schema"]


def _check_schema(at: str, schema: Any) -> None:
    of_type(at, schema, dict)
    if wrong := wrong_in(schema):
        raise refuse(f"{at} is no valid JSON schema: {wrong}")
