"""Nothing that came over a wire, or out of a target, may act on a page, a terminal or a summary."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brownout.reports import console, github, html, markdown
from brownout.reports.results import CaseResult, Gate, Results, RowResult, TargetResult, ViolationResult
from brownout.reports.wording import visible

HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from([
        "</script><script>alert(1)</script>",
        "</style><style>*{display:none}",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        "</pre></details></main></body></html>",
        "<!--",
        "]]>",
        "{{ 7 * 7 }}{% raw %}",
        "javascript:alert(1)",
        "&lt;script&gt;",
        "\x1b[2J\x1b]0;owned\x07",
        "\u202egnp.exe",
        "a\r\n::error::forged",
        "`code` | <b> @somebody [x](http://y) ![i](http://z)",
        "\ud800",
        "\x00",
    ]),
)  # fmt: skip


class Page(HTMLParser):
    """The elements and attributes of a page, and whether they are balanced."""

    VOID = frozenset({"meta", "br", "img", "link", "input", "hr"})
    SHAPES = frozenset({"rect", "line", "text", "path"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: dict[str, int] = {}
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element; all but void ones must be closed."""
        self._note(tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that closes itself, as those of a drawing may."""
        self._note(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Elements close in the order in which they were opened."""
        assert self.open.pop() == tag

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        for name, value in attrs:
            self.attributes.add(name)
            match name:
                case "id":
                    self.ids.append(value or "")
                case "href":
                    self.links.append(value or "")
                case "src" | "action" | "data" | "srcset" | "xlink:href":
                    self.sources.append(value or "")


def parsed(text: str) -> Page:
    """Parse a page to its end."""
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


def story(text: str) -> bytes:
    """A history that says the same text wherever it can say something."""
    records: list[dict[str, Any]] = [
        {"kind": "scenario", "contract": {"deadline": 1.0}, "noise": 0.1},
        {"kind": "event", "at": 0, "what": "weather", "details": {"rules": [[text]]}},
        {"kind": "event", "at": 1, "what": text, "details": {}},
        {"kind": "expectation", "check": text, "of": "calls", "params": {text: text}},
        {"kind": "call", "id": "c1", "canary": "abcdef", "started": 1, "text": text, "ended": 10**9, "finish": text},
        {"kind": "call", "id": text, "canary": text, "started": 1, "error": text, "message": text, "ended": 10**8},
        {"kind": "log", "at": 5, "source": text, "text": text},
        *(
            {
                "kind": "exchange", "id": name, "fake": text, "dialect": text, "connection": 1, "accepted": 0,
                "started": 5, "first_byte": 7, "last_byte": 10**8, "method": text, "path": text,
                "request_headers": [[text, text]], "request_body": text, "canary": "abcdef", "status": 200,
                "headers": [[text, text], ["retry-after", text]], "answer": "abcdef-1", "faults": [text],
                "script": [text, text], "ended": text,
            }
            for name in ("x1", text)
        ),
    ]  # fmt: skip
    return "\n".join(json.dumps(record) for record in records).encode()


def saying(text: str) -> Results:
    """A run that says the same text wherever it can say something."""
    violation = ViolationResult(text, text, text, ["c1", "x1", text])
    cases = [CaseResult(name, "fail", text, [violation], [text], repeat=text, history=text) for name in ("", text)]
    row = RowResult(f"retry.{text}", "must", text, "fail", text, cases, text, text)
    doubt = RowResult("retry.doubt", "must", text, "inconclusive", text, [CaseResult(text, "inconclusive", text)])
    return Results(
        text,
        0,
        text,
        1.0,
        1.0,
        TargetResult(text, text),
        text,
        Gate(False, "must", [row.id]),
        [row, doubt],
        {text: text},
        text,
        {"retry": text},
        {text: text},
    )


SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PLAIN = html.render(saying("harmless"), lambda path: story("harmless"))


@pytest.mark.slow
@SETTINGS
@given(HOSTILE)
def test_no_text_adds_an_element_to_the_page(text: str) -> None:
    """
    Whatever the text, the page stays balanced and has no element and no attribute that our templates did not write.
    """
    page, plain = parsed(html.render(saying(text), lambda path: story(text))), parsed(PLAIN)

    assert set(page.tags) <= set(plain.tags)
    assert page.attributes <= plain.attributes
    assert (1, 1) == (page.tags["script"], page.tags["style"])
    assert page.sources == []


@pytest.mark.slow
@SETTINGS
@given(HOSTILE)
def test_every_link_stays_on_the_page_or_in_the_folder(text: str) -> None:
    """
    A link leads to a place on the page or to a file below it, and to no other scheme or host.
    """
    page = parsed(html.render(saying(text), lambda path: story(text)))

    assert all(link.startswith(("#", "./")) for link in page.links)


@SETTINGS
@given(HOSTILE)
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    """
    What a wire said cannot move the cursor, set a title or turn text around on a terminal or in a CI log.
    """
    for report in (console.render(saying(text)), github.render(saying(text)), markdown.render(saying(text))):
        assert [c for c in report if ord(c) < 0x20 and c != "\n"] == []
        assert not set(report) & set("\x7f\x9b\u202e\u2066\u2028")
        report.encode("utf-8")


@SETTINGS
@given(HOSTILE)
def test_no_text_forges_a_workflow_command(text: str) -> None:
    """
    Every line for GitHub is one of ours: no text can begin a line, and so none can give a command.
    """
    for line in github.render(saying(text)).splitlines():
        assert re.match(r"::(error|warning|notice) title=[^:,]*::", line)


@SETTINGS
@given(HOSTILE)
def test_in_markdown_a_wire_speaks_in_code_spans_only(text: str) -> None:
    """
    Outside of code spans no tag, link, mention or table can come from a text.
    """
    report = markdown.render(saying(text))
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", report, flags=re.DOTALL)
    outside = re.sub(r"\\.", "", outside).replace("<details>", "").replace("</details>", "")
    outside = re.sub(r"</?summary>", "", outside)

    assert "<" not in outside
    assert "@" not in outside
    assert "](http" not in outside


@given(st.text())
def test_what_is_visible_stays(text: str) -> None:
    """
    Making a text visible twice changes nothing more, and nothing that acts is left in it.
    """
    shown = visible(text)

    assert visible(shown) == shown
    assert [c for c in shown if ord(c) < 0x20 and c not in "\n\t"] == []


def test_the_page_forbids_everything_that_is_not_its_own(
    run: Results, histories: Callable[[str], bytes | None]
) -> None:
    """
    The page's policy lets nothing be loaded and no other script or style run, and every place has its own name.
    """
    text = html.render(run, histories)
    page = parsed(text)

    assert "default-src 'none'; style-src 'sha256-" in text
    assert page.sources == []
    assert "style" not in page.attributes
    assert [name for name in page.attributes if name.startswith("on")] == []
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
