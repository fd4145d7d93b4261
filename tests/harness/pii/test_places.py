from __future__ import annotations

import json

import pytest
from histories import exchange

from brownout.harness.pii.places import of_body, of_exchange

CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "A"},
        {"role": "user", "content": [{"type": "text", "text": "B"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "C", "function": {"name": "D", "arguments": "E"}}],
        },
        {"role": "tool", "tool_call_id": "F", "content": "G"},
        {"role": "user", "content": "H"},
    ],
    "tools": [{"type": "function", "function": {"name": "I"}}],
    "metadata": {"note": "J", "number": 7, "true": True},
    "user": "K",
}
RESPONSES = {
    "instructions": "A",
    "input": [
        {"role": "user", "content": "B"},
        {"type": "function_call", "arguments": "C"},
        {"type": "function_call_output", "output": "D"},
    ],
    "safety_identifier": "E",
}
MESSAGES = {
    "system": [{"type": "text", "text": "A"}],
    "messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "input": {"email": "B"}}]},
        {"role": "user", "content": [{"type": "tool_result", "content": "C"}]},
    ],
}


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (
            CHAT,
            {
                "A": "system prompt",
                "B": "earlier turn",
                "C": "tool arguments",
                "E": "tool arguments",
                "G": "tool result",
                "H": "prompt",
                "I": "tool definition",
                "J": "metadata",
                "7": "metadata",
                "K": "user",
                "m": "request body",
            },
        ),
        (RESPONSES, {"A": "system prompt", "C": "tool arguments", "D": "tool result", "E": "user"}),
        (MESSAGES, {"A": "system prompt", "B": "tool arguments", "C": "tool result"}),
        ({"input": "A", "user": "B"}, {"A": "request body", "B": "user"}),
        (["A"], {"A": "request body"}),
    ],
)
def test_each_text_of_a_request_is_told_by_its_part(body: object, parts: dict[str, str]) -> None:
    """
    System prompt, turns, tools, metadata and user are told apart in the shapes that providers have for them.
    """
    told = {text: part for part, text in of_body(json.dumps(body))}

    assert parts == {text: told[text] for text in parts}


@pytest.mark.parametrize("body", ["--boundary\r\nA", '{"messages": ', "[" * 100_000])
def test_a_body_that_is_no_json_is_one_text(body: str) -> None:
    """
    Forms, and JSON that breaks off or never ends, are searched as they stand.
    """
    assert [("request body", body)] == list(of_body(body))


def test_the_url_and_the_headers_are_parts_too() -> None:
    """
    What stands outside of the body is looked at as well.
    """
    asked = exchange("x1", path="/v1/chat?q=A", request_headers=(("x-user", "B"),), request_body="C")

    assert [("URL", "/v1/chat?q=A"), ("header", "x-user: B"), ("request body", "C")] == list(of_exchange(asked))
