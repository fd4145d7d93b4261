"""Asks its provider as it should, and misbehaves in the one way that it is told to."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from typing import Any

MODE = sys.argv[1]
FOREVER = 3600
MEBIBYTE = ("x" * 1023 + "\n") * 1024


def say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def asked(op: dict[str, Any]) -> str:
    body = json.dumps({"model": "gpt-4o-mini", "messages": op["messages"]}).encode()
    headers = {"authorization": "Bearer " + os.environ["KEY"], "content-type": "application/json"}
    request = urllib.request.Request(os.environ["URL"] + "/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=15) as reply:
        return str(json.loads(reply.read())["choices"][0]["message"]["content"])


def detach() -> None:
    """Leave a process behind that is nobody's child and listens to nobody."""
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for number in (0, 1, 2):
        os.close(number)
    time.sleep(FOREVER)


def answer(op: dict[str, Any]) -> None:
    if MODE == "closes-stdout":
        os.close(1)
        time.sleep(FOREVER)
    if MODE == "dies":
        os._exit(3)
    if MODE == "floods":
        for _ in range(96):  # a whole gigabyte is in test_command.py
            sys.stdout.write(MEBIBYTE)
    text = asked(op)
    if op["stream"]:
        say(id=op["id"], event="chunk", text=text)
    done = json.dumps({"id": op["id"], "event": "done", "text": text, "finish": "stop"}) + "\n"
    sys.stdout.write(done * (2 if MODE == "twice" else 1))  # at once, so that it is read at once
    sys.stdout.flush()
    if MODE == "nobody":
        say(id="c999", event="done", text="for nobody")


if MODE == "ignores-term":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if MODE == "detaches":
    detach()
say(event="ready")
for line in sys.stdin:
    told = json.loads(line)
    if told["op"] == "call":
        answer(told)
    elif told["op"] == "quit":
        break
if MODE == "ignores-term":
    time.sleep(FOREVER)
