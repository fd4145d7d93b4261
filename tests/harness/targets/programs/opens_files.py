"""Opens a file while it is imported, and reads it when it is called."""

import os

TEXT = open(os.path.join(os.path.dirname(__file__), "lines.txt"))


def say(prompt):
    return TEXT.readline().strip()
