"""What holds for all tests."""

from __future__ import annotations

import signal

import coverage
import pytest
from hypothesis import settings

# The same cases each time, and no verdict on a busy machine's speed.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

# A job that a shell runs in the background ignores Ctrl-C and hands that on to its children, who are to be interrupted
# here.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker's coverage is saved before it says that it has finished: one that takes long to end is killed."""
    measured = coverage.Coverage.current()
    if measured is not None and hasattr(session.config, "workerinput"):
        measured.stop()
        measured.save()
