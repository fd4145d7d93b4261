"""One small run, saved, that every report is rendered from, and the reports it is expected to give.

After a change that is meant, `BROWNOUT_UPDATE_GOLDEN=1 python -m pytest -c tests/pytest.ini tests/reports` writes the
expected reports again; the difference is reviewed like code.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from brownout.reports import results as results_module
from brownout.reports.results import Results
from brownout.reports.write import folder_reader

HERE = Path(__file__).parent


@pytest.fixture
def run() -> Results:
    """A run with every verdict, two providers, and hostile text wherever text can come from."""
    return results_module.load(HERE / "fixture" / "results.json")


@pytest.fixture
def histories() -> Callable[[str], bytes | None]:
    """Its histories."""
    return folder_reader(HERE / "fixture")


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares a text with the checked-in file, or writes that file where it is asked to."""

    def compare(name: str, text: str, folder: Path = HERE / "golden") -> None:
        path = folder / name
        if os.environ.get("BROWNOUT_UPDATE_GOLDEN"):
            path.write_text(text, "utf-8")
        assert path.read_text("utf-8") == text

    return compare
