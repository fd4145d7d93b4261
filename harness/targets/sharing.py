"""What a worker imports once for all of its forks, and what it must not.

What is imported before a fork is shared, so this is done only where the import can be shared: it has read no setting
that the target file gives, started no thread and no process, and holds nothing that two processes would use together:
no file, whose place to read from is one for all, and no shared memory, in which locks are.

Loaded by the worker, in the target's interpreter: standard library only, Python 3.8 or later.
"""

from __future__ import annotations

import contextlib
import importlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def find(where: str) -> Any:
    """Import `package.module:name.of.callable`."""
    module, _, names = where.partition(":")
    found = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


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

    before = held()
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
    return "".join(f"the import holds {each}" for each in sorted(held() - before)[:1]) or None


def held() -> set[str]:
    """What this process has that a fork of it would use together with it: open files, and shared memory."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the folder itself, which is closed by now
            found.add(os.readlink("/proc/self/fd/" + name))
    with open("/proc/self/maps") as maps:
        found.update("shared memory at " + line.split()[0] for line in maps if line.split()[1].endswith("s"))
    return found


def has_children() -> bool:
    """Whether this process has any, dead ones included."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
