"""What Bedrock refuses of a conversation: a ValidationException that names the place.

The order of complaints: types, the conversation, tools, structure, context window.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...ask import Trouble
from ..refusing import Refused
from ..sample import wrong_in
from .converse import schema_of
from .reading import get

if TYPE_CHECKING:
    from ...ask import Ask
    from ...fake import Model

SERIALIZATION = "SerializationException"
"""What a value of another type is called, which the service does not even read."""
TYPES: dict[type, str] = {
    dict: "Structure",
    list: "List",
    str: "String",
    bool: "Boolean",
    int: "Integer",
    float: "Float",
}
FIELDS: dict[str, type] = {
    "messages": list,
    "system": list,
    **dict.fromkeys(("inferenceConfig", "toolConfig", "guardrailConfig", "additionalModelRequestFields"), dict),
    **dict.fromkeys(("requestMetadata", "performanceConfig", "serviceTier", "outputConfig"), dict),
}


def refuse(message: str) -> Refused:
    """A refusal to be raised."""
    return Refused(Trouble("bad_request", message))


def check_model(ask: Ask) -> Model:
    """What is known of the model asked for; refused where there is none of that name."""
    model = ask.fake.find(ask.model)
    if model is None:
        raise Refused(Trouble("unknown_model"))
    return model


def check_conversation(ask: Ask) -> None:
    """Refuse what is no conversation."""
    of_type("", ask.body, dict)
    body = ask.body = {name: value for name, value in ask.body.items() if value is not None}
    for name, kind in FIELDS.items():
        if name in body:
            of_type(name, body[name], kind)
    _check_limits(body)
    if not body.get("messages"):
        raise refuse("The messages field in the request is empty. Add a message and try again.")
    _check_turns(body["messages"])
    for number, block in enumerate(body.get("system", ())):
        of_type(f"system.{number}", block, dict)
        if "text" in block:
            of_type(f"system.{number}.text", block["text"], str)
    _check_tools(body)
    if (schema := schema_of(body)) is not None:
        _check_schema(schema)


def check_window(ask: Ask) -> None:
    """Refuse what an unknown model is asked, and what does not fit a known one."""
    model = check_model(ask)
    if model.max_output == 0:
        raise refuse(
            "This action doesn't support the model that you provided. Try again with a supported text or chat model."
        )
    if ask.max_output is not None and ask.max_output > model.max_output:
        raise refuse(
            f"The maximum tokens you requested exceeds the model limit of {model.max_output}. Try again with a maximum "
            "tokens value that is lower than the model limit."
        )
    if ask.input_tokens + (ask.max_output or 0) > model.window:
        raise Refused(Trouble("context_length"))


def of_type(at: str, value: Any, *kinds: type) -> None:
    """Refuse a value of another type."""
    if type(value) not in kinds:
        place = f" at '{at}'" if at else ""
        raise Refused(
            Trouble("bad_request", f"Unexpected value{place}: expected {TYPES[kinds[0]]}", code=SERIALIZATION)
        )


def _check_limits(body: dict[str, Any]) -> None:
    config = body.get("inferenceConfig", {})
    for name, least, most in (("maxTokens", 1, None), ("temperature", 0, 1), ("topP", 0, 1)):
        value = config.get(name)
        if value is None:
            continue
        of_type(f"inferenceConfig.{name}", value, *((int,) if name == "maxTokens" else (float, int)))
        wrong = f"greater than or equal to {least}" if value < least else ""
        wrong = f"less than or equal to {most}" if most is not None and value > most else wrong
        if wrong:
            raise refuse(
                f"1 validation error detected: Value '{value}' at 'inferenceConfig.{name}' failed to satisfy "
                f"constraint: Member must have value {wrong}"
            )
    stops = config.get("stopSequences")
    if stops is not None:
        of_type("inferenceConfig.stopSequences", stops, list)
        for number, stop in enumerate(stops):
            of_type(f"inferenceConfig.stopSequences.{number}", stop, str)


def _check_turns(turns: list[Any]) -> None:
    called: list[Any] = []
    for number, turn in enumerate(turns):
        at = f"messages.{number}"
        of_type(at, turn, dict)
        of_type(f"{at}.role", turn.get("role"), str)
        of_type(f"{at}.content", turn.get("content"), list)
        if turn["role"] not in {"user", "assistant", "system"}:
            raise refuse(
                f"1 validation error detected: Value '{turn['role']}' at '{at}.role' failed to satisfy constraint: "
                "Member must satisfy enum value set: [user, assistant, system]"
            )
        if number == 0 and turn["role"] == "assistant":
            raise refuse(
                "A conversation must start with a user message. Try again with a conversation that starts with a user "
                "message."
            )
        if not turn["content"]:
            raise refuse(
                f"The content field in the Message object at {at} is empty. Add a ContentBlock object to the content "
                "field and try again."
            )
        called = _check_blocks(at, turn["content"], called)


def _check_blocks(at: str, blocks: list[Any], called: list[Any]) -> list[Any]:
    """The calls that a turn makes; refused where it does not answer those of the turn before it, or others."""
    made: list[Any] = []
    answered: list[Any] = []
    for number, block in enumerate(blocks):
        here = f"{at}.content.{number}"
        of_type(here, block, dict)
        if "text" in block:
            of_type(f"{here}.text", block["text"], str)
            if not block["text"].strip():
                raise refuse(
                    f"The text field in the ContentBlock object at {here} is blank. Add text to the text field, and "
                    "try again."
                )
        if "toolUse" in block:
            of_type(f"{here}.toolUse", block["toolUse"], dict)
            made.append(block["toolUse"].get("toolUseId"))
        if "toolResult" in block:
            of_type(f"{here}.toolResult", block["toolResult"], dict)
            answered.append(block["toolResult"].get("toolUseId"))
    if len(answered) > len(called):
        raise refuse(
            f"The number of toolResult blocks at {at}.content exceeds the number of toolUse blocks of previous turn."
        )
    if missing := ", ".join(str(call) for call in called if call not in answered):
        raise refuse(f"Expected toolResult blocks at {at}.content for the following Ids: {missing}")
    return made


def _check_tools(body: dict[str, Any]) -> None:
    if "toolConfig" not in body:
        if any("toolUse" in block or "toolResult" in block for turn in body["messages"] for block in turn["content"]):
            raise refuse("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
        return
    tools = body["toolConfig"].get("tools")
    of_type("toolConfig.tools", tools, list)
    names: set[str] = set()
    for number, tool in enumerate(tools):
        at = f"toolConfig.tools.{number}"
        of_type(at, tool, dict)
        if "toolSpec" not in tool:
            continue
        of_type(f"{at}.toolSpec", tool["toolSpec"], dict)
        name, schema = tool["toolSpec"].get("name"), get(tool["toolSpec"].get("inputSchema"), "json")
        of_type(f"{at}.toolSpec.name", name, str)
        of_type(f"{at}.toolSpec.inputSchema.json", schema, dict)
        if name in names:
            raise refuse(f"The tool name {name} at {at}.toolSpec is used more than once.")
        names.add(name)
        if wrong := wrong_in(schema):
            raise refuse(f"The value at {at}.toolSpec.inputSchema.json is invalid: {wrong}")
    choice = body["toolConfig"].get("toolChoice")
    if choice is None:
        return
    of_type("toolConfig.toolChoice", choice, dict)
    if "tool" in choice and get(choice["tool"], "name") not in names:
        raise refuse("The toolChoice field names a tool that is not among the tools of the request.")


def _check_schema(schema: Any) -> None:
    at = "outputConfig.textFormat.structure.jsonSchema.schema"
    of_type(at, schema, str)
    try:
        value = json.loads(schema)
    except ValueError:
        raise refuse(f"The value at {at} is no valid JSON.") from None
    if not isinstance(value, dict) or (wrong := wrong_in(value)):
        raise refuse(f"The value at {at} is no valid JSON schema: {wrong if isinstance(value, dict) else 'no object'}")
