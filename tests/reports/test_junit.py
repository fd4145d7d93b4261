"""The rules are those of the schemas that CI servers publish for JUnit files (Jenkins', Maven Surefire's)."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.reports import junit
from brownout.reports.results import CaseResult, Gate, Results, RowResult, TargetResult, ViolationResult

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"name", "classname", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
    "system-out": set(),
}
CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase"],
    "properties": ["property"],
    "testcase": ["skipped", "error", "failure", "system-out"],
}
VERDICTS = st.sampled_from(["pass", "fail", "inconclusive", "not_applicable"])
TEXT = st.text(max_size=30)


def small(**fields: object) -> Results:
    """A run with one row of one case."""
    case = CaseResult("", "fail", "why")
    row = RowResult("retry.bounded", "must", "A promise.", "fail", "why", [case])
    run = Results(
        "0", 0, "2026-11-21T10:00:00Z", 1.0, 1.0, TargetResult("t"), "claimed", Gate(False, "must", [row.id]), [row]
    )
    return msgspec.structs.replace(run, **fields)


def valid(text: str) -> ET.Element:
    """Parse a document and hold it against the rules."""
    root = ET.fromstring(text)  # noqa: S314  # our own document is what is being judged
    for element in root.iter():
        assert set(element.attrib) == ATTRIBUTES[element.tag]
        order = [CHILDREN[element.tag].index(child.tag) for child in element]
        assert order == sorted(order)
    for suite in (root, *root):
        tests = suite.findall(".//testcase")
        assert len(tests) == int(suite.attrib["tests"])
        assert len(suite.findall(".//failure")) == int(suite.attrib["failures"])
        assert len(suite.findall(".//error")) == int(suite.attrib["errors"])
        assert re.fullmatch(r"\d+\.\d{3}", suite.attrib["time"])
    for suite in root:
        assert len(suite.findall(".//skipped")) == int(suite.attrib["skipped"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
    for test in root.iter("testcase"):
        assert len([child for child in test if child.tag in {"failure", "error", "skipped"}]) <= 1
    return root


def test_the_saved_run_is_valid(run: Results) -> None:
    """
    A run with every verdict is a valid document, whose failures are the failed cases on the gate's level.
    """
    root = valid(junit.render(run))

    assert {"retry.after-seconds", "timeout.hang-before-headers", "stream.cut-fin[after-7]"} == {
        test.attrib["name"] for test in root.iter("testcase") if test.find("failure") is not None
    }
    assert ["retry.jitter"] == [test.attrib["name"] for test in root.iter("testcase") if test.find("error") is not None]


@given(TEXT, TEXT, TEXT, VERDICTS, st.sampled_from(["must", "should", "may"]))
def test_any_text_makes_a_valid_document(name: str, reason: str, saw: str, verdict: str, level: str) -> None:
    """
    Whatever names, reasons and wires say, control characters included, the document is well formed and valid.
    """
    violation = ViolationResult(reason, saw, name, [saw])
    case = CaseResult(name, verdict, reason, [violation], [saw])  # type: ignore[arg-type]  # one of the four
    row = RowResult(f"x.{name}", level, saw, verdict, reason, [case])  # type: ignore[arg-type]  # one of the three

    valid(junit.render(small(results=[row], target=TargetResult(name), repeat=saw)))


@pytest.mark.parametrize(
    ("verdict", "level", "element"),
    [
        ("fail", "must", "failure"),
        ("fail", "should", "skipped"),
        ("inconclusive", "must", "error"),
        ("inconclusive", "may", "skipped"),
        ("not_applicable", "must", "skipped"),
        ("pass", "must", None),
    ],
)
def test_it_is_red_when_the_gate_does_not_hold(verdict: str, level: str, element: str | None) -> None:
    """
    Only what breaks the gate can make a server call the run broken; nothing that failed goes unsaid.
    """
    case = CaseResult("", verdict, "seen and not promised")  # type: ignore[arg-type]  # one of the four
    row = RowResult("a.b", level, "t", verdict, "", [case])  # type: ignore[arg-type]  # one of the three

    breaking = [row.id] if level == "must" and verdict in {"fail", "inconclusive"} else []
    run = small(results=[row], gate=Gate(not breaking, "must", breaking))

    test = next(valid(junit.render(run)).iter("testcase"))

    kinds = [child.tag for child in test if child.tag != "system-out"]
    assert ([] if element is None else [element]) == kinds
    assert verdict == "pass" or "seen and not promised" in test[0].attrib["message"]


def test_what_a_baseline_excuses_is_not_red() -> None:
    """
    A failed row that is on the gate's level and not among the rows that break it is skipped, with what was seen.
    """
    root = valid(junit.render(small(gate=Gate(True, "must"))))

    assert ("0", "1") == (root.attrib["failures"], root[0].attrib["skipped"])
