"""Makes a lock for its own processes while it is imported."""

import multiprocessing
import os

IMPORTED_IN = os.getpid()
LOCK = multiprocessing.Lock()


def say(prompt):
    with LOCK:
        return "same" if IMPORTED_IN == os.getpid() else "forked"
