"""JUnit XML, as CI servers read it: red exactly when the gate does not hold.

One suite a family, one test a case. In rows that break the gate a fail is a `failure` and what could not be judged is
an `error`; in others, below the gate's level or excused by a baseline, both are `skipped`, with what was seen, or a
server would call a run broken that the gate lets pass. What a target does not claim is `skipped` too.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from .results import CaseResult, Results, RowResult
from .wording import WORDS, breaks, families, family, visible


def render(results: Results) -> str:
    """The whole run as one `testsuites` document."""
    root = ET.Element("testsuites", name=visible(f"brownout {results.target.name}"))
    for name, rows in families(results).items():
        root.append(_suite(results, name, rows))
    _count(root, results.wall_seconds)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _suite(results: Results, name: str, rows: list[RowResult]) -> ET.Element:
    suite = ET.Element("testsuite", name=visible(name), timestamp=visible(results.started).rstrip("Z"))
    properties = ET.SubElement(suite, "properties")
    for key, value in (("brownout", results.brownout), ("seed", str(results.seed)), ("repeat", results.repeat)):
        ET.SubElement(properties, "property", name=key, value=visible(value))
    for row in rows:
        for case in row.cases:
            suite.append(_test(results, row, case))
    _count(suite, sum(case.wall_seconds for row in rows for case in row.cases))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    return suite


def _test(results: Results, row: RowResult, case: CaseResult) -> ET.Element:
    name = f"{row.id}[{case.case}]" if case.case else row.id
    test = ET.Element(
        "testcase",
        name=visible(name),
        classname=visible(f"{results.target.name}.{family(row.id)}"),
        time=f"{case.wall_seconds:.3f}",
    )
    text = "\n".join(_lines(row, case))
    message = visible(case.reason or WORDS[case.verdict])
    gated = breaks(results, row)
    match case.verdict:
        case "fail" if gated:
            ET.SubElement(test, "failure", message=message, type=row.level).text = text
        case "inconclusive" if gated:
            ET.SubElement(test, "error", message=message, type="inconclusive").text = text
        case "fail" | "inconclusive":
            about = f"{WORDS[case.verdict]}, which does not break the gate: {message}"
            ET.SubElement(test, "skipped", message=about)
            ET.SubElement(test, "system-out").text = text
        case "not_applicable":
            ET.SubElement(test, "skipped", message=message)
        case "pass":
            pass
    return test


def _lines(row: RowResult, case: CaseResult) -> Iterator[str]:
    yield visible(row.title)
    for violation in case.violations:
        proof = f" ({', '.join(violation.evidence)})" if violation.evidence else ""
        yield visible(f"{violation.check}: {violation.saw}; promised: {violation.promised}{proof}")
    for doubt in case.doubts:
        yield visible(f"not judged: {doubt}")
    if case.repeat:
        yield visible(f"repeat: {case.repeat}")
    if case.history:
        yield visible(f"history: {case.history}")


def _count(element: ET.Element, seconds: float) -> None:
    element.set("tests", str(len(element.findall(".//testcase"))))
    element.set("failures", str(len(element.findall(".//failure"))))
    element.set("errors", str(len(element.findall(".//error"))))
    element.set("time", f"{seconds:.3f}")
