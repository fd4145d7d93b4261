"""Works in fair weather, and ends with the first error that a provider gives it; it leaves a process behind."""

import json
import os
import subprocess
import sys
import urllib.request

subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True)


def ask(op):
    body = {"model": "gpt-4o-mini", "messages": op["messages"]}
    request = urllib.request.Request(os.environ["URL"] + "/chat/completions", json.dumps(body).encode())
    request.add_header("authorization", "Bearer " + os.environ["KEY"])
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]


print(json.dumps({"event": "ready", "name": "fragile-gateway", "version": "1.4.2"}), flush=True)
for line in sys.stdin:
    op = json.loads(line)
    if op["op"] == "call":
        print(json.dumps({"id": op["id"], "event": "done", "text": ask(op), "finish": "stop"}), flush=True)
    elif op["op"] == "quit":
        break
