"""What OpenAI refuses of each request, operation by operation: 400 with the parameter's name, or 404 for the model.

The order of complaints is the API's: path, key, JSON, parameters, model, context window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...ask import Trouble
from ..refusing import Refused
from ..sample import BadSchema, Unsatisfiable, sample, wrong_in
from . import validation
from .reading import glance, parameters_of, tool_name
from .validation import check, missing, not_empty, of_type, one_of, refuse

if TYPE_CHECKING:
    from ...ask import Ask
    from ...fake import Model

STOPS = 4


def read_body(ask: Ask) -> None:
    """Fill in what the body asks for as far as it can be read; raises `Refused` for what the API would refuse."""
    glance(ask)
    match ask.route:
        case "chat":
            _check_chat(ask)
        case "responses" | "responses.input_tokens":
            _check_responses(ask)
        case "embeddings":
            ask.body = check(ask.body, validation.EMBEDDINGS, "model", "input")
        case "moderations":
            ask.body = check(ask.body, validation.MODERATIONS, "input")
        case "batches.create":
            ask.body = check(ask.body, validation.BATCHES, "input_file_id", "endpoint", "completion_window")


def check_window(ask: Ask) -> None:
    """Refuse what an unknown model is asked, and what does not fit a known one."""
    model = ask.fake.find(ask.model)
    if model is None:
        raise refuse_model()
    if model.max_output == 0:
        kind = "chat/completions" if ask.route == "chat" else "responses"
        raise refuse(f"This is not a chat model and thus not supported in the v1/{kind} endpoint.", "model")
    _check_output(ask, model)
    truncating = isinstance(ask.body, dict) and ask.body.get("truncation") == "auto"
    if ask.input_tokens + (ask.max_output or 0) > model.window and not truncating:
        raise Refused(Trouble("context_length"))


def refuse_model() -> Refused:
    """The refusal of a model that there is not."""
    return Refused(Trouble("model_not_found"))


def _check_output(ask: Ask, model: Model) -> None:
    if ask.max_output is not None and ask.max_output > model.max_output:
        name = next(n for n in ("max_completion_tokens", "max_output_tokens", "max_tokens") if n in ask.body)
        raise refuse(
            f"{name} is too large: {ask.max_output}. This model supports at most {model.max_output} completion tokens, "
            f"whereas you provided {ask.max_output}.",
            name,
            "invalid_value",
        )


def _check_chat(ask: Ask) -> None:
    body = ask.body = check(ask.body, validation.CHAT, "model", "messages")
    not_empty("messages", body["messages"])
    called = False
    for number, message in enumerate(body["messages"]):
        at = f"messages[{number}]"
        of_type(at, message, dict)
        if "role" not in message:
            raise missing(f"{at}.role")
        one_of(f"{at}.role", message["role"], validation.ROLES)
        _check_content(at, message)
        if message["role"] == "tool" and not called:
            raise refuse(
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                "'tool_calls'.",
                f"messages.[{number}].role",
            )
        called = bool(message.get("tool_calls")) or (called and message["role"] == "tool")
    if "stream_options" in body and not ask.stream:
        raise refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if "top_logprobs" in body and not body.get("logprobs"):
        raise refuse("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", "top_logprobs")
    _check_stop(body.get("stop"))
    check_tools(body, nested=True)
    if "response_format" in body:
        _check_format("response_format", body["response_format"], ask)


def _check_content(at: str, message: dict[str, Any]) -> None:
    content = message.get("content")
    if content is None and message["role"] != "assistant":
        raise refuse(
            "Invalid value for 'content': expected a string, got null.", f"{at}.content" if "content" in message else at
        )
    if content is not None:
        of_type(f"{at}.content", content, str, list)
    for number, part in enumerate(content if isinstance(content, list) else ()):
        of_type(f"{at}.content[{number}]", part, dict)
        if "type" not in part:
            raise missing(f"{at}.content[{number}].type")


def _check_stop(stop: Any) -> None:
    if isinstance(stop, list):
        if len(stop) > STOPS:
            raise refuse(
                f"Invalid 'stop': array too long. Expected an array with maximum length {STOPS}, but got an array with "
                f"length {len(stop)} instead.",
                "stop",
                "array_above_max_length",
            )
        for number, each in enumerate(stop):
            of_type(f"stop[{number}]", each, str)


def check_tools(body: dict[str, Any], *, nested: bool) -> None:
    """Refuse tools that are none, and a choice of them that cannot be."""
    tools = body.get("tools", [])
    for number, tool in enumerate(tools):
        at = f"tools[{number}]"
        of_type(at, tool, dict)
        if "type" not in tool:
            raise missing(f"{at}.type")
        if tool["type"] != "function":
            continue
        if nested and "function" not in tool:
            raise missing(f"{at}.function")
        if nested:
            at += ".function"
            of_type(at, tool["function"], dict)
        _check_parameters(at, tool)
    choice = body.get("tool_choice")
    if isinstance(choice, str):
        one_of("tool_choice", choice, ("none", "auto", "required"))
    if choice is not None and not tools:
        message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        raise refuse(message, "tool_choice")


def _check_parameters(at: str, tool: dict[str, Any]) -> None:
    if tool_name(tool) is None:
        raise missing(f"{at}.name")
    try:
        instance = sample(parameters_of(tool))
    except Unsatisfiable:  # that none could be made to fit it is no fault of the request
        return
    except BadSchema as error:
        reason = str(error)
    else:
        reason = "" if isinstance(instance, dict) else 'schema must be of type "object"'
    if reason:
        raise refuse(
            f"Invalid schema for function '{tool_name(tool)}': {reason}.",
            f"{at}.parameters",
            "invalid_function_parameters",
        )


def _check_format(param: str, given: Any, ask: Ask) -> None:
    of_type(param, given, dict)
    kind = given.get("type")
    one_of(f"{param}.type", kind, ("json_object", "json_schema", "text"))
    if kind == "json_object" and not any("json" in text.lower() for text in ask.texts):
        source = "messages" if ask.route == "chat" else "input"
        raise refuse(
            f"'{source}' must contain the word 'json' in some form, to use '{param}' of type 'json_object'.", source
        )
    if kind != "json_schema":
        return
    described = given
    if ask.route == "chat":
        if "json_schema" not in given:
            raise missing(f"{param}.json_schema")
        of_type(f"{param}.json_schema", given["json_schema"], dict)
        described, param = given["json_schema"], f"{param}.json_schema"
    for name, kinds in (("name", str), ("schema", dict)):
        if name not in described:
            raise missing(f"{param}.{name}")
        of_type(f"{param}.{name}", described[name], kinds)
    if wrong := wrong_in(described["schema"]):
        message = f"Invalid schema for response_format '{described['name']}': {wrong}."
        raise refuse(message, param.partition(".json_schema")[0])


def _check_responses(ask: Ask) -> None:
    required = ("model", "input") if ask.route == "responses" else ()
    body = ask.body = check(ask.body, validation.RESPONSES, *required)
    for number, item in enumerate(body["input"] if isinstance(body.get("input"), list) else ()):
        at = f"input[{number}]"
        of_type(at, item, dict)
        if item.get("type", "message") != "message":
            of_type(f"{at}.type", item["type"], str)
            continue
        if "role" not in item:
            raise missing(f"{at}.role")
        one_of(f"{at}.role", item["role"], validation.INPUT_ROLES)
        if "content" not in item:
            raise missing(f"{at}.content")
        of_type(f"{at}.content", item["content"], str, list)
        for place, part in enumerate(item["content"] if isinstance(item["content"], list) else ()):
            of_type(f"{at}.content[{place}]", part, dict)
    if "truncation" in body:
        one_of("truncation", body["truncation"], ("auto", "disabled"))
    check_tools(body, nested=False)
    if (given := body.get("text", {}).get("format")) is not None:
        _check_format("text.format", given, ask)
