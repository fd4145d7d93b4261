"""What holds for all tests."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

# The same cases each time, and no verdict on a busy machine's speed.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

# A job that a shell runs in the background ignores Ctrl-C and hands that on to its children, who are to be interrupted
# here.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for a minute begins first: the rest is done meanwhile."""
    items.sort(key=lambda item: item.path.name != "test_targets.py")
