"""Anthropic's messages, from and to OpenAI's chat completions."""

from __future__ import annotations

import json
from typing import Any

FINISHES = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
SPENT = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})


class Anthropic:
    """Speaks to Anthropic."""

    def headers(self, key: str) -> dict[str, str]:
        """The key, and the version of the API that is spoken."""
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}

    def request(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The system prompt stands beside the turns, tools are described without a frame, the user is metadata."""
        turns = [turn for turn in body["messages"] if turn["role"] not in {"system", "developer"}]
        system = [turn["content"] for turn in body["messages"] if turn["role"] in {"system", "developer"}]
        asked = ("model", "max_tokens", "temperature", "stream")
        said: dict[str, Any] = {name: value for name, value in body.items() if name in asked}
        if system:
            said["system"] = "\n\n".join(system)
        if body.get("user"):
            said["metadata"] = {"user_id": body["user"]}
        if body.get("tools"):
            said["tools"] = [_tool(tool["function"]) for tool in body["tools"]]
        return "/v1/messages", {**said, "messages": turns}

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        """A message's text blocks are the content, its tool calls the tool calls."""
        if body.get("type") != "message":
            return body
        try:
            texts = [block["text"] for block in body["content"] if block["type"] == "text"]
            calls = [_call(block, block["input"]) for block in body["content"] if block["type"] == "tool_use"]
            text = "".join(texts)
        except (KeyError, TypeError):
            return {}
        choice = {"message": {"content": text, "tool_calls": calls}, "finish_reason": _finish(body)}
        return {"choices": [choice], "model": body.get("model"), "usage": _usage(body)}

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """Text and arguments are deltas, the end is a finish reason; errors stay, and whatever else is nothing."""
        match event:
            case {"type": "error"}:
                return event
            case {"type": "message_start", "message": {"model": str(model)}}:
                return {"model": model}
            case {"type": "content_block_start", "index": int(index), "content_block": {"type": "tool_use"} as block}:
                return _delta({"tool_calls": [{**_call(block, None), "index": index}]})
            case {"type": "content_block_delta", "delta": {"text": str(text)}}:
                return _delta({"content": text})
            case {"type": "content_block_delta", "index": int(index), "delta": {"partial_json": str(piece)}}:
                return _delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
            case {"type": "message_delta", "delta": dict(ended)}:
                return {"choices": [{"finish_reason": _finish(ended)}], "usage": _usage(event)}
        return {}

    def error(self, error: dict[str, Any]) -> dict[str, Any]:
        """Money that is spent is told by a code under the status of a rate limit, or by words alone."""
        details = error.get("details")
        code = details.get("error_code") if isinstance(details, dict) else None
        spent = code in SPENT or "credit balance is too low" in str(error.get("message"))
        if spent or error.get("type") == "billing_error":
            return {**error, "code": "insufficient_quota"}
        if "prompt is too long" in str(error.get("message")) or "exceed context limit" in str(error.get("message")):
            return {**error, "code": "context_length_exceeded"}
        if error.get("type") == "not_found_error":
            return {**error, "code": "model_not_found"}
        return {**error, "code": "content_filter"} if "content filtering" in str(error.get("message")) else error


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    schema = function.get("parameters") or {"type": "object"}
    return {"name": function["name"], "description": function.get("description", ""), "input_schema": schema}


def _call(block: dict[str, Any], arguments: Any) -> dict[str, Any]:
    written = "" if arguments is None else json.dumps(arguments)
    return {"function": {"name": block.get("name"), "arguments": written}}


def _delta(delta: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"delta": delta}]}


def _finish(ended: dict[str, Any]) -> Any:
    reason = ended.get("stop_reason")
    return FINISHES.get(reason, reason) if isinstance(reason, str) else None


def _usage(body: dict[str, Any]) -> dict[str, Any] | None:
    """What was read from the cache or put into it counts as input too."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    counts = [usage.get(name) or 0 for name in names]
    if not all(isinstance(count, int) for count in counts):
        return None
    details = {"cached_tokens": counts[2], "cache_written_tokens": counts[1]}
    written = usage.get("output_tokens", 0)
    return {"prompt_tokens": sum(counts), "completion_tokens": written, "prompt_tokens_details": details}
