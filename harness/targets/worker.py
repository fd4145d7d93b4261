"""Runs a Python callable over the line protocol, in the target's own interpreter.

    def complete(prompt: str, *, stream: bool, user: str | None) -> str: ...
    async def complete(messages: list[dict], **options) -> dict: ...
    async def complete(prompt: str) -> AsyncIterator[str]: ...

`def` or `async def`, a generator of either kind, or an object that can be called. The first parameter is given the
messages where it is named so, else the text of the last one; of `stream, user, model, max_tokens, temperature, tools,
metadata` the callable is given by keyword what it has parameters for, and an option that the caller has not set only
where there is no default. It returns a string, or a dict of the fields of `done`, or yields strings; a generator may
yield such a dict last. An exception is an error, its kind told by its attribute `kind`, or by its class. A plain `def`
runs in a thread of its own; leaving cannot interrupt it, only close a generator at its next piece.

The worker imports the callable's module once, where that can be shared (see `sharing.py`), and forks for each target.
Otherwise it starts over, without it, and each fork imports for itself. Each fork stands below a keeper, has streams, a
session and an environment of its own, and makes its own event loop: the worker before the fork has none.

It runs under any Python from 3.8 on and needs nothing but the standard library. It measures nothing and logs no message
of an error: what a call is about may stand in it, and what is printed here is held to be the target's log.
"""

from __future__ import annotations

import sys

# This folder is no place for the target's imports: it has modules named like the standard library's.
_FOLDER = __file__.rpartition("/")[0]
sys.path[:] = [place for place in sys.path if place != _FOLDER]

import array
import asyncio
import atexit
import contextlib
import gc
import importlib.util
import io
import json
import os
import signal
import socket
import threading
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILE_TYPES = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom, io.FileIO)
"""What Python's open files are made of."""
FILES = 4
"""What a fork is given: its lifeline, its conversation, its standard output and its standard error."""


def receive(control: socket.socket) -> list[int]:
    """The files of the next fork; none when there will be no more."""
    files = array.array("i")
    data, ancillary, _, _ = control.recvmsg(1, socket.CMSG_SPACE(FILES * files.itemsize), socket.MSG_CMSG_CLOEXEC)
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            files.frombytes(content[: len(content) - len(content) % files.itemsize])
    return list(files) if data else []


def fork(files: list[int], control: socket.socket, where: str) -> None:
    """Bear a keeper, and below it the target, which does not return."""
    if os.fork():
        for number in files:
            os.close(number)
        return
    life, conversation, out, err = files
    os.setsid()
    control.close()

    def start(order: dict[str, Any]) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            for number in (conversation, out, err):
                os.close(number)
            os.dup2(0, 1)
            os.dup2(0, 2)
            return pid
        keeper.control(keeper.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(127)
        os.close(life)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        serve(order, where, conversation)
        raise AssertionError("the target is over")

    keeper.Keeper(socket.socket(fileno=life)).keep(start)
    os._exit(0)


def serve(order: dict[str, Any], where: str, conversation: int) -> None:
    """Be the target, to its end."""
    try:
        keeper.separate()
        os.environ.update(order["env"])
        if "BROWNOUT_CLOCK" in os.environ:
            attach.attach(os.environ["BROWNOUT_CLOCK"])
        os.chdir(order["cwd"])
        asyncio.run(calling.converse(sharing.find(where), socket.socket(fileno=conversation)))
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    end()


def end() -> None:
    """End as an interpreter does: wait for threads, run what is registered for the exit, take all modules apart.

    The last costs as much as several calls, and is done only where it can be seen: a file that is open may hold text
    that only its own end writes out, or be one that its end removes.
    """
    files = [each for each in gc.get_objects() if issubclass(type(each), FILE_TYPES)]
    if files:
        for file in files:  # what is above another in a file may be taken apart after it, and is then lost
            with contextlib.suppress(OSError, ValueError):
                file.flush()
        gc.unfreeze()  # or what is imported is not taken apart
        sys.exit()
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  # what the interpreter itself does
    atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def main(settings: dict[str, Any]) -> None:
    """Import what can be shared, then fork whenever the harness says so."""
    sys.path[:0] = settings["path"]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    control = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    keeper.control(keeper.PR_SET_CHILD_SUBREAPER, 1)
    if settings["share"]:
        why = sharing.why_unshared(set(settings["declared"]), lambda: sharing.find(settings["callable"]))
        if why:
            start_over(control, {**settings, "share": False}, why)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Out of the way of collections, or each fork would copy it.
    gc.collect()
    gc.freeze()
    while True:
        files = receive(control)
        if not files:
            return
        fork(files, control, settings["callable"])


def start_over(control: socket.socket, settings: dict[str, Any], why: str) -> None:
    """Become a worker that has imported nothing."""
    sys.stderr.write(f"brownout: each target imports for itself: {why}\n")
    sys.stderr.flush()
    keeper.kill_all()
    os.dup2(control.fileno(), 0)
    os.execv(sys.executable, [sys.executable, __file__, json.dumps(settings)])


def beside(name: str, folder: str = ".") -> Any:
    """A module of this folder or one near it, under a name that cannot be the target's."""
    spec = importlib.util.spec_from_file_location("_brownout_" + name, os.path.join(_FOLDER, folder, name + ".py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


keeper = beside("keeper")
calling = beside("calling")
sharing = beside("sharing")
attach = beside("attach", os.path.join("..", "clock"))

if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
