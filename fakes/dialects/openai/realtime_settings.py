"""The settings of a Realtime session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..session import SECONDS
from ..wire import hex_id

if TYPE_CHECKING:
    from ...ask import Ask


def merged(settings: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    """Settings with those of an update in their place, table by table, as the API gives them back."""
    made = dict(settings)
    for name, value in update.items():
        both = isinstance(value, dict) and isinstance(made.get(name), dict)
        made[name] = merged(made[name], value) if both else value
    return made


def beginning(ask: Ask) -> dict[str, Any]:
    """The settings with which a session begins: those of the API, but for the modality."""
    audio = {"type": "audio/pcm", "rate": 24000}
    listening = {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": hex_id(ask, "sess_", 21),
        "model": ask.model,
        "output_modalities": ["text"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": int(ask.now + SECONDS),
        "audio": {
            "input": {
                "format": audio,
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": listening,
            },
            "output": {"format": audio, "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }
