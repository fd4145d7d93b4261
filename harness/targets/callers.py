"""Callers that speak a dialect to a target: one module each, and which dialects there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..protocol import CallRequest
from . import anthropic_caller, openai_caller
from .replies import Reading


class Caller(Protocol):
    """How callers of one dialect ask, and read what comes back."""

    HEADERS: dict[str, str]
    """What they send besides what the target file gives."""

    def ask(self, request: CallRequest, model: str | None) -> dict[str, Any]:
        """The body of a request."""

    def read(self, request: CallRequest, status: int, content_type: str) -> Reading:
        """How the reply is to be read."""


CALLERS: Mapping[str, Caller] = {"anthropic": anthropic_caller, "openai": openai_caller}


def caller(dialect: str | None) -> Caller:
    """The callers of a dialect."""
    return CALLERS[dialect or "openai"]
