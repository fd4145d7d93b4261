"""What is in the wheel."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOT_SHIPPED = {"tests", "docs", "examples", "bench", "build", "dist"}


def test_every_folder_of_modules_is_a_package_of_the_wheel() -> None:
    """
    The list of packages in pyproject.toml names exactly the folders that hold modules.
    """
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT) for path in ROOT.rglob("__init__.py")}
    shipped = {
        ".".join(("brownout", *folder.parts))
        for folder in folders
        if not folder.parts or (folder.parts[0] not in NOT_SHIPPED and not folder.parts[0].startswith("."))
    }

    assert sorted(shipped) == sorted(listed)
