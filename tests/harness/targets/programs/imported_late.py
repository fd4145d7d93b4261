"""Can be shared, and is imported by the first call only."""

import os

IMPORTED_IN = os.getpid()


def say(prompt):
    return "same" if IMPORTED_IN == os.getpid() else "forked"
