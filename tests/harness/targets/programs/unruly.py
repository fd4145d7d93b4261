"""Speaks the line protocol, and misbehaves in the one way that it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

MODE = sys.argv[1]
WORKDIR = Path(os.environ.get("WORKDIR", "."))
FOREVER = 3600


def say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def answer(op: dict[str, Any]) -> None:
    call, text = op["id"], op["messages"][-1]["content"]
    if MODE == "twice":
        say(id=call, event="done", text="one")
        say(id=call, event="chunk", text="more")
        say(id=call, event="done", text="two")
    elif MODE == "nobody":
        say(id="c999", event="done", text="for nobody")
        say(id=call, event="done", text="for somebody")
    elif MODE == "dies":
        say(id=call, event="chunk", text="half")
        print("last words", file=sys.stderr, flush=True)
        os._exit(3)
    elif MODE == "answers-and-dies":
        say(id=call, event="done", text="whole")
        os._exit(0)
    elif MODE == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif MODE == "closes-stdout":
        os.close(1)
    elif MODE == "closes-stdin":
        say(id=call, event="done", text="last")
        os.close(0)
        time.sleep(FOREVER)
    elif MODE == "badly-written":
        print('{"id":"%s","event":"done","text":"fine","cost":"cheap","usage":7,"unheard":1}' % call, flush=True)
    elif MODE == "halves":
        print('{"id":"%s","event":"chunk","text":"a\\ud83d"}' % call, flush=True)
        print('{"id":"%s","event":"chunk","text":"\\ude42b"}' % call, flush=True)
        say(id=call, event="done")
    elif MODE == "late":
        say(id=call, event="chunk", text="first")
    else:
        say(id=call, event="done", text=text, finish="stop")


def spin() -> None:
    while True:
        pass


def detach() -> None:
    """Leave a grandchild with a session, an environment and files of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        script = "import os,sys,time,pathlib; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(3600)"
        os.execve(sys.executable, [sys.executable, "-c", script, str(WORKDIR / "grandchild")], {})


if MODE == "fails":
    print("no configuration, no service", file=sys.stderr)
    sys.exit(7)
if MODE == "never-ready":
    print("warming up", flush=True)
    time.sleep(FOREVER)
if MODE in {"ignores-term", "detaches-and-ignores"}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if MODE.startswith("detaches"):
    detach()
if MODE == "floods":
    block = b"nothing to see here, move along\n" * 32768
    for _ in range(1024):
        os.write(1, block)
if MODE == "long-line":
    block = b"x" * (1 << 20)
    for _ in range(1024):
        os.write(2, block)
if MODE == "spins":
    threading.Thread(target=spin, daemon=True).start()
if MODE == "starts-a-child":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    (WORKDIR / "child").write_text(str(child.pid))
if MODE == "prints-where":
    print(os.getcwd(), Path("rendered").exists() and Path("rendered").read_text(), flush=True)
if MODE == "writes-a-log":
    (WORKDIR / "own.log").write_text("line one\nline two, not ended")
say(event="ready", name="unruly")
print("a line that is no event", flush=True)
print(json.dumps({"event": "unknown", "id": "c1"}), flush=True)
for line in sys.stdin:
    op = json.loads(line)
    if op["op"] == "call":
        answer(op)
    elif op["op"] == "cancel":
        print("cancelled", op["id"], flush=True)
    elif MODE != "ignores-term":
        break
while MODE in {"ignores-term", "detaches-and-ignores"}:
    time.sleep(FOREVER)
