"""Pictures of TensorBoard for the README, of runs of one's own: `python tests/screenshots.py LOGS OUT`.

The tests of the board go through the same tabs by the same functions.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from report.browser import driven

ROOT = Path(__file__).parent.parent
SIZE = {"width": 1400, "height": 900}
# What a tab is waited for, in the page or in a frame of it, and shown of it.
KEPT = {
    "custom_scalars": "vz-line-chart2 svg",
    "images": "tf-image-loader img",
    "hparams": "text=/result.fd_/",
}


@contextlib.contextmanager
def served(logs: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address of `python -m aigc_tf board` on these logs, and its process, which is ended behind the block. It runs
    in the folder above them, since its pages show the path that it is given."""
    command = [sys.executable, "-m", "aigc_tf", "board", logs.name, "--port", "0"]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, cwd=logs.parent, env={**os.environ, "PYTHONPATH": str(ROOT)}, **streams)
    alarm = threading.Timer(180, process.kill)
    alarm.start()
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not (found := re.findall(r"at (http://127\.0\.0\.1:\d+/)", "".join(lines))):
            lines.append(process.stdout.readline())
            assert lines[-1], f"TensorBoard ended: {lines}"
        alarm.cancel()
        yield found[0], process
    finally:
        alarm.cancel()
        process.kill()


def open_tab(page: Any, address: str, tab: str) -> None:
    """Show a tab anew."""
    page.goto("about:blank")
    page.goto(f"{address}#{tab}")


def wait_for_anywhere(page: Any, selector: str) -> None:
    """Wait until the page or a frame of it holds that."""
    deadline = time.monotonic() + 60
    while not any(frame.locator(selector).count() for frame in page.frames):
        assert time.monotonic() < deadline, f"nowhere in the page: {selector}"
        page.wait_for_timeout(200)


def click_anywhere(page: Any, selector: str) -> None:
    """Click on the first of these, once the page or a frame of it holds one."""
    wait_for_anywhere(page, selector)
    next(found for frame in page.frames if (found := frame.locator(selector)).count()).first.click()


def keep(page: Any, address: str, out: Path) -> list[Path]:
    """Pictures of the tabs in `KEPT`, as files in `out`."""
    files = []
    for tab, selector in KEPT.items():
        open_tab(page, address, tab)
        wait_for_anywhere(page, selector)
        if tab == "hparams":
            click_anywhere(page, "text=/parallel coordinates view/i")
        page.wait_for_timeout(5_000)  # curves and pictures are drawn one after the other
        files.append(out / f"board-{tab.replace('_', '-')}.png")
        page.screenshot(path=str(files[-1]))
    return files


def main(logs: Path, out: Path) -> None:
    with served(logs) as (address, _), driven() as browser:
        page = browser.new_page(viewport=SIZE)
        page.wait_for_timeout(20_000)  # until TensorBoard has read the runs
        keep(page, address, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
