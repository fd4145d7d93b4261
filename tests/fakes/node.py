"""Official clients for Node: fetched into a folder of their own when they are wanted, and called in a process.

Where they or Node cannot be had, what needs them is skipped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Calls = Callable[..., dict[str, Any]]
"""Calls with what is asked as keywords, and has what came."""
PACKAGES = {
    "openai_node.mjs": ("openai@7.59.0",),
    "anthropic_node.mjs": ("@anthropic-ai/sdk@1.12.0",),
    "genai_node.mjs": ("@google/genai@3.3.0",),
    "bedrock_node.mjs": ("@aws-sdk/client-bedrock-runtime@3.1164.0",),
    "ai_sdk_node.mjs": (
        "ai@7.0.173",
        "@ai-sdk/openai@4.0.118",
        "@ai-sdk/anthropic@4.0.105",
        "@ai-sdk/google@4.0.121",
        "@ai-sdk/mistral@4.0.87",
        "@ai-sdk/cohere@4.0.52",
        "@ai-sdk/azure@4.0.85",
        "@ai-sdk/openai-compatible@3.0.92",
    ),
}
"""What each program calls with."""
PROGRAMS = Path(__file__).parent / "dialects" / "programs"


def installed(*packages: str) -> Path:
    """The folder where packages are, each named with its version."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    name = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:16]
    cached = Path(tempfile.gettempdir()) / f"brownout-tests-{os.getuid()}" / f"node-{name}"
    if not cached.is_dir():
        cached.parent.mkdir(parents=True, exist_ok=True)
        own = tempfile.mkdtemp(dir=cached.parent)
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", *packages]
        fetched = subprocess.run(npm, cwd=own, capture_output=True, text=True, timeout=180, check=False)  # noqa: S603
        if fetched.returncode != 0:
            pytest.skip(f"{' '.join(packages)} cannot be fetched: {fetched.stderr.strip()[-200:]}")
        with contextlib.suppress(OSError):  # another worker was faster
            Path(own).rename(cached)
    return cached


@contextmanager
def calling(program: str) -> Iterator[Calls]:
    """Runs a program that answers lines of JSON, as if it stood where the packages are."""
    source = (PROGRAMS / program).read_text("utf-8")
    command = ["node", "--input-type=module", "--eval", source]
    folder = installed(*PACKAGES[program])
    with subprocess.Popen(  # noqa: S603
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def call(**asked: Any) -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            said: dict[str, Any] = json.loads(process.stdout.readline())
            return said

        yield call
        process.stdin.close()
