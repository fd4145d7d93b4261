"""Environments of their own, in which targets live whose packages brownout does not bring along.

Made by pip, as the user has configured it, below `$XDG_CACHE_HOME/brownout/targets`. A mark is written last, so that
what was interrupted or has failed is never taken for an environment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from msgspec.structs import replace

from ..fakes.conversion import BrokenFile
from .target_file import TargetFile

MARK = "brownout.json"
MOST_LINES = 12
"""Lines of pip's complaint that are told."""


class NotMade(Exception):  # it is no error of the program's
    """The environment could not be made; the message has the end of what pip said."""


def cache() -> Path:
    """Where the environments are."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # What is no absolute path is to be ignored, says the XDG Base Directory Specification.
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "brownout" / "targets"


def folder(file: TargetFile) -> Path:
    """Where a target's environment is, or would be."""
    return cache() / "".join(c if c.isalnum() or c in "-_" else "_" for c in file.name)


def python(file: TargetFile) -> Path:
    """The interpreter of a target's environment."""
    return folder(file) / "bin" / "python"


def made(file: TargetFile) -> dict[str, str] | None:
    """What is installed for a target, with versions; None where its environment is missing or of other packages."""
    try:
        marked = json.loads((folder(file) / MARK).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    wanted = list(file.install.packages) if file.install is not None else None
    if not python(file).exists() or not isinstance(marked, dict) or marked.get("packages") != wanted:
        return None
    return {found.name.lower(): found.version for found in distributions(path=[str(one) for one in _site(file)])}


def make(file: TargetFile) -> dict[str, str]:
    """Make a target's environment anew and say what is installed in it; `NotMade` where pip could not."""
    assert file.install is not None
    place = folder(file)
    remove(file)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _said([sys.executable, "-m", "venv", str(place)])
        _said([str(python(file)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_asked(file)])
        (place / MARK).write_text(json.dumps({"packages": list(file.install.packages)}) + "\n", "utf-8")
    except BaseException as error:
        remove(file)
        if isinstance(error, OSError):
            raise NotMade(f"{file.name}: its environment could not be made: {error}") from error
        raise
    return made(file) or {}


def remove(file: TargetFile) -> bool:
    """Remove a target's environment, and say whether there was one."""
    there = folder(file).exists()
    shutil.rmtree(folder(file), ignore_errors=True)
    return there


def inside(file: TargetFile, name: str) -> TargetFile:
    """The target in its own environment, with its version; `BrokenFile` says how that is made where it is missing."""
    if file.install is None or file.call.python is None:
        return file
    found = made(file)
    if found is None:
        hint = f"brownout targets install {name}"
        raise BrokenFile(name, [(None, f"{file.name} is not installed; this makes an environment for it:", hint)])
    version = file.version or found.get(file.install.shows)
    call = replace(file.call, python=replace(file.call.python, interpreter=str(python(file))))
    return replace(file, call=call, version=version)


def _asked(file: TargetFile) -> tuple[str, ...]:
    return () if file.install is None else file.install.packages


def _site(file: TargetFile) -> list[Path]:
    return sorted((folder(file) / "lib").glob("python*/site-packages"))


def _said(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")  # noqa: S603
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-MOST_LINES:]
        raise NotMade("\n".join([f"{Path(command[0]).name} {' '.join(command[1:3])} failed:", *lines]))
