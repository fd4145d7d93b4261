from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from brownout.fakes.conversion import BrokenFile
from brownout.harness import scenario
from brownout.harness.finding import NotFound, catalogue, find, ready_made

MINIMAL = '{0}name = "x"\n[{1}call.python]\ncallable = "a:b"\n[{1}providers.primary]\ndialect = "openai"\nmodel = "m"\n'


@pytest.fixture
def rows() -> Iterator[None]:
    """Leaves the catalogue as it was."""
    before, modules = dict(scenario.load()), set(sys.modules)
    yield
    scenario.REGISTRY.clear()
    scenario.REGISTRY.update(before)
    for name in set(sys.modules) - modules:
        if name.startswith("brownout_scenarios."):
            del sys.modules[name]


class TestFind:
    def test_the_folder_says_which_target_is_meant(self, tmp_path: Path) -> None:
        """
        Without a name it is brownout.toml, then pyproject.toml where it has a table for it, then the demonstration.
        """
        project = tmp_path / "pyproject.toml"
        assert "reference" == find(None, tmp_path).name

        project.write_text('[project]\nname = "x"\n')
        assert "reference" == find(None, tmp_path).name

        project.write_text(MINIMAL.format("[tool.brownout]\n", "tool.brownout."))
        assert ("pyproject.toml", "x") == (find(None, tmp_path).name, find(None, tmp_path).read().name)

        (tmp_path / "brownout.toml").write_text(MINIMAL.format("", ""))
        assert tmp_path / "brownout.toml" == find(None, tmp_path).path

    def test_names_files_and_folders(self, tmp_path: Path) -> None:
        """
        A target is a ready-made one by its name, a file by its path, or the folder that has one.
        """
        (tmp_path / "app").mkdir()
        (tmp_path / "app" / "brownout.toml").write_text(MINIMAL.format("", ""))

        assert {"naive", "openai-sdk", "reference"} <= set(ready_made())
        assert ready_made()["naive"] == find("naive", tmp_path).path
        assert tmp_path / "app" / "brownout.toml" == find("app", tmp_path).path
        assert "app/brownout.toml" == find("app/brownout.toml", tmp_path).name

    def test_what_is_not_there_is_told(self, tmp_path: Path) -> None:
        """
        A name that is near a ready-made target's is answered with that one; broken TOML is told as such.
        """
        with pytest.raises(NotFound, match=r'did you mean "openai-sdk"\?'):
            find("openai-skd", tmp_path)
        (tmp_path / "pyproject.toml").write_text("[tool")
        with pytest.raises(BrokenFile, match=r"pyproject\.toml"):
            find(None, tmp_path)


@pytest.mark.usefixtures("rows")
class TestCatalogue:
    def test_a_folder_of_modules_adds_rows(self, tmp_path: Path) -> None:
        """
        Every module of a folder is loaded, and its rows stand in the catalogue beside those that ship.
        """
        (tmp_path / "mine.py").write_text(
            '"""Ours."""\nfrom brownout import MUST, scenario\n@scenario("mine.row", MUST)\n'
            'async def row(stage):\n    """A promise of ours."""\n'
        )

        found = catalogue(tmp_path)

        assert ("A promise of ours.", "Ours.") == (found["mine.row"].title, found["mine.row"].family_title)
        assert "retry.jitter" in found

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("x = 1\nraise ValueError('no')", r"mine\.py:2: ValueError: no"),
            ("\n\ndef (", r"mine\.py:3: SyntaxError"),
            ("import nowhere_at_all", r"mine\.py:1: ModuleNotFoundError"),
            (
                'from brownout import MUST, scenario\n@scenario("retry.jitter", MUST)\nasync def row(stage): ...',
                r"mine\.py:2: ValueError: there are two rows named retry\.jitter",
            ),
        ],
    )
    def test_a_module_that_cannot_be_loaded_is_told(self, tmp_path: Path, text: str, said: str) -> None:
        """
        An error in a user's module is told with its file and line, and so is a row that exists already.
        """
        (tmp_path / "mine.py").write_text(text)

        with pytest.raises(BrokenFile, match=said):
            catalogue(tmp_path / "mine.py")

    def test_a_path_without_modules_is_told(self, tmp_path: Path) -> None:
        """
        A folder without a module, and a path that is not there, are mistakes.
        """
        for path in (tmp_path, tmp_path / "gone.py"):
            with pytest.raises(BrokenFile, match="there are no scenarios here"):
                catalogue(path)
