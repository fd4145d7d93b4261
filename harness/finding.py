"""From what the command line calls a target to its file."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from ..fakes.conversion import BrokenFile, nearest
from . import environments, scenario
from .scenario import Scenario
from .target_file import TargetFile, read

READY_MADE = Path(__file__).parent.parent / "scenarios" / "targets"
DEMONSTRATION = "reference"


class NotFound(LookupError):
    """There is no such target."""


@dataclass(frozen=True, slots=True)
class Found:
    """A target's file, and the name by which the command line finds it again."""

    name: str
    path: Path
    demonstration: bool = False
    """Whether nobody named a target and the folder has none."""

    def described(self) -> TargetFile:
        """What the file says."""
        return read(self.path)

    def read(self) -> TargetFile:
        """What the file says, the target in the environment that was made for it; `BrokenFile` where none was."""
        return environments.inside(self.described(), self.name)


def ready_made() -> dict[str, Path]:
    """The targets that ship, by name."""
    return {path.stem: path for path in sorted(READY_MADE.glob("*.toml"))}


def find(target: str | None, here: Path) -> Found:
    """A TOML file, a ready-made target, or what the folder has; else the built-in demonstration."""
    if target is None:
        return _in_folder(here)
    if target in ready_made():
        return Found(target, ready_made()[target])
    path = here / target
    if path.is_dir() and (path / "brownout.toml").is_file():
        return Found(f"{target}/brownout.toml", path / "brownout.toml")
    if path.is_file() or target.endswith(".toml"):
        return Found(target, path)
    hint = nearest(target, ready_made()) or "ready-made targets: " + ", ".join(ready_made())
    raise NotFound(f'there is no target named "{target}", and no such file\n  {hint}')


def _in_folder(here: Path) -> Found:
    if (here / "brownout.toml").is_file():
        return Found("brownout.toml", here / "brownout.toml")
    project = here / "pyproject.toml"
    if project.is_file() and _configured(project):
        return Found("pyproject.toml", project)
    return Found(DEMONSTRATION, ready_made()[DEMONSTRATION], demonstration=True)


def _configured(project: Path) -> bool:
    try:
        return "brownout" in tomllib.loads(project.read_text("utf-8")).get("tool", {})
    except (OSError, ValueError) as error:
        raise BrokenFile(str(project), [(None, str(error), "")]) from error


def more_scenarios(path: Path) -> None:
    """Load the user's own rows: a module, or every module of a folder."""
    modules = sorted(path.glob("*.py")) if path.is_dir() else [path]
    if not path.exists() or not modules:
        raise BrokenFile(str(path), [(None, "there are no scenarios here: no module", "")])
    for module in modules:
        name = f"brownout_scenarios.{module.stem}"
        spec = importlib.util.spec_from_file_location(name, module)
        if spec is None or spec.loader is None:
            raise BrokenFile(str(module), [(None, "is no Python module", 'its name ends in ".py"')])
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[name] = loaded
        try:
            spec.loader.exec_module(loaded)
        except Exception as error:
            raise BrokenFile(str(module), [(_line(error, module), f"{type(error).__name__}: {error}", "")]) from error


def _line(error: Exception, module: Path) -> int | None:
    """The line of a module in which an error has its origin."""
    if isinstance(error, SyntaxError):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(module):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def own_scenarios() -> tuple[Path, ...]:
    """Where the target file of this folder, if there is one, has rows of the user's own."""
    found = find(None, Path.cwd())
    return () if found.demonstration else tuple(Path(path) for path in found.described().run.scenarios)


def catalogue(*paths: Path) -> dict[str, Scenario]:
    """Every row there is, the user's own included."""
    rows = scenario.load()
    for path in paths:
        more_scenarios(path)
    return rows
