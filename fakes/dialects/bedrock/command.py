"""Chats with Cohere's Command R, which speak the first version of Cohere's API here, in the words of the second.

At home a chat is a list of messages and its stream has typed events; here a message stands beside a history, and the
last event of a stream repeats all that was said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..wire import hex_id
from .vendors import Body, Pieces, Vendor, malformed, required

if TYPE_CHECKING:
    from ...ask import Ask

TYPES = {"int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object"}
SAME = frozenset(
    {
        *("max_tokens", "temperature", "p", "k", "seed", "stop_sequences", "documents", "response_format"),
        *("frequency_penalty", "presence_penalty"),
    }
)
ROLES = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system"}


class Command(Vendor):
    """Cohere's chats in the first version of its API."""

    dialect = "cohere"
    path = "/v2/chat"

    def asked(self, body: Body) -> Body:
        """As messages."""
        required(body, "message")
        turns: list[Body] = [{"role": "system", "content": body["preamble"]}] if body.get("preamble") else []
        for turn in _objects(body, "chat_history"):
            if turn.get("role") not in ROLES:
                raise malformed("#/chat_history: role is not a valid enum value")
            turns.append({"role": ROLES[turn["role"]], "content": turn.get("message")})
        results = list(_results(_objects(body, "tool_results")))
        if body["message"] or not results:
            turns.append({"role": "user", "content": body["message"]})
        tools = [_tool(tool) for tool in _objects(body, "tools")]
        kept = {name: value for name, value in body.items() if name in SAME}
        return {**kept, "messages": turns + results, **({"tools": tools} if tools else {})}

    def told(self, ask: Ask, value: Body) -> Body:
        """One text, and the calls of tools."""
        message = value["message"]
        texts = [each["text"] for each in message.get("content", ()) if "text" in each]
        text = None if None in texts else "".join(texts)
        return _said(ask, text, value["finish_reason"], message.get("tool_calls", []))

    def streamed(self, ask: Ask, pieces: Pieces) -> Iterator[tuple[Body, str]]:
        """Pieces of text, all calls at once, and all of it again."""
        text = ""
        calls: dict[int, Body] = {}
        for value, part in pieces:
            match value["type"]:
                case "message-start":
                    yield _event("stream-start", generation_id=_uuid(ask, "generation")), part
                case "content-delta" if "text" in (content := value["delta"]["message"]["content"]):
                    text += content["text"] or ""
                    yield _event("text-generation", text=content["text"]), part
                case "tool-call-start":
                    calls[value["index"]] = value["delta"]["message"]["tool_calls"]
                case "tool-call-delta":
                    more = value["delta"]["message"]["tool_calls"]["function"]["arguments"]
                    calls[value["index"]]["function"]["arguments"] += more
                case "message-end":
                    said = _said(ask, text, value["delta"]["finish_reason"], list(calls.values()))
                    if calls:
                        yield _event("tool-calls-generation", tool_calls=said["tool_calls"]), "delta"
                    yield _event("stream-end", finish_reason=said["finish_reason"], response=said), part


def _event(kind: str, **fields: Any) -> Body:
    return {"is_finished": kind == "stream-end", "event_type": kind, **fields}


def _said(ask: Ask, text: str | None, finish: str, calls: list[Body]) -> Body:
    made = [{"name": call["function"]["name"], "parameters": _parameters(call)} for call in calls]
    return {
        "response_id": _uuid(ask, "response"),
        "text": text,
        "generation_id": _uuid(ask, "generation"),
        "chat_history": [
            *_objects(ask.body, "chat_history"),
            {"role": "USER", "message": ask.body["message"]},
            {"role": "CHATBOT", "message": text},
        ],
        "finish_reason": "COMPLETE" if finish in {"TOOL_CALL", "STOP_SEQUENCE"} else finish,
        **({"tool_calls": made} if made else {}),
    }


def _tool(tool: Body) -> Body:
    """The definitions of a tool's parameters, as a schema."""
    defined = {each["name"]: each for each in _named(tool.get("parameter_definitions") or {})}
    types = {name: TYPES.get(str(each.get("type")), "string") for name, each in defined.items()}
    wanted = [name for name, each in defined.items() if each.get("required") is True]
    properties = {name: {"type": kind} for name, kind in types.items()}
    schema = {"type": "object", "properties": properties, "required": wanted}
    return {"type": "function", "function": {"name": tool.get("name"), "parameters": schema}}


def _named(definitions: Any) -> Iterator[Body]:
    if not isinstance(definitions, dict):
        raise malformed("#/tools: expected type: JSONObject")
    return ({**each, "name": name} for name, each in definitions.items() if isinstance(each, dict))


def _results(results: list[Body]) -> Iterator[Body]:
    """What tools gave back, behind the calls that they answer."""
    for number, result in enumerate(results):
        call = result.get("call")
        if not isinstance(call, dict):
            raise malformed("#/tool_results: required key [call] not found")
        function = {"name": call.get("name"), "arguments": json.dumps(call.get("parameters", {}))}
        name = f"call_{number}"
        yield {"role": "assistant", "tool_calls": [{"id": name, "type": "function", "function": function}]}
        yield {"role": "tool", "tool_call_id": name, "content": json.dumps(result.get("outputs", []))}


def _objects(body: Body, name: str) -> list[Body]:
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise malformed(f"#/{name}: expected type: JSONArray")
    return found


def _parameters(call: Body) -> Any:
    """The arguments as an object; of those that broke off, nothing can be made but an empty one."""
    try:
        return json.loads(call["function"]["arguments"])
    except ValueError:
        return {}


def _uuid(ask: Ask, what: str) -> str:
    return str(UUID(hex_id(ask, "", 32, what)))
