"""What README says is so."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from brownout.fakes import weather_file
from brownout.harness import scenario, target_file

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)


def test_the_table_of_families_counts_the_rows() -> None:
    """
    Each family of the catalogue stands in the table with as many rows as it has.
    """
    table = {name: int(count) for name, count in re.findall(r"^\| `(\w+)` \|.*\| (\d+) \|$", README, re.MULTILINE)}

    assert table == Counter(row.family for row in scenario.load().values())


@pytest.mark.parametrize("start", [0, 1])
def test_the_target_files_can_be_read(start: int, tmp_path: Path) -> None:
    """
    The shortest file for a function, and the parts for a service, together with what is promised, make a target file.
    """
    shortest, service, contract, _ = BLOCKS
    named = "\n".join(part for part in shortest.split("\n\n") if part.startswith(("name", "[providers")))
    text = shortest + contract if start == 0 else named.replace("[providers", service + "\n[providers", 1) + contract
    path = tmp_path / "brownout.toml"
    path.write_text(text, "utf-8")

    assert 30.0 == target_file.read(path).contract.deadline


def test_the_weather_can_be_read(tmp_path: Path) -> None:
    """
    The weather file of the example has two rules.
    """
    path = tmp_path / "weather.toml"
    path.write_text(BLOCKS[-1], "utf-8")

    assert 2 == len(weather_file.read(path).rules)


@pytest.mark.slow
def test_the_fake_of_the_example_is_a_fixture(tmp_path: Path) -> None:
    """
    The first test of the example passes as it stands there.
    """
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "test_example.py").write_text(example, "utf-8")
    (tmp_path / "brownout.toml").write_text(BLOCKS[0] + BLOCKS[2], "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")  # a project of its own, wherever temporary folders are
    words = (sys.executable, "-m", "pytest", "-q", "-k", "limit", "test_example.py")

    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  # our own command

    assert "1 passed" in done.stdout, done.stdout
