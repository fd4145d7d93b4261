"""The HTML report in a real browser: nothing is blocked, lost or unreadable on a phone, in the dark, or on paper."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

REPORT = Path(__file__).parent.parent / "reports" / "golden" / "report.html"
BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
DARK = "--blink-settings=preferredColorScheme=0"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium, which is not installed"),
]

# The report in a frame of a given width; what the probe returns is written into the page around it.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><body><iframe width="WIDTH" height="900" srcdoc="PAGE"></iframe>
<pre id="found"></pre><script>
addEventListener("load", () => {
  const frame = document.querySelector("iframe"), page = frame.contentDocument, view = frame.contentWindow;
  document.getElementById("found").textContent = JSON.stringify((() => { PROBE })());
});
</script>"""

CONTRAST = """
const channels = (text) => {
  const canvas = document.createElement("canvas"); canvas.width = canvas.height = 1;
  const brush = canvas.getContext("2d"); brush.fillStyle = text; brush.fillRect(0, 0, 1, 1);
  return [...brush.getImageData(0, 0, 1, 1).data];
};
const light = (rgb) => {
  const [r, g, b] = rgb.slice(0, 3).map((c) => c / 255 <= .04045 ? c / 255 / 12.92 : ((c / 255 + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const ground = (element) => {
  for (; element; element = element.parentElement) {
    const found = channels(view.getComputedStyle(element).backgroundColor);
    if (found[3] === 255) return found;
  }
  return [255, 255, 255, 255];
};
const poor = {};
for (const element of page.querySelectorAll("body *")) {
  const said = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!said || element.closest("svg, script, style, .hidden, .skip") || !element.getClientRects().length) continue;
  const [one, other] = [light(channels(view.getComputedStyle(element).color)), light(ground(element))];
  const ratio = (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
  if (ratio < 4.5) poor[element.tagName + "." + element.className] = Math.round(ratio * 100) / 100;
}
return poor;
"""


def run(folder: Path, address: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """One start of the browser, without network and with a profile of its own."""
    assert BROWSER is not None
    return subprocess.run(  # noqa: S603  # the browser that was found, our own page
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            *flags,
            address,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def probe(folder: Path, script: str, *flags: str, width: int = 1200) -> Any:
    """What a script finds out about the report, shown `width` pixels wide."""
    page = FRAME.replace("WIDTH", str(width)).replace("PROBE", script)
    page = page.replace("PAGE", html.escape(REPORT.read_text("utf-8"), quote=True))
    path = folder / "frame.html"
    path.write_text(page, "utf-8")
    shown = run(folder, path.as_uri(), "--virtual-time-budget=2000", "--dump-dom", *flags).stdout
    found = re.search(r'<pre id="found">(.*?)</pre>', shown, re.DOTALL)
    assert found is not None
    return json.loads(html.unescape(found[1]))


def test_the_policy_blocks_nothing_of_ours(tmp_path: Path) -> None:
    """
    The page's own script and style run under its own policy, without a word in the browser's console.
    """
    shown = run(tmp_path, REPORT.as_uri(), "--virtual-time-budget=2000", "--dump-dom")

    commands = len(re.findall(r'<code class="command"', shown.stdout))
    assert commands == len(re.findall(r'aria-label="copy the command"', shown.stdout)) > 0
    assert "CONSOLE" not in shown.stderr


def test_it_fits_a_phone(tmp_path: Path) -> None:
    """
    At 360 pixels nothing has to be scrolled sideways, and no word is smaller than 10 pixels.
    """
    wide, small = probe(
        tmp_path,
        """
        for (const element of page.querySelectorAll("details")) element.open = true;
        const sizes = [...page.querySelectorAll("body *")].map((e) => parseFloat(view.getComputedStyle(e).fontSize));
        return [page.documentElement.scrollWidth, Math.min(...sizes)];
        """,
        width=360,
    )

    assert wide <= 360
    assert small >= 10


@pytest.mark.parametrize("flags", [[], [DARK]], ids=["light", "dark"])
def test_every_word_can_be_read(tmp_path: Path, flags: list[str]) -> None:
    """
    In light and in dark every text has the contrast that WCAG AA asks for.
    """
    assert probe(tmp_path, CONTRAST, *flags) == {}


def test_dark_is_dark(tmp_path: Path) -> None:
    """
    Whoever prefers the dark gets it.
    """
    script = "return view.getComputedStyle(page.body).backgroundColor;"

    assert probe(tmp_path, script) == "rgb(255, 255, 255)"
    assert probe(tmp_path, script, DARK) == "rgb(15, 19, 24)"


def test_a_cell_leads_to_its_case(tmp_path: Path) -> None:
    """
    Following the cell of a passed case opens that case, which was closed.
    """
    before, after = probe(
        tmp_path,
        """
        const link = page.querySelector("a.cell.pass"), case_ = page.getElementById(link.hash.slice(1));
        const before = case_.open;
        view.location.hash = link.hash;
        view.dispatchEvent(new view.Event("hashchange"));
        return [before, case_.open];
        """,
    )

    assert (False, True) == (before, after)


def test_the_keyboard_reaches_everything(tmp_path: Path) -> None:
    """
    Every link of a drawing, every command and every place that scrolls can have the focus, the skip link first.
    """
    first, missed = probe(
        tmp_path,
        """
        for (const element of page.querySelectorAll("details")) element.open = true;
        const wanted = [...page.querySelectorAll("a[href], summary, .command, .timeline, pre, button")];
        const missed = wanted.filter((element) => { element.focus(); return page.activeElement !== element; });
        return [wanted[0].className, missed.map((element) => element.outerHTML.slice(0, 100))];
        """,
    )

    assert ("skip", []) == (first, missed)


def test_it_prints(tmp_path: Path) -> None:
    """
    The browser makes a PDF of it.
    """
    path = tmp_path / "report.pdf"

    run(tmp_path, REPORT.as_uri(), f"--print-to-pdf={path}", "--no-pdf-header-footer")

    assert path.read_bytes().startswith(b"%PDF-")
