"""How a provider is spoken to: all else here speaks OpenAI's chat completions, and others begin in this file."""

from __future__ import annotations

from typing import Any, Protocol


class Speech(Protocol):
    """One provider's way of being asked and of answering, from and to OpenAI's.

    What cannot be understood is handed over as it came: it is no answer, and is found to be none.
    """

    def headers(self, key: str) -> dict[str, str]:
        """What carries the key."""

    def request(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The path below the base URL and the body to send there."""

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        """A whole answer as a chat completion."""

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """An event of a stream as a chunk of a chat completion."""

    def error(self, error: dict[str, Any]) -> dict[str, Any]:
        """An error object with OpenAI's code, where it means the same."""


class OpenAI:
    """Said as it is."""

    def headers(self, key: str) -> dict[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {key}"}

    def request(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """With the usage asked for, which a stream does not tell by itself."""
        return "/chat/completions", body | ({"stream_options": {"include_usage": True}} if body.get("stream") else {})

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        """The same."""
        return body

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """The same."""
        return event

    def error(self, error: dict[str, Any]) -> dict[str, Any]:
        """The same."""
        return error
