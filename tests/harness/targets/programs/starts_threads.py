"""Starts a thread while it is imported."""

import os
import threading
import time

IMPORTED_IN = os.getpid()
threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()


def say(prompt):
    return "same" if IMPORTED_IN == os.getpid() else "forked"
