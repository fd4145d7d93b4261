"""Makes an event loop while it is imported: forks must not share its selector."""

import asyncio
import os

IMPORTED_IN = os.getpid()
LOOP = asyncio.new_event_loop()


def say(prompt):
    return "same" if IMPORTED_IN == os.getpid() else "forked"
