"""Callables of every kind, well-behaved and otherwise."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import sys
import threading
import time
from functools import partial

IMPORTED_IN = os.getpid()
CLEANED = []
FILES = []


def plain(prompt, stream=False):
    return "{} {}".format(prompt, stream)


def a_dict(messages, *, stream, user, model="its own", max_tokens=5, **rest):
    text = "{} {} {} {} {} {}".format(messages[0]["content"], stream, user, model, max_tokens, sorted(rest))
    return {"text": text, "finish": "stop", "model": "m", "usage": {"input": 3, "output": 4}, "cost": 0.5}


async def coroutine(question):
    await asyncio.sleep(0)
    return "async " + question


def generator(prompt):
    yield "a "
    yield "b"
    yield {"finish": "length", "provider": "primary", "degraded": True}


async def async_generator(prompt):
    for piece in ("a ", "b"):
        yield piece
        await asyncio.sleep(0)


def returns_a_coroutine(prompt):
    return coroutine(prompt)


class Callable:
    async def __call__(self, prompt):
        return "object " + prompt


an_object = Callable()
a_partial = partial(coroutine)


def nothing(prompt):
    return None


def odd(prompt):
    return 42


async def odd_piece(prompt):
    yield "a"
    yield 42


class RateLimitError(Exception):
    pass


class OwnError(Exception):
    kind = "budget"


class APIStatusError(Exception):
    def __init__(self, status):
        self.status_code = status


class APIError(Exception):
    pass


class AnyStatusError(APIError):
    status_code = 413


class BadRequestError(Exception):
    code = "context_length_exceeded"


ERRORS = {
    "rate": RateLimitError("slow down"),
    "own": OwnError("no money left"),
    "status": APIStatusError(503),
    "client": APIStatusError(422),
    "any status": AnyStatusError("too large"),
    "no status": APIError("no reply"),
    "code": BadRequestError("too long"),
    "timeout": TimeoutError("too late"),
    "connection": ConnectionResetError("gone"),
    "other": ValueError("secret-of-the-caller"),
}


async def fails(prompt):
    raise ERRORS[prompt]


async def fails_late(prompt):
    yield "a"
    raise ERRORS["rate"]


async def hangs(prompt):
    try:
        yield "waiting"
        await asyncio.sleep(3600)
    finally:
        print("closed the generator")


async def hangs_whole(prompt):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        print("cancelled the coroutine")
        raise


def hangs_in_a_thread(prompt):
    try:
        while True:
            yield "tick"
            time.sleep(0.01)
    finally:
        print("closed the generator")


def whereabouts(prompt):
    print("printed by", os.getpid())
    logging.getLogger("own").warning("logged")
    same = "same" if IMPORTED_IN == os.getpid() else "forked"
    return "{} {} {} {}".format(same, os.environ.get("KEY"), os.environ.get("LEVEL"), sys.version_info[1])


def where(prompt):
    return os.getcwd()


def dies(prompt):
    os._exit(5)


def detaches(prompt):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        with open(os.path.join(os.environ["WORKDIR"], "grandchild"), "w") as file:
            file.write(str(os.getpid()))
        time.sleep(3600)
    os.wait()
    return "detached"


def threads(prompt):
    return str(threading.active_count())


def has_last_words(prompt):
    atexit.register(print, "registered for the exit")
    if prompt == "file":
        FILES.append(open("unwritten", "w"))
        FILES[0].write("text that only the file's end writes out")
    return os.getcwd()


def fails_at_the_end(prompt):
    own, over = threading.current_thread(), threading.Event()
    atexit.register(own.join)
    atexit.register(over.set)
    print("waiting", flush=True)
    over.wait()
    raise ValueError("a secret: " + prompt)
