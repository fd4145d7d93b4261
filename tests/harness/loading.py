"""Load runs as users start them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from brownout.reports.results import Results, load


def brownout(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command, to its end."""
    return subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "brownout.harness.cli", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def ran(folder: Path, *words: str) -> tuple[Results, subprocess.CompletedProcess[str]]:
    """A load run, and what is in its results."""
    done = brownout(folder, "load", *words, "--report", "html,junit,md")
    assert (folder / "brownout-report" / "results.json").exists(), done.stderr
    return load(folder / "brownout-report" / "results.json"), done


def verdicts(results: Results) -> dict[str, str]:
    """Every row's."""
    return {row.id: row.verdict for row in results.results}
