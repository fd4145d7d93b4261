"""What a command's exit code says."""

from __future__ import annotations

from enum import IntEnum

from ..reports.results import Gate


class Exit(IntEnum):
    """The exit codes; they are public."""

    HOLDS = 0
    """The gate holds."""
    BROKEN = 1
    """The gate does not hold."""
    USAGE = 2
    """Wrong usage or configuration."""
    INCONCLUSIVE = 3
    """Nothing failed, but something on the gated level could not be judged."""
    NOT_RUN = 4
    """The target or the harness itself could not run."""
    NOTHING = 5
    """Nothing was selected."""
    INTERRUPTED = 130
    """The run was interrupted; reports of what had finished are written."""


def exit_of(gate: Gate) -> Exit:
    """What a gate comes to."""
    if gate.failed:
        return Exit.BROKEN
    return Exit.INCONCLUSIVE if gate.inconclusive else Exit.HOLDS
