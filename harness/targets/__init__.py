"""What a target is started as and called through.

Three kinds, one face: whatever the target is, a call goes in as a `CallRequest` and comes back as events of the line
protocol.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from ..clock import WarpClock
from ..protocol import CallEvent, CallRequest


class TargetFailed(Exception):  # said of the target, not of the program
    """The target did not start; the message holds its last lines of output."""


class Witness(Protocol):
    """Writes down what a target says and does; a `Stage`'s history, mostly."""

    def log(self, source: str, text: str) -> None:
        """A line of its output or of a log file."""

    def note(self, what: str, **details: Any) -> None:
        """Something that happened: `target_died`, `answered_twice`, `ignored_term`."""


class Target(Protocol):
    """One running target.

    A call that the target cannot answer any more ends as an error of kind `died`, and one whose connection broke as
    `cut` or `refused`: these three are the caller's own finding, nothing that the target has said.
    """

    async def start(self, places: Mapping[str, str]) -> None:
        """Start it with the fakes' addresses and keys, and wait until it is ready.

        After `kill` it starts again, in the folder that it left.
        """

    def live_on(self, clock: WarpClock) -> None:
        """Have its processes share a clock, from the next start on."""

    def call(self, request: CallRequest) -> AsyncIterator[CallEvent]:
        """Make a call and yield what comes back."""

    async def cancel(self, call: str) -> None:
        """Let the caller of a call leave."""

    @property
    def cancels(self) -> bool:
        """Whether a call that says nothing yet can be told that its caller has left."""

    async def kill(self) -> None:
        """End it as a power cut does: `kill -9`, for it and for everything that it started."""

    def hear(self) -> None:
        """Read what has been written into its log files by now."""

    async def stop(self) -> None:
        """End it politely, then firmly; nothing that it started is left."""

    @property
    def presented(self) -> tuple[str | None, str | None]:
        """Its name and version, as far as it has told them."""

    @property
    def pid(self) -> int | None:
        """The process that leads the target; None when the harness did not start it."""

    @property
    def ports(self) -> set[int]:
        """Where it listens, as far as this is known."""

    @property
    def keeper(self) -> int | None:
        """The process below which all processes of the target are; None when the harness did not start it."""
