"""The files of a report directory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from . import html, junit, markdown, results
from .results import Results

Format = Literal["html", "junit", "md", "json"]
NAMES: dict[Format, str] = {"json": "results.json", "html": "report.html", "junit": "junit.xml", "md": "report.md"}


def files(found: Results, folder: Path, formats: Iterable[Format] = ("html", "junit", "json")) -> dict[Format, Path]:
    """Write the reports asked for and say where they are; histories are read from the same folder, see `carry`."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[Format, Path] = {}
    for name in formats:
        path = written[name] = folder / NAMES[name]
        match name:
            case "json":
                results.save(found, path)
            case "html":
                path.write_text(html.render(found, folder_reader(folder)), "utf-8")
            case "junit":
                path.write_text(junit.render(found), "utf-8")
            case "md":
                path.write_text(markdown.render(found, report=NAMES["html"]), "utf-8")
    return written


def carry(found: Results, source: Path, folder: Path) -> list[str]:
    """Bring the histories that a run's results name beside its reports; those that are nowhere are named.

    The tables and timelines of a report are drawn from them, and its links lead to them.
    """
    there, missing = folder_reader(source), []
    for history in dict.fromkeys(case.history for row in found.results for case in row.cases if case.history):
        lines, place = there(history), (folder / history).resolve()
        if lines is None or not place.is_relative_to(folder.resolve()):
            missing.append(history)
        elif folder.resolve() != source.resolve():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(lines)
    return missing


def folder_reader(folder: Path) -> Callable[[str], bytes | None]:
    """Reads histories by their path from the results file; what lies outside the folder is not there."""
    root = folder.resolve()

    def read(history: str) -> bytes | None:
        path = (root / history).resolve()
        return path.read_bytes() if history and path.is_relative_to(root) and path.is_file() else None

    return read
