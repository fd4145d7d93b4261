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

The worker imports the callable's module once and forks for each target. What is imported before a fork is shared, so
this is done only where the import can be shared: it has read no setting that the target file gives, started no thread
and no process, and opened nothing but files to read. Otherwise the worker starts over, without it, and each fork
imports for itself. Each fork stands below a keeper, has streams, a session and an environment of its own, and makes its
own event loop: the worker before the fork has none.

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
import json
import os
import signal
import socket
import stat
import threading
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILES = 4
"""What a fork is given: its lifeline, its conversation, its standard output and its standard error."""


def find(where: str) -> Any:
    """Import `package.module:name.of.callable`."""
    module, _, names = where.partition(":")
    found = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


def why_unshared(declared: set[str], where: str) -> str | None:
    """Import the callable's module; why the process in which that was done cannot be forked, or None."""
    read: set[str] = set()
    usual = type(os.environ)

    class Watched(usual):  # type: ignore[valid-type,misc]
        """Notes who asks for what the target file gives; to go through all of it is to ask for everything."""

        def __getitem__(self, name: str) -> str:
            if name in declared:
                read.add(name)
            return str(super().__getitem__(name))

        def __iter__(self) -> Any:
            read.update(declared)
            return super().__iter__()

    before = set(os.listdir("/proc/self/fd"))
    os.environ.__class__ = Watched
    try:
        find(where)
    except BaseException as error:  # it may well want its settings
        return f"the import failed without the target's settings: {type(error).__name__}"
    finally:
        os.environ.__class__ = usual
    if read:
        return "the import has read " + ", ".join(sorted(read))
    if len(os.listdir("/proc/self/task")) > 1:
        return "the import has started a thread"
    if keeper.descendants(os.getpid()):
        return "the import has started a process"
    for name in set(os.listdir("/proc/self/fd")) - before:
        with contextlib.suppress(OSError):
            if access(name) != os.O_RDONLY or not stat.S_ISREG(os.fstat(int(name)).st_mode):
                return "the import has opened " + os.readlink("/proc/self/fd/" + name)
    return None


def receive(control: socket.socket) -> list[int]:
    """The files of the next fork; none when there will be no more."""
    files = array.array("i")
    data, ancillary, _, _ = control.recvmsg(1, socket.CMSG_SPACE(FILES * files.itemsize), socket.MSG_CMSG_CLOEXEC)
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            files.frombytes(content[: len(content) - len(content) % files.itemsize])
    return list(files) if data else []


def fork(files: list[int], control: socket.socket, where: str) -> None:
    """Bear a keeper, and below it the target, which ends with SystemExit when it is over."""
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
        asyncio.run(calling.converse(find(where), socket.socket(fileno=conversation)))
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    end()


def end() -> None:
    """End as an interpreter does: wait for threads, run what is registered for the exit, write out what is unwritten.

    To take all modules apart as well costs as much as several calls, and is done only where that can be seen: a file
    that is open for writing may hold text that only its own end writes out.
    """
    if not any(written_to(name) for name in os.listdir("/proc/self/fd")):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)
    sys.exit()


def written_to(name: str) -> bool:
    """Whether a file of this process, by its number, is one of a file system and open for writing."""
    with contextlib.suppress(OSError):
        return access(name) != os.O_RDONLY and stat.S_ISREG(os.fstat(int(name)).st_mode)
    return False


def access(name: str) -> int:
    """How a file of this process is open: for reading, for writing, or for both."""
    with open("/proc/self/fdinfo/" + name) as file:
        return int(dict(line.split(":") for line in file.read().splitlines()[:2])["flags"], 8) & os.O_ACCMODE


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
        why = why_unshared(set(settings["declared"]), settings["callable"])
        if why:
            start_over(control, {**settings, "share": False}, why)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
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
attach = beside("attach", os.path.join("..", "clock"))

if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
