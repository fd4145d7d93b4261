"""Keeps one program, and everything that it starts, under one roof.

Between the harness and each program stands a keeper. It is the reaper of its subtree, so that a descendant which forks
twice, or leads a session of its own, becomes the keeper's child and not the system's: when the keeper is told to end
it, nothing is left. It holds one end of a lifeline, a socket:

    -> {"argv": [...], "env": {...}, "cwd": "..."}    what to start, once
    <- {"keeper": 41, "pid": 42}                      it runs; or {"failed": "why"}
    <- {"ended": 0}                                   the program itself has ended; negative is a signal
    <- {"gone": true}                                 and so has everything that it started
    -> {"op": "signal", "number": 15}                 to all of them
    -> {"op": "kill"}                                 kill all of them; the keeper ends when none is left

The lifeline's end means `kill`, and `folder`, where one is named in the first message, is then removed: this is how a
harness that has crashed leaves nothing behind. The program dies with its keeper (PR_SET_PDEATHSIG).

It knows no time and no grace: the harness does. It runs as a program of its own, under the harness's interpreter, and
inside the worker, under the target's: standard library only, Python 3.8 or later.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def control(option: int, value: int) -> None:
    """Ask the kernel, where it can be asked."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415  # some interpreters are built without

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def children(parent: int) -> list[int]:
    """The living children of a process."""
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{parent}/task"):
            with open(f"/proc/{parent}/task/{thread}/children", "rb") as file:  # called often
                found += [int(number) for number in file.read().split()]
    return [pid for pid in found if parent_of(pid)]


def parent_of(pid: int) -> int:
    """The parent of a process; 0 where it lives no more, or has none."""
    with contextlib.suppress(OSError, ValueError):
        with open(f"/proc/{pid}/stat", "rb") as file:  # called often
            state, parent = file.read().rpartition(b")")[2].split()[:2]
        return 0 if state in b"ZX" else int(parent)
    return 0


def families() -> dict[int, list[int]]:
    """All living processes by their parent."""
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            found.setdefault(parent_of(int(name)), []).append(int(name))
    return found


def descendants(root: int) -> list[int]:
    """Every living process below one, parents before children."""
    everybody = None if os.path.exists("/proc/thread-self/children") else families()  # not every kernel has it
    found = [root]
    for pid in found:
        found.extend(children(pid) if everybody is None else everybody.get(pid, ()))
    return found[1:]


def signal_all(number: int) -> int:
    """Send a signal to everything below this process; how many there were."""
    below = descendants(os.getpid())
    for pid in below:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    return len(below)


def kill_all() -> None:
    """Kill everything below this process, what is being forked meanwhile too."""
    while True:
        signal_all(signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


class Keeper:
    """Starts the program, tells of its end, and obeys the lifeline."""

    def __init__(self, life: socket.socket) -> None:
        self._life = life
        self._rest = b""
        self._pid = 0
        self._folder: Any = None

    def keep(self, start: Callable[[dict[str, Any]], int]) -> None:
        """Start what the lifeline asks for with `start`, and return when all of it is gone and the lifeline says so."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        control(PR_SET_CHILD_SUBREAPER, 1)
        awake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        order = self._order()
        if order is None:
            return
        self._folder = order.get("folder")
        try:
            self._pid = start(order)
        except OSError as error:
            self._say({"failed": "{}: {}".format(error.strerror or error, error.filename or order["argv"][0])})
            return
        self._say({"keeper": os.getpid(), "pid": self._pid})
        alive = self._reap()
        while True:
            life = self._life.fileno()
            readable, _, _ = select.select([life, awake], [], [])
            if awake in readable:
                os.read(awake, 4096)
                if alive:
                    alive = self._reap()
            if life in readable and not self._obey():
                return

    def _obey(self) -> bool:
        """Do what the lifeline says; whether there is anything left to keep."""
        while True:
            order = self._order()
            if order is None or order["op"] == "kill":
                kill_all()
                self._say({"gone": True})
                if order is None and self._folder:
                    shutil.rmtree(self._folder, ignore_errors=True)
                return False
            signal_all(order["number"])
            if b"\n" not in self._rest:
                return True

    def _reap(self) -> bool:
        """Bury the dead; whether anything lives."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._say({"gone": True})
                return False
            if pid == 0:
                return True
            if pid == self._pid:
                code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                self._say({"ended": code})

    def _order(self) -> Any:
        """The next line of the lifeline; None when it has ended."""
        while b"\n" not in self._rest:
            try:
                data = self._life.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    def _say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody listens: the lifeline's end comes next
            self._life.sendall(json.dumps(message).encode() + b"\n")


def execute(order: dict[str, Any]) -> int:
    """Start a command in a session of its own, on the standard streams of this process, which lets go of them."""
    report, error = os.pipe()
    keeper = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            control(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != keeper:
                os._exit(127)
            become(order)
        except OSError as problem:
            # The last place that was searched for a command comes as bytes, and says less than its name.
            where = problem.filename if isinstance(problem.filename, str) else order["argv"][0]
            os.write(error, json.dumps([problem.errno, problem.strerror, where]).encode())
        finally:
            os._exit(127)
    os.close(error)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    with os.fdopen(report, "rb") as file:
        failed = file.read()
    if failed:
        os.waitpid(pid, 0)
        raise OSError(*json.loads(failed))
    return pid


def separate() -> None:
    """Give this process a session of its own, and signals as a program expects to find them."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def become(order: dict[str, Any]) -> None:
    """Turn this process into the command."""
    separate()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.chdir(order["cwd"])
    os.execvpe(order["argv"][0], order["argv"], order["env"])  # the user's command, as it stands


if __name__ == "__main__":
    lifeline = socket.socket(fileno=int(sys.argv[1]))
    lifeline.set_inheritable(False)
    Keeper(lifeline).keep(execute)
