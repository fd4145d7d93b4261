"""What a worker imports once for all of its forks, and what it must not.

What is imported before a fork is shared, so this is done only where the import can be shared: it has read no setting
that the target file gives or the target itself makes, started no thread and no process, and opened nothing but files to
read. Many a client imports the half of itself in its first call. So each fork tells at its end what it has imported
since, and the worker imports that for those who come, once a fork that serves nobody has shown that it can be shared.

Loaded by the worker, in the target's interpreter: standard library only, Python 3.8 or later.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ROOM = 65536
"""Bytes that a pipe has room for."""
SETTING = "="
"""Stands before the names of settings, in what forks tell."""


def find(where: str) -> Any:
    """Import `package.module:name.of.callable`."""
    module, _, names = where.partition(":")
    found = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


def import_all(names: list[str]) -> None:
    """Import whatever of it can be imported by its name."""
    for name in names:
        with contextlib.suppress(ImportError, ValueError):
            importlib.import_module(name)


def why_unshared(settings: set[str], what: Callable[[], object]) -> str | None:
    """Import something; why the process in which that was done cannot be forked, or None."""
    read: set[str] = set()
    usual = type(os.environ)

    class Watched(usual):  # type: ignore[valid-type,misc]
        """Notes who asks for a setting; to go through all of it is to ask for everything."""

        def __getitem__(self, name: str) -> str:
            if name in settings:
                read.add(name)
            return str(super().__getitem__(name))

        def __iter__(self) -> Any:
            read.update(settings)
            return super().__iter__()

    before = set(os.listdir("/proc/self/fd"))
    os.environ.__class__ = Watched
    try:
        what()
    except BaseException as error:  # it may well want its settings
        return f"the import failed without the target's settings: {type(error).__name__}"
    finally:
        os.environ.__class__ = usual
    if read:
        return "the import has read " + ", ".join(sorted(read))
    if len(os.listdir("/proc/self/task")) > 1:
        return "the import has started a thread"
    if has_children():
        return "the import has started a process"
    for name in set(os.listdir("/proc/self/fd")) - before:
        with contextlib.suppress(OSError):
            if access(name) != os.O_RDONLY or not stat.S_ISREG(os.fstat(int(name)).st_mode):
                return "the import has opened " + os.readlink("/proc/self/fd/" + name)
    return None


def has_children() -> bool:
    """Whether this process has any, dead ones included."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def access(name: str) -> int:
    """How a file of this process, by its number, is open: for reading, for writing, or for both."""
    with open("/proc/self/fdinfo/" + name) as file:
        return int(dict(line.split(":") for line in file.read().splitlines()[:2])["flags"], 8) & os.O_ACCMODE


def is_written(name: str) -> bool:
    """Whether a file of this process, by its number, is one of a file system and open for writing."""
    with contextlib.suppress(OSError):
        return access(name) != os.O_RDONLY and stat.S_ISREG(os.fstat(int(name)).st_mode)
    return False


class Lessons:
    """What a worker learns from its forks: the modules that they have imported, and the settings that they made."""

    def __init__(self, settings: set[str]) -> None:
        self._settings = settings
        self._environment = dict(os.environ)
        self._modules: set[str] = set()
        """What the worker has, and what it has heard of: a module that has no name to be imported by is tried once."""
        self._wanted = True
        self._heard, self._told = os.pipe()
        os.set_blocking(self._heard, False)
        os.set_blocking(self._told, False)

    def tell(self) -> None:
        """In a fork, at its end: what it has now and the worker had not when it was born."""
        made = [SETTING + name for name, value in os.environ.items() if self._environment.get(name) != value]
        with contextlib.suppress(OSError):  # the worker has ended, or has been told enough
            for line in [*made, *(name for name in sys.modules if name not in self._modules)]:
                os.write(self._told, line.encode() + b"\n")

    def learn(self) -> bool:
        """In the worker: import what has been told of; whether there was anything."""
        lines: list[str] = []
        with contextlib.suppress(BlockingIOError):
            lines = os.read(self._heard, ROOM).decode().split()
        self._settings |= {line[len(SETTING) :] for line in lines if line.startswith(SETTING)}
        self._modules.update(sys.modules)
        names = [line for line in lines if not line.startswith(SETTING) and line not in self._modules]
        self._wanted = self._wanted and (not names or self._can_be_shared(names))
        if not names or not self._wanted:
            return False
        import_all(names)
        self._modules.update(sys.modules, names)
        return True

    def _can_be_shared(self, names: list[str]) -> bool:
        """Try it in a fork that serves nobody, and looks no further."""
        answer, reply = os.pipe()
        if os.fork() == 0:
            os.close(answer)
            if why_unshared(self._settings, lambda: import_all(names)) is None:
                os.write(reply, b"yes")
            os._exit(0)
        os.close(reply)
        with os.fdopen(answer, "rb") as file:
            return file.read() == b"yes"
