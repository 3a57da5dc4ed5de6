"""A page as a real browser shows it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NO_CHROMIUM = "no chromium on this machine: apt-get install chromium"
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--force-device-scale-factor=1",
    ),
]
# Run in a page around the one under test, which itself allows no script: it is read through a frame of the same origin.
_LOOK = """
const page = document.getElementById("page"), done = document.getElementById("done");
page.onload = () => {
  const shown = page.contentDocument, view = page.contentWindow, root = shown.documentElement;
  const visible = element => element.getClientRects().length > 0;
  done.textContent = JSON.stringify({
    text: shown.body.innerText,
    headings: [...shown.querySelectorAll("h1, h2")].filter(visible).map(each => each.innerText),
    images: [...shown.images].map(each => [each.naturalWidth, each.naturalHeight, each.clientWidth]),
    plots: [...shown.querySelectorAll("svg")].map(each => each.getBoundingClientRect().width),
    rendering: shown.images.length ? view.getComputedStyle(shown.images[0]).imageRendering : "",
    requests: view.performance.getEntriesByType("resource").map(each => each.name),
    width: [root.scrollWidth, root.clientWidth],
    background: view.getComputedStyle(shown.body).backgroundColor,
    ink: view.getComputedStyle(shown.body).color,
    axis: view.getComputedStyle(shown.querySelector("svg text") || shown.body).fill,
  });
};
"""


@contextlib.contextmanager
def driven() -> Iterator[Any]:
    """Playwright's `Browser`, which is the Chromium of this machine; skips the test where one of them is missing."""
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def look(page: Path, width: int = 1100, dark: bool = False) -> dict[str, Any]:
    """What a browser of that width makes of the page: text, headings, pictures, requests, sizes and colours."""
    with tempfile.TemporaryDirectory() as profile:
        around = Path(profile) / "around.html"
        around.write_text(
            f'<iframe id="page" src="{page.resolve().as_uri()}" style="width:{width}px; height:800px; border:0">'
            f'</iframe><pre id="done"></pre><script>{_LOOK}</script>'
        )
        dom = _chromium(
            *("--allow-file-access-from-files", "--virtual-time-budget=8000", "--dump-dom"),
            *(f"--window-size={width + 100},1000", *(["--blink-settings=preferredColorScheme=0"] if dark else [])),
            *(f"--user-data-dir={profile}/profile", around.as_uri()),
        )
    found = re.search(r'<pre id="done">(.+?)</pre>', dom, re.DOTALL)
    assert found, f"the page was never loaded: {dom[:2000]}"
    return json.loads(unescape(found[1]))


def _chromium(*arguments: str) -> str:
    assert CHROMIUM is not None
    done = subprocess.run([CHROMIUM, *FLAGS, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
