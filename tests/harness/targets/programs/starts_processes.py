"""Starts a process while it is imported."""

import os
import subprocess

IMPORTED_IN = os.getpid()
SLEEPER = subprocess.Popen(["sleep", "60"])


def say(prompt):
    return "same" if IMPORTED_IN == os.getpid() else "forked"
