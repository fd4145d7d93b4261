"""In what providers that speak OpenAI's chat completions differ from OpenAI: data, and nothing else.

The name of the model chooses: `groq/llama-3.3-70b-versatile` is asked of Groq, and a name of no such provider is asked
of a `bare` server, which says the least that a client has to live with. What is here is what these providers are known
for; it has not been held against their wires, and nobody's own client has proved it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import responses
from typing import Any, Literal

Error = Mapping[str, Any]
"""An error as OpenAI has it: message, type, param, code."""


@dataclass(frozen=True, slots=True)
class Variation:
    """What one provider does in its own way."""

    error: Callable[[Error, int], Any]
    """The body of a refusal with this status."""
    usage: Literal["always", "last", "x_groq", "never"] = "always"
    """Where a stream says what was used: in a chunk of its own though nobody asked for one, in the chunk that says why
    it ended, in a field of the provider's own there, or nowhere."""
    sentinel: bool = True
    """Whether a stream ends with `[DONE]`."""
    comment: bytes = b""
    """What keeps a stream alive before its first chunk."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Fields of every answer and chunk that OpenAI does not have."""
    terse: bool = False
    """Whether what is null is left out."""
    limits: bool = False
    """Whether the headers tell of rate limits."""
    thought: str | None = None
    """The field beside the content that shows what the model thought."""
    silent: bool = False
    """Whether a stream that ends by itself never says so: the reason in its last chunk is null, and `[DONE]` is all
    there is."""
    keyless: bool = False
    """Whether any key will do, and none."""


def _openrouter(error: Error, status: int) -> Any:
    return {"error": {"message": error["message"], "code": status}}


def _groq(error: Error, _status: int) -> Any:
    return {"error": {name: error[name] for name in ("message", "type", "code") if error[name] is not None}}


def _together(error: Error, _status: int) -> Any:
    return {"error": dict(error)}


def _ollama(error: Error, status: int) -> Any:
    kind = {400: "invalid_request_error", 404: "not_found_error"}.get(status, "api_error")
    return {"error": {"message": error["message"], "type": kind, "param": None, "code": None}}


def _vllm(error: Error, status: int) -> Any:
    kind = responses.get(status, "Internal Server").replace(" ", "").removesuffix("Error") + "Error"
    return {"error": {"message": error["message"], "type": kind, "param": error["param"], "code": status}}


def _bare(error: Error, _status: int) -> Any:
    return {"error": error["message"]}


VARIATIONS: dict[str, Variation] = {
    "openrouter": Variation(
        _openrouter, comment=b": OPENROUTER PROCESSING\n\n", more={"provider": "Brownout"}, thought="reasoning"
    ),
    "groq": Variation(_groq, usage="x_groq", limits=True, thought="reasoning"),
    "together": Variation(_together, usage="last", thought="reasoning"),
    "ollama": Variation(_ollama, more={"system_fingerprint": "fp_ollama"}, thought="reasoning", keyless=True),
    "vllm": Variation(_vllm, usage="last", more={"prompt_logprobs": None}, thought="reasoning_content", keyless=True),
    "vllm-mlx": Variation(_vllm, thought="reasoning_content", silent=True, keyless=True),
}
BARE = Variation(_bare, usage="never", sentinel=False, terse=True)


def variation(model: str | None) -> Variation:
    """The one that a model's name chooses."""
    return VARIATIONS.get((model or "").partition("/")[0], BARE)
