"""Bugs of an integration that cannot be judged at all, or is left broken by a failure."""

from __future__ import annotations

from mutant import Mutant, answers, client

MUTANTS = (
    Mutant(
        "the answer is read from a field that the provider does not send",
        (answers('message.get("content")', 'message.get("text", "")'),),
        ("control.answers",),
    ),
    Mutant(
        "the client is closed after a failed call and used again",
        (
            client(
                "                if wait is None:\n                    raise CallFailed(failure.kind, partial=given) from None",
                "                if wait is None:\n                    await self._http.aclose()\n"
                "                    raise CallFailed(failure.kind, partial=given) from None",
            ),
        ),
        ("control.alive-after",),
        ("*",),
    ),
    Mutant(
        "a failed call leaves something spinning behind",
        (
            client(
                "                if wait is None:\n                    raise CallFailed(failure.kind, partial=given) from None",
                "                if wait is None:\n                    self._spin()\n"
                "                    raise CallFailed(failure.kind, partial=given) from None",
            ),
            client(
                "    def _next_wait(",
                "    def _spin(self) -> None:\n        asyncio.get_running_loop().call_soon(self._spin)\n\n    def _next_wait(",
            ),
        ),
        ("control.alive-after",),
        ("*",),
    ),
)
