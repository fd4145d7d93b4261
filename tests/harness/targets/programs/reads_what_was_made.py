"""Reads, while it is imported, a setting that the target itself makes."""

import os

MADE = os.environ.get("MADE")
IMPORTED_IN = os.getpid()


def say(prompt):
    return "{} {}".format(MADE, "same" if IMPORTED_IN == os.getpid() else "forked")
