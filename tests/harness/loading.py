"""Load runs as users start them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from brownout.harness.load import swarm
from brownout.reports.results import Results, load

DIRECT = """
name = "direct"
[call.http]
url = "http://127.0.0.1:{port}/v1/chat/completions"
headers = {{ Authorization = "Bearer {{primary.key}}" }}
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
port = {port}
[contract]
deadline = 5
[contract.stream]
"""


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


def direct(folder: Path) -> str:
    """A target that is a provider itself: what calls a service by HTTP calls the fake."""
    port = swarm.free_port()
    path = folder / "direct.toml"
    path.write_text(DIRECT.format(port=port))
    return str(path)


def signalled_when_users_call(
    run: subprocess.Popen[str], folder: Path, to: subprocess.Popen[str] | None = None
) -> set[int]:
    """Press Ctrl-C, at the run or at another process, as soon as users are there; every process that was below it."""
    log = folder / "brownout-report" / "locust.log"
    while not (log.exists() and re.search("All users spawned|Spawning is complete", log.read_text())):
        assert run.poll() is None, (*run.communicate(), log.read_text())
        time.sleep(0.05)
    below = children(run.pid)
    (to or run).send_signal(signal.SIGINT)
    return below


def gone(pids: set[int]) -> bool:
    """Whether none of these processes is left."""
    return not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def children(pid: int) -> set[int]:
    """Every process below a process."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            found |= {int(folder.name), *children(int(folder.name))}
    return found - {os.getpid()}
