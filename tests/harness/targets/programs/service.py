"""A service that answers the way the last message says, to the byte."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import struct
import sys
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

GREETING = {"choices": [{"message": {"content": "hello 🙂"}, "finish_reason": "stop"}], "model": "m"}
GREETING["usage"] = {"prompt_tokens": 3, "completion_tokens": 2}


def reply(body, status=200, kind="application/json", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n"
    for name, value in headers.items():
        head += f"{name.replace('_', '-')}: {value}\r\n"
    return head.encode() + b"\r\n" + content


def chunked(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(delta, finish=None):
    return (
        b"data: "
        + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}], "model": "m"}).encode()
        + b"\n\n"
    )


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LINES = STREAM.replace(b"text/event-stream", b"application/x-ndjson")
TEXT = STREAM.replace(b"text/event-stream", b"text/plain; charset=utf-8")
FIRST, SECOND = event({"role": "assistant", "content": ""}), event({"content": "a 🙂 "})
LAST = event({"content": "b"}) + event({}, "stop")
DONE = b"data: [DONE]\n\n"
END = b"0\r\n\r\n"
TOOLS = event({"tool_calls": [{"index": 0, "id": "t1", "function": {"name": "f", "arguments": '{"a"'}}]}) + event(
    {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}, "tool_calls"
)
ERROR = b'data: {"error":{"message":"overloaded","type":"server_error","code":null}}\n\n'

PLAIN = {
    "fine": reply(GREETING),
    "gzip": reply(gzip.compress(json.dumps(GREETING).encode()), content_encoding="gzip"),
    "no-gzip": reply(b"not compressed", content_encoding="gzip"),
    "html": reply(b"<html>ok</html>", kind="text/html"),
    "empty": reply(b""),
    "no-choices": reply({"choices": []}),
    "null": reply({"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}),
    "refusal": reply({"choices": [{"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}]}),
    "error-in-200": reply({"error": {"message": "hidden"}}),
    "429": reply({"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}, 429),
    "quota": reply({"error": {"message": "no money", "type": "x", "code": "insufficient_quota"}}, 429),
    "context": reply({"error": {"message": "too long", "code": "context_length_exceeded"}}, 400),
    "400": reply({"error": {"message": "bad"}}, 400),
    "401": reply({"detail": "who are you"}, 401),
    "503": reply(b"upstream is down", 503, "text/plain"),
    "504": reply(b"", 504),
    "leaky": reply({"error": {"message": "sorry", "trace": "Traceback"}}, 500),
    "302": reply(b"", 302, location="/elsewhere"),
    "half": reply(b"x" * 100)[:-50],
    "nothing": b"",
    "own": reply({"answer": "own 🙂", "degraded": True, "model": "small"}),
    "own-error": reply({"answer": None, "error": {"message": "own trouble"}}),
    "own-500": reply({"error": {"message": "own trouble"}}, 500),
}
STREAMED = {
    "fine": [STREAM, chunked(FIRST), chunked(SECOND), chunked(LAST + DONE), END],
    "bytes": [STREAM, *(chunked(bytes([byte])) for byte in SECOND + LAST + DONE), END],
    "crlf": [STREAM, chunked((b"\xef\xbb\xbf: ping\n\n" + SECOND + LAST + DONE).replace(b"\n", b"\r\n")), END],
    "no-done": [STREAM, chunked(SECOND + LAST), END],
    "truncated": [STREAM, chunked(SECOND), END],
    "stays-open": [STREAM, chunked(SECOND + LAST + DONE), 3600],
    "cut": [STREAM, chunked(SECOND)],
    "reset": [STREAM, chunked(SECOND), "reset"],
    "error-event": [STREAM, chunked(SECOND), chunked(ERROR), END],
    "garbage": [STREAM, chunked(SECOND), chunked(b"data: {oops\n\n"), END],
    "tools": [STREAM, chunked(TOOLS + DONE), END],
    "whole": [reply(GREETING)],
    "429": [PLAIN["429"]],
    "hangs": [STREAM, chunked(SECOND), 3600],
    "slow": [STREAM, chunked(SECOND), 0.3, chunked(LAST + DONE), END],
    "sse": [STREAM, chunked(b'data: {"delta":"a"}\n\ndata: {"delta":"b"}\n\ndata: [DONE]\n\n'), END],
    "sse-no-done": [STREAM, chunked(b'data: {"delta":"a"}\n\n'), END],
    "lines": [LINES, chunked(b'{"delta":"a"}\n{"del'), chunked(b'ta":"b"}\n{"delta":"c","model":"small"}'), END],
    "text": [TEXT, chunked("a 🙂".encode()[:4]), chunked("a 🙂".encode()[4:]), END],
    "line-error": [LINES, chunked(b'{"delta":"a"}\n{"error":{"message":"own trouble"}}\n'), END],
}


async def serve(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(
        (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")), 0
    )
    body = await reader.readexactly(length)
    if head.startswith("GET"):
        writer.write(reply(b"up"))
    elif b"echo" in body:
        lines = head.split("\r\n")
        seen = {
            "line": lines[0],
            "headers": dict(line.split(": ", 1) for line in lines[1:] if line),
            "body": body.decode(),
        }
        writer.write(reply({"choices": [{"message": {"content": json.dumps(seen)}}], "answer": json.dumps(seen)}))
    else:
        asked = json.loads(body)
        mode = asked["messages"][-1]["content"] if "messages" in asked else asked["question"]
        if mode == "dies":
            os._exit(9)
        if mode == "big":
            await big(writer)
        for step in STREAMED[mode] if asked.get("stream") else [PLAIN[mode]]:
            if step == "reset":
                writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            else:
                await gone(reader, step)
    writer.close()


async def gone(reader, seconds):
    try:
        await asyncio.wait_for(reader.read(), seconds)
        print("the caller has left", flush=True)
    except asyncio.TimeoutError:
        pass


async def big(writer):
    writer.transport.set_write_buffer_limits(0)
    writer.write(STREAM)
    for number in range(160):
        writer.write(chunked(event({"content": "x" * 65536})))
        await writer.drain()
        print("sent", number, flush=True)


async def main():
    print("starting", flush=True)
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    print("listening on", sys.argv[1], flush=True)
    Path(os.environ.get("PORT_FILE", os.devnull)).write_text(sys.argv[1])
    async with server:
        await server.serve_forever()


asyncio.run(main())
