from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from brownout.harness import history
from brownout.reports import results, story
from brownout.reports.results import Results
from brownout.reports.write import files, folder_reader

FIXTURE = Path(__file__).parent / "fixture"


def test_a_saved_run_is_valid_by_the_schema(run: Results, tmp_path: Path) -> None:
    """
    What `save` writes is valid by the published schema, and `load` reads it back whole.
    """
    path = tmp_path / "results.json"

    results.save(run, path)

    jsonschema.validate(json.loads(path.read_text("utf-8")), results.schema())
    assert run == results.load(path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    """
    A results file of another version is refused, not misread.
    """
    path = tmp_path / "results.json"
    text = (FIXTURE / "results.json").read_text("utf-8")
    path.write_text(text.replace("brownout.results/1", "brownout.results/2"), "utf-8")

    with pytest.raises(msgspec.ValidationError):
        results.load(path)


@pytest.mark.parametrize("path", sorted((FIXTURE / "histories").iterdir()), ids=lambda path: path.stem)
def test_a_story_is_the_harness_own_history(path: Path) -> None:
    """
    Reports read the same calls, exchanges and expectations from a file as the harness that writes such files.
    """
    told, real = story.read(path.read_bytes()), history.load(path)

    assert told.unreadable == 0
    assert {call.id: (call.text, call.last) for call in told.calls} == {
        call.id: (call.text, next((t for t in (call.cancelled, call.ended, call.given_up) if t is not None), None))
        for call in real.calls
    }
    assert {x.id: (x.status, x.last / 1e9) for x in told.exchanges} == {
        x.id: (x.status, x.end_seconds) for x in real.exchanges
    }
    assert [e.check for e in told.expectations] == [e.check for e in real.expectations]


def test_broken_lines_are_counted() -> None:
    """
    A line that is no record is counted and costs nothing else; unknown kinds are passed over.
    """
    lines = b'{"kind":"call","id":"c1"}\nnonsense\n{"kind":"call"}\n{"kind":"weather balloon"}\n\xff\n'

    told = story.read(lines)

    assert (["c1"], 3) == ([call.id for call in told.calls], told.unreadable)


def test_every_report_is_written(run: Results, tmp_path: Path) -> None:
    """
    The report directory holds what was asked for, under the names that CI configurations know.
    """
    written = files(run, tmp_path, ("html", "junit", "md", "json"))

    assert {"html": "report.html", "junit": "junit.xml", "md": "report.md", "json": "results.json"} == {
        name: path.name for name, path in written.items()
    }
    assert all(path.stat().st_size for path in written.values())


def test_histories_are_read_from_the_folder_only(tmp_path: Path) -> None:
    """
    A results file cannot make a report read what lies outside its folder.
    """
    (tmp_path / "secret").write_text("x")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "h.jsonl").write_text("y")
    read = folder_reader(tmp_path / "report")

    assert (b"y", None, None, None) == (read("h.jsonl"), read("../secret"), read(str(tmp_path / "secret")), read(""))
