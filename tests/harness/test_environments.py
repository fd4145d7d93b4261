from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from brownout.harness import environments, finding
from brownout.harness.cli import main
from brownout.harness.environments import NotMade
from brownout.harness.target_file import TargetFile, read

PACKAGE = """
[project]
name = "greeting"
version = "3.1"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = '''
"""Builds a wheel with nothing but the standard library: these tests have no network."""
import zipfile

def build_wheel(folder, settings=None, metadata=None):
    name = "greeting-3.1-py3-none-any.whl"
    info = "greeting-3.1.dist-info/"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("greeting.py", "def complete(prompt):\\n    return prompt\\n")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: greeting\\nVersion: 3.1\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
'''
TARGET = """
name = "greeter"
[install]
packages = ["./greeting"]
shows = "greeting"
[call.python]
callable = "greeting:complete"
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a target that needs a package, which is there too, and a cache of its own."""
    (tmp_path / "greeting").mkdir()
    (tmp_path / "greeting" / "pyproject.toml").write_text(PACKAGE)
    (tmp_path / "greeting" / "backend.py").write_text(BACKEND)
    (tmp_path / "greeter.toml").write_text(TARGET)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def brownout(*words: str) -> Result:
    """What a command says, and how it ends."""
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def target(folder: Path) -> TargetFile:
    """The target of the folder."""
    return read(folder / "greeter.toml")


class TestCache:
    def test_a_relative_cache_is_ignored(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """
        XDG_CACHE_HOME counts where it is an absolute path; else environments are below ~/.cache.
        """
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CACHE_HOME", "near/by")

        assert tmp_path / ".cache" / "brownout" / "targets" == environments.cache()

    def test_a_name_is_no_path(self, folder: Path) -> None:
        """
        Whatever a target is called, its environment is a folder of the cache.
        """
        (folder / "odd.toml").write_text(TARGET.replace('"greeter"', '"../../odd"'))

        assert environments.cache() == environments.folder(read(folder / "odd.toml")).parent


@pytest.mark.slow
class TestInstall:
    def test_it_makes_an_environment_that_is_used_and_removed(self, folder: Path) -> None:
        """
        What is installed is listed with its version, is the interpreter of the target, and goes when it is removed.
        """
        made = brownout("targets", "install", "greeter.toml")
        file = finding.find("greeter.toml", folder).read()
        assert file.call.python is not None
        told = subprocess.run(  # noqa: S603  # the interpreter that was made
            [file.call.python.interpreter, "-c", "import greeting, sys; print(greeting.complete(sys.prefix))"],
            capture_output=True,
            text=True,
            check=True,
        )
        removed = [brownout("targets", "remove", "greeter.toml").stdout for _ in range(2)]

        assert 0 == made.exit_code, made.output
        assert "greeter: greeting 3.1 in" in made.stdout
        assert "3.1" == file.version
        assert told.stdout.strip() == str(folder / "cache" / "brownout" / "targets" / "greeter")
        assert ["greeter: removed\n", "greeter: was not installed\n"] == removed

    def test_what_pip_says_is_told_and_nothing_is_left(self, folder: Path) -> None:
        """
        Where pip fails the command ends with 4 and the end of pip's complaint, and no environment is left behind.
        """
        (folder / "greeting" / "pyproject.toml").unlink()

        result = brownout("targets", "install", "greeter.toml")

        assert 4 == result.exit_code
        assert "-m pip failed" in result.stderr
        assert "greeting" in result.stderr
        assert "Traceback" not in result.stderr
        assert not environments.folder(target(folder)).exists()


class TestUse:
    def test_a_target_that_is_not_installed_says_how_it_is(self) -> None:
        """
        Running it ends with 2 and the one command that makes its environment.
        """
        result = brownout("run", "greeter.toml")

        assert 2 == result.exit_code
        assert "greeter is not installed" in result.stderr
        assert "brownout targets install greeter.toml" == result.stderr.splitlines()[-1].strip()

    def test_an_environment_of_other_packages_is_none(self, folder: Path) -> None:
        """
        An environment counts for the packages that it was made of, and only where its mark was written.
        """
        file = target(folder)
        place = environments.folder(file)
        (place / "bin").mkdir(parents=True)
        (place / "bin" / "python").symlink_to(sys.executable)
        found = []
        for mark in ("", "{", "[]", json.dumps({"packages": ["other"]}), json.dumps({"packages": ["./greeting"]})):
            (place / environments.MARK).write_text(mark)
            found.append(environments.made(file))

        assert [None, None, None, None, {}] == found

    def test_what_cannot_be_made_is_told(self, folder: Path) -> None:
        """
        A cache that cannot be written to is no traceback.
        """
        (folder / "cache").write_text("a file")

        with pytest.raises(NotMade, match="greeter: its environment could not be made"):
            environments.make(target(folder))

    def test_a_target_without_packages_needs_no_environment(self) -> None:
        """
        Installing what comes with brownout ends with 2 and says so.
        """
        result = brownout("targets", "install", "naive")

        assert 2 == result.exit_code
        assert "naive needs no environment of its own" in result.stderr

    def test_the_list_says_what_is_missing(self) -> None:
        """
        Every target that ships is listed: what comes with brownout, and how the rest is installed.
        """
        lines = dict(line.split(None, 1) for line in brownout("targets", "list").stdout.splitlines())

        assert "comes with brownout" == lines["naive"]
        assert "not installed: brownout targets install litellm-router" == lines["litellm-router"]
        assert "not installed: brownout targets install langchain-fallbacks" == lines["langchain-fallbacks"]

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ('["./greeting"]', "[]", "no package is named"),
            ('["./greeting"]', '["--pre"]', "options of pip are no packages"),
            (
                '[call.python]\ncallable = "greeting:complete"',
                '[call.command]\ncommand = ["x"]',
                "nothing is called in",
            ),
        ],
    )
    def test_contradictions(self, folder: Path, old: str, new: str, told: str) -> None:
        """
        An [install] that makes nothing, or for nobody, is an error of the file.
        """
        (folder / "greeter.toml").write_text(TARGET.replace(old, new))

        result = brownout("run", "greeter.toml")

        assert 2 == result.exit_code
        assert told in result.stderr
