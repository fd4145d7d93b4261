"""Reads a setting while it is imported."""

import os

KEY = os.environ.get("KEY")
IMPORTED_IN = os.getpid()


def say(prompt):
    same = "same" if IMPORTED_IN == os.getpid() else "forked"
    return "{} {}".format(KEY, same)
