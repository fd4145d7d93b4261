"""What is known of the models, as of 2026-11-21; one that is not written down here is not asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """The most tokens of input and output together, and dollars per million of them: micro-dollars per token."""

    window: int
    input: float
    cached: float
    output: float
    cache_written: float = 0.0


MODELS = {
    "gpt-4o": Model(128_000, 2.50, 1.25, 10.00),
    "gpt-4o-mini": Model(128_000, 0.15, 0.075, 0.60),
    "gpt-4.1": Model(1_047_576, 2.00, 0.50, 8.00),
    "gpt-4.1-mini": Model(1_047_576, 0.40, 0.10, 1.60),
    "claude-haiku-4-5": Model(200_000, 1.00, 0.10, 5.00, 1.25),
    "claude-sonnet-4-5": Model(200_000, 3.00, 0.30, 15.00, 3.75),
}
