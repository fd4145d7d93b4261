"""Older generations of the official clients: fetched into a folder of their own when they are wanted.

They run in a process of their own, in front of what is installed; where they cannot be had, what needs them is skipped.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "dialects" / "programs"
Calls = Callable[..., dict[str, Any]]
"""Calls with what is asked as keywords, and has what came."""


def fetched(wanted: str, *beside: str, alone: bool = True) -> str:
    """The folder of a client, named with its version, and of what it needs beside all that is installed."""
    folder = Path(tempfile.gettempdir()) / f"brownout-tests-{os.getuid()}" / wanted.replace("==", "-")
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        own = tempfile.mkdtemp(dir=folder.parent)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", *(["--no-deps"] if alone else []), "--target", own]
        done = subprocess.run(  # noqa: S603
            [*pip, wanted, *beside], capture_output=True, text=True, timeout=180, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"{wanted} cannot be fetched: {done.stderr.strip()[-200:]}")
        with contextlib.suppress(OSError):  # another worker was faster
            Path(own).rename(folder)
    return str(folder)


@contextmanager
def calling(program: str, path: str) -> Iterator[Calls]:
    """Runs a program that answers lines of JSON, with a folder in front of its path."""
    command = [sys.executable, str(PROGRAMS / program)]
    environment = os.environ | {"PYTHONPATH": path}
    with subprocess.Popen(  # noqa: S603
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def call(**asked: Any) -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            said: dict[str, Any] = json.loads(process.stdout.readline())
            return said

        yield call
        process.stdin.close()
