"""Every shape that a response can have, over HTTP and in a session."""

from __future__ import annotations

from typing import Any

from speaking import PROMPT, QUICK

from brownout.fakes.answer import Answer, ToolCall

WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
CALLS = (ToolCall("weather", {"city": "Zürich"}), ToolCall("weather", {"city": "Bern"}))
WHOLE = "k7q2x9-1 k7q2x9-2 k7q2x9-3 k7q2x9-4 k7q2x9-5 k7q2x9-6"
TURNS = [
    {"role": "developer", "content": "be brief"},
    {"role": "user", "content": [{"type": "input_text", "text": PROMPT}]},
    {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
]
# Every shape that a response can have: what is asked for, and what the model is told to say.
SHAPES: dict[str, tuple[dict[str, Any], Answer]] = {
    "words": ({}, QUICK),
    "turns": ({"input": TURNS, "instructions": "answer"}, QUICK),
    "unicode": ({}, Answer(words=6, unicode=True)),
    "cut short": ({"max_output_tokens": 16}, Answer(words=30)),
    "filtered": ({}, Answer(words=3, finish="content_filter")),
    "refusal": ({}, Answer(refusal="I'm sorry, I can't help with that.")),
    "forced call": ({"tools": [WEATHER], "tool_choice": "required"}, QUICK),
    "two calls": ({"tools": [WEATHER]}, Answer(tool_calls=CALLS)),
    "schema": ({"text": {"format": {"type": "json_schema", "name": "thing", "schema": SCHEMA}}}, QUICK),
    "json": ({"text": {"format": {"type": "json_object"}}, "input": "json"}, QUICK),
    "reasoning": ({"reasoning": {"effort": "low"}}, Answer(words=3, reasoning_tokens=100, cached_tokens=3)),
    "all thought": ({"max_output_tokens": 16}, Answer(words=3, reasoning_tokens=100)),
    "nothing": ({}, Answer(words=0)),
    "settings": (
        {"temperature": 0, "metadata": {"a": "b"}, "user": "u1", "service_tier": "flex", "store": False},
        QUICK,
    ),
}
