from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from brownout.harness import settings
from brownout.harness.commands.run import run
from brownout.harness.scenario import Level
from brownout.harness.target_file import HttpCall, Run, Start, read

NAIVE = Path(__file__).parents[2] / "scenarios" / "targets" / "naive.toml"


class TestOverlaid:
    def test_what_is_given_wins_and_the_rest_stays(self) -> None:
        """
        The command line's values stand over the file's; what it does not say stays as the file has it.
        """
        told = settings.overlaid(Run(seed=7, jobs=3), {"seed": 0, "jobs": None, "scenarios": (), "level": "must"})

        assert (0, 3, Level.MUST) == (told.seed, told.jobs, told.level)


class TestJobs:
    def test_a_target_that_cannot_be_fresh_is_asked_one_after_the_other(self) -> None:
        """
        One process for the whole run, or a service that runs already, has one scenario at a time.
        """
        file = read(NAIVE)
        running = replace(file, call=replace(file.call, python=None, http=HttpCall("http://127.0.0.1:1/")))

        assert settings.jobs(file) > 1
        assert 1 == settings.jobs(replace(file, start=Start(fresh="run")))
        assert 1 == settings.jobs(running)


class TestCommand:
    @pytest.mark.parametrize(
        ("told", "case", "expected"),
        [
            (Run(), None, "brownout run naive --seed 0"),
            (
                Run(select=("retry", "stream.*"), level=Level.MUST, seed=4),
                "50 x",
                "brownout run naive retry 'stream.*' --case '50 x' --level must --seed 4",
            ),
            (
                Run(profile="production", rate=2.5, scenarios=("b c.py",), repeat=3),
                None,
                "brownout run naive --profile production --repeat 3 --rate 2.5 --scenarios 'b c.py' --seed 0",
            ),
        ],
    )
    def test_a_run_is_repeated_by_its_command(self, told: Run, case: str | None, expected: str) -> None:
        """
        The command says everything that the file does not, quoted for a shell.
        """
        assert expected == settings.command("naive", told, Run(), case)

    def test_what_the_file_says_is_not_repeated(self) -> None:
        """
        A setting of the file stays in the file.
        """
        assert () == settings.words(Run(clock="real"), Run(clock="real"), "clock")


def test_the_file_type_has_every_option() -> None:
    """
    `[run]` takes every option of the command line that says how to run.
    """
    only_there = {"target", "case", "diff", "update_baseline", "verbose", "dry_run"}

    assert {parameter.name for parameter in run.params} - only_there == set(Run.__struct_fields__)
