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
    # Not what others write beside the modules while this looks: environments, caches, reports.
    tops = [top for top in ROOT.iterdir() if top.is_dir() and top.name not in NOT_SHIPPED and top.name[0] != "."]
    folders = {path.parent.relative_to(ROOT) for top in tops for path in top.rglob("__init__.py")}

    assert ["brownout", *sorted(".".join(("brownout", *folder.parts)) for folder in folders)] == sorted(listed)
