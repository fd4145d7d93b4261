"""Building the library, and living without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_without_a_compiler_the_build_succeeds(tmp_path: Path) -> None:
    """Where there is no compiler the build says so, succeeds, and leaves the library out."""
    pytest.importorskip("setuptools", minversion="77")

    built = subprocess.run(
        [
            sys.executable,
            "setup.py",
            "-q",
            "build_ext",
            "--build-lib",
            tmp_path,
            "--build-temp",
            tmp_path / "temporary",
        ],
        cwd=ROOT,
        env={**os.environ, "CC": "no-such-compiler"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert built.returncode == 0, built.stderr
    assert "libwarp" in built.stderr
    assert not list(tmp_path.rglob("*.so"))
