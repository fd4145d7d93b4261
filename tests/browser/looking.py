"""A page in a real browser, without network and with a profile of its own, and what a script finds out about it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
DARK = "--blink-settings=preferredColorScheme=0"

# The page in a frame of a given width; what the probe returns is written into the page around it.
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


def probe(shown_page: Path, folder: Path, script: str, *flags: str, width: int = 1200) -> Any:
    """What a script finds out about a page, shown `width` pixels wide."""
    page = FRAME.replace("WIDTH", str(width)).replace("PROBE", script)
    page = page.replace("PAGE", html.escape(shown_page.read_text("utf-8"), quote=True))
    path = folder / "frame.html"
    path.write_text(page, "utf-8")
    shown = run(folder, path.as_uri(), "--virtual-time-budget=2000", "--dump-dom", *flags).stdout
    found = re.search(r'<pre id="found">(.*?)</pre>', shown, re.DOTALL)
    assert found is not None
    return json.loads(html.unescape(found[1]))
