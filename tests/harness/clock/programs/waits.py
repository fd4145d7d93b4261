"""Waits in the ways that Python programs wait, and says how long each wait took by the program's own clock.

python waits.py KIND SECONDS COUNT: prints "ready", reads a line, then prints one figure for each wait.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable


def silent_server() -> tuple[str, int]:
    """Takes connections and never says a word."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    silent_server.kept = listener  # type: ignore[attr-defined]
    address: tuple[str, int] = listener.getsockname()
    return address


def loop_sleep(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[float], None]:
    loop = new_loop()
    return lambda seconds: loop.run_until_complete(asyncio.sleep(seconds))


def uvloop_sleep() -> Callable[[float], None]:
    import uvloop  # noqa: PLC0415 - only where it is asked for

    return loop_sleep(uvloop.new_event_loop)


def condition() -> Callable[[float], None]:
    one = threading.Condition()

    def wait(seconds: float) -> None:
        with one:
            one.wait(seconds)

    return wait


def future() -> Callable[[float], None]:
    never: concurrent.futures.Future[None] = concurrent.futures.Future()

    def wait(seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            never.result(seconds)

    return wait


def empty_queue() -> Callable[[float], None]:
    empty: queue.Queue[None] = queue.Queue()

    def wait(seconds: float) -> None:
        with contextlib.suppress(queue.Empty):
            empty.get(timeout=seconds)

    return wait


def read_socket() -> Callable[[float], None]:
    ends = socket.socketpair()

    def wait(seconds: float) -> None:
        ends[0].settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            ends[0].recv(1)

    return wait


def select_socket() -> Callable[[float], None]:
    ends = socket.socketpair()
    return lambda seconds: void(select.select([ends[0]], [], [], seconds))


def httpx_read() -> Callable[[float], None]:
    import httpx  # noqa: PLC0415 - only where it is asked for

    url = "http://{}:{}/".format(*silent_server())
    client = httpx.Client(trust_env=False)

    def wait(seconds: float) -> None:
        with contextlib.suppress(httpx.TimeoutException):
            client.get(url, timeout=seconds)

    return wait


def requests_read() -> Callable[[float], None]:
    import requests  # noqa: PLC0415 - only where it is asked for

    url = "http://{}:{}/".format(*silent_server())
    session = requests.Session()
    session.trust_env = False

    def wait(seconds: float) -> None:
        with contextlib.suppress(requests.Timeout):
            session.get(url, timeout=seconds)

    return wait


def child() -> Callable[[float], None]:
    # It ends with its input, and so with this program, however that ends.
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def wait(seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            reader.wait(timeout=seconds)

    return wait


def void(_: object) -> None:
    return None


KINDS: dict[str, Callable[[], Callable[[float], None]]] = {
    "sleep": lambda: time.sleep,
    "asyncio": lambda: loop_sleep(asyncio.new_event_loop),
    "uvloop": uvloop_sleep,
    "event": lambda: lambda seconds: void(threading.Event().wait(seconds)),
    "condition": condition,
    "queue": empty_queue,
    "future": future,
    "socket": read_socket,
    "select": select_socket,
    "httpx": httpx_read,
    "requests": requests_read,
    "subprocess": child,
}


def main() -> None:
    kind, seconds, count = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    wait = KINDS[kind]()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(count):
        begun = time.monotonic()
        wait(seconds)
        print(f"{time.monotonic() - begun:.6f}", flush=True)


main()
