"""Every certificate is written twice: on asyncio's own loop and on uvloop."""

from __future__ import annotations

import asyncio

import pytest
import rawsocket


@pytest.fixture(params=rawsocket.LOOPS)
def play(request: pytest.FixtureRequest) -> rawsocket.Play:
    """Ask a real server over a real socket, while faults are in force."""

    def played(*faults: object, **options: object) -> rawsocket.Played:
        with asyncio.Runner(loop_factory=rawsocket.LOOPS[request.param]) as runner:
            return runner.run(rawsocket.play(*faults, **options))  # type: ignore[arg-type]  # the options of `play`

    return played
