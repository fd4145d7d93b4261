"""Real programs as targets, a witness that remembers, and what is asked of both."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from brownout.fakes.clock import RealClock
from brownout.harness.protocol import CallEvent, CallRequest, ChunkEvent, Done
from brownout.harness.target_file import CommandCall, HttpCall, PythonCall, Ready, Start
from brownout.harness.targets.command import CommandTarget
from brownout.harness.targets.http import HttpTarget
from brownout.harness.targets.python import PythonTarget, Worker

PROGRAMS = Path(__file__).with_name("targets") / "programs"
CLOCK = RealClock()
PLACES = {"primary.url": "http://127.0.0.1:9/v1", "primary.key": "sk-of-this-target"}


class Notebook:
    """A witness that remembers."""

    def __init__(self) -> None:
        self.logs: list[tuple[str, str]] = []
        self.notes: list[tuple[str, dict[str, Any]]] = []

    def log(self, source: str, text: str) -> None:
        """A line."""
        self.logs.append((source, text))

    def note(self, what: str, **details: Any) -> None:
        """Something that happened."""
        self.notes.append((what, details))

    def said(self, source: str) -> list[str]:
        """The lines of one source."""
        return [text for name, text in self.logs if name == source]

    def noted(self, what: str) -> list[dict[str, Any]]:
        """What happened, by name."""
        return [details for name, details in self.notes if name == what]


def start(within: float = 20.0, **fields: Any) -> Start:
    """How a target is started."""
    ready = Ready(within=within, **fields.pop("ready", {}))
    return Start(ready=ready, **fields)


@asynccontextmanager
async def command(mode: str, book: Notebook | None = None, **fields: Any) -> AsyncIterator[CommandTarget]:
    """A running program of `unruly.py`."""
    call = CommandCall((sys.executable, str(PROGRAMS / "unruly.py"), mode))
    target = CommandTarget(call, start(**fields), CLOCK, book or Notebook())
    try:
        await target.start(PLACES)
        yield target
    finally:
        await target.stop()


@asynccontextmanager
async def service(
    book: Notebook | None = None, call: dict[str, Any] | None = None, **fields: Any
) -> AsyncIterator[HttpTarget]:
    """A running `service.py`."""
    settings = {"url": "http://127.0.0.1:{port}/v1/chat/completions", **(call or {})}
    fields = {"command": (sys.executable, str(PROGRAMS / "service.py"), "{port}"), **fields}
    target = HttpTarget(HttpCall(**settings), start(**fields), CLOCK, book or Notebook())
    try:
        await target.start(PLACES)
        yield target
    finally:
        await target.stop()


@asynccontextmanager
async def worker(
    where: str, interpreter: str = sys.executable, **fields: Any
) -> AsyncIterator[Callable[[Notebook], PythonTarget]]:
    """A worker of a callable in `programs/`, and a way to make targets of it."""
    settings = start(**fields)
    one = Worker(PythonCall(where, interpreter, (str(PROGRAMS),)), settings, CLOCK)
    try:
        yield lambda book: PythonTarget(one, settings, CLOCK, book)
    finally:
        await one.stop()


@asynccontextmanager
async def python(where: str, book: Notebook | None = None, **fields: Any) -> AsyncIterator[PythonTarget]:
    """A running target of a callable in `programs/`."""
    async with worker(where, fields.pop("interpreter", sys.executable), **fields) as make:
        target = make(book or Notebook())
        try:
            await target.start(PLACES)
            yield target
        finally:
            await target.stop()


def request(text: str = "hello", *, id: str = "c1", stream: bool = False, **fields: Any) -> CallRequest:  # noqa: A002
    """A call."""
    return CallRequest(id, [{"role": "user", "content": text}], stream, **fields)


async def events(target: Any, text: str = "hello", **fields: Any) -> list[CallEvent]:
    """All that comes back of a call."""
    async with asyncio.timeout(20):
        return [event async for event in target.call(request(text, **fields))]


async def end(target: Any, text: str = "hello", **fields: Any) -> CallEvent:
    """How a call ends."""
    return (await events(target, text, **fields))[-1]


def text_of(found: list[CallEvent]) -> str:
    """What the caller has read."""
    last = found[-1]
    streamed = "".join(event.text for event in found if isinstance(event, ChunkEvent))
    return last.text if isinstance(last, Done) and last.text is not None else streamed


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What a condition gives once it holds."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):  # noqa: ASYNC110  # about other processes, which set no event
            await asyncio.sleep(0.01)
    return found


def pid_in(path: Path) -> int | None:
    """The number that a program has written into a file."""
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text("utf-8"))
    return None


def interpreters() -> list[Any]:
    """One of each Python that this machine has, from the oldest that a worker runs under."""
    places = [Path(place) for place in os.environ.get("PATH", "").split(os.pathsep)]
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = []
    for minor in range(8, 16):
        named = [place / f"python3.{minor}" for place in (*sorted(root.glob(f"versions/3.{minor}.*/bin")), *places)]
        for path in named:
            if path.exists() and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:  # noqa: S603
                found.append(pytest.param(str(path), id=f"3.{minor}"))
                break
    return found
