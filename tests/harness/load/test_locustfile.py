"""The users' side of the desk, in a process of its own, since to import Locust is to patch every socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from brownout.harness.load.crowd import Crowd
from brownout.harness.load.wire import SETTINGS, Settings, Welcome, line

AT_THE_DESK = """
from brownout.harness.load import locustfile
locustfile.RUN.desk = locustfile.Desk()
locustfile.RUN.desk.say(locustfile.Began())
locustfile.gevent.sleep(600)
"""


@pytest.mark.parametrize("unread", [True, False], ids=["reset", "closed"])
def test_no_user_outlives_the_harness(tmp_path: Path, unread: bool) -> None:
    """
    A worker whose harness is gone ends at once, also where the harness has not read all that was said.
    """
    settings = Settings(str(tmp_path / "desk"), "steady", 1.0, 1, 0.0, 1.0, 0, 1, None)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(settings.socket)
        listening.listen()
        worker = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-c", AT_THE_DESK],
            env={**os.environ, SETTINGS: msgspec.json.encode(settings).decode()},
            stderr=subprocess.PIPE,
        )
        try:
            harness, _ = listening.accept()
            with harness, harness.makefile("rb", 0) as said:
                assert b"hello" in said.readline()
                harness.sendall(line(Welcome(0, Crowd())))
                harness.recv(1, socket.MSG_PEEK)  # what it says next is there
                if not unread:
                    said.readline()
            _, told = worker.communicate(timeout=60)
        finally:
            worker.kill()

    assert (0, b"") == (worker.returncode, told)
