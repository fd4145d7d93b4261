from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from programs import alive, until

from brownout.harness.targets.keeper import descendants
from brownout.harness.targets.process import MARK

RUN = Path(__file__).with_name("run.py")


def is_target(pid: int) -> bool:
    """Whether a process was started as a mutant."""
    try:
        return f"{MARK}=".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
async def test_nothing_outlives_it(tmp_path: Path, number: signal.Signals) -> None:
    """
    Ctrl-C, TERM and kill -9 end those who judge and every target; only kill -9 leaves a folder.
    """
    command = [sys.executable, str(RUN), "deadline", "attempt"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:  # noqa: ASYNC220, S603  # ours
        await until(lambda: any(map(is_target, descendants(run.pid))), 60.0)
        below = descendants(run.pid)
        run.send_signal(number)
        _, told = run.communicate(timeout=20)

    assert run.returncode in {128 + number, -number}
    assert b"Traceback" not in told
    await until(lambda: not any(map(alive, below)))
    await until(lambda: not any(tmp_path.iterdir()) or number is signal.SIGKILL)
