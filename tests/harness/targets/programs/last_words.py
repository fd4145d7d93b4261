"""Asks its provider as it should, whatever it is called through, and writes something only as it ends.

    last_words.py service PORT, last_words.py command, or last_words:complete

MODE says what: "prints" the key, has "buffered" a log of all that it was told, or says goodbye and no more. One that is
"deaf" would print the key, too, if it ended before it is killed.
"""

import atexit
import json
import logging.handlers
import os
import signal
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODE, KEY, LOG = os.environ["MODE"], os.environ["KEY"], os.environ["LOG"]
logger = logging.getLogger("calls")
logger.setLevel(logging.INFO)
logger.addHandler(logging.handlers.MemoryHandler(1000, logging.CRITICAL, logging.FileHandler(LOG, delay=True)))
atexit.register(print, "using " + KEY if MODE in {"prints", "deaf"} else "goodbye")


def ask(body):
    if MODE == "buffered":
        logger.info("asked %s with %s", body.decode(), KEY)
    headers = {"authorization": "Bearer " + KEY, "content-type": "application/json"}
    request = urllib.request.Request(os.environ["URL"] + "/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=15) as reply:
        return reply.read()


def complete(messages):
    body = json.dumps({"model": "gpt-4o-mini", "messages": messages}, ensure_ascii=False).encode()
    return json.loads(ask(body))["choices"][0]["message"]["content"]


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        answer = ask(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def told_to_end(number, frame):
    if MODE == "buffered":  # as who has no other way to end does
        logging.shutdown()
        os._exit(0)
    sys.exit(0)


def converse():
    print('{"event": "ready"}', flush=True)
    for line in sys.stdin:
        op = json.loads(line)
        if op["op"] == "call":
            print(json.dumps({"id": op["id"], "event": "done", "text": complete(op["messages"])}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN if MODE == "deaf" else told_to_end)
    if sys.argv[1] == "command":
        converse()
    else:
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Service).serve_forever()
