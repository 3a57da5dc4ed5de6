"""TensorBoard on real runs, as a browser shows it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from commands import ROOT, refused, run, succeed, train
from playwright.sync_api import Frame, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
# What shows that a tab has found what the runs hold, in the page or in a frame of it.
SHOWN = {
    "custom_scalars": ["text=training: gan", "text=/Matches .[1-9]/", "text=Fréchet distance", "vz-line-chart2"],
    "images": ["tf-image-loader img", "text=real", "text=samples"],
    "histograms": ["text=/generator.*kernel/"],
    "hparams": ["text=/^run$/", "text=result/minutes", "text=result/fd_lenet"],  # whose copies they are
    "graphs": ["text=lean_generator", "text=lean_discriminator"],
    "text": ["text=global_batch_size", "text=fingerprint", "text=environment"],
    "pr_curves": ["text=evaluation/discriminator"],
    "projector": ["text=/Points/"],
}


@pytest.fixture(scope="module")
def logs(tiny_run, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("board") / "logs"
    for name in ("one", "two"):
        shutil.copytree(tiny_run, folder / name)
    return folder


@pytest.fixture(scope="module")
def board(logs) -> Iterator[str]:
    """The address of TensorBoard, which was open already when the second run went on and was judged."""
    command = [sys.executable, "-m", "aigc_tf", "board", str(logs), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        (address,) = re.findall(r"at (http://127\.0\.0\.1:\d+/)", process.stdout.readline())
        steps_of(address, "two/tensorboard", until=20)
        succeed(train("--resume", logs / "two", "--steps", 30, "--evaluate", "--no-export"))
        yield address
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0]
        assert process.returncode in (0, 130) and "Traceback" not in said, said
    finally:
        process.kill()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page(viewport={"width": 1400, "height": 900})
        browser.close()


def asked(address: str, plugin: str, **what: object) -> list:
    """What TensorBoard's page is told of a curve or of pictures."""
    with requests.Session() as session:
        session.trust_env = False  # past the proxy that tests set
        answer = session.get(f"{address}data/plugin/{plugin}/{plugin}", params=what, timeout=60)
    return answer.json() if answer.ok else []


def steps_of(address: str, run: str, until: int) -> list[int]:
    """The steps of a curve as TensorBoard has them, once it has read on to the step `until`."""
    deadline, found = time.monotonic() + 120, []
    while until not in found:
        assert time.monotonic() < deadline, f"TensorBoard shows {found} of {run}"
        found = [step for _, step, _ in asked(address, "scalars", run=run, tag="loss/generator")]
        time.sleep(0.5)
    return found


def test_no_curve_overlaps_and_no_step_is_lost_where_a_run_goes_on_meanwhile(board):
    assert steps_of(board, "one/tensorboard", until=20) == [5, 10, 15, 20]
    assert steps_of(board, "two/tensorboard", until=30) == [5, 10, 15, 20, 25, 30]


def test_every_grid_of_samples_is_kept(board):
    grids = asked(board, "images", run="two/tensorboard", tag="samples/averaged", sample=0)
    assert [grid["step"] for grid in grids] == [10, 20, 30]


@pytest.mark.parametrize("tab", SHOWN)
def test_a_tab_shows_what_the_runs_hold(board, page, tab):
    steps_of(board, "two/tensorboard", until=30)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto("about:blank")
    page.goto(f"{board}#{tab}")
    if tab == "projector":
        wait_for_anywhere(page, SHOWN[tab][0])
    else:
        for shown in SHOWN[tab]:
            page.locator(shown).first.wait_for(state="attached", timeout=60_000)
    assert faults == []


def wait_for_anywhere(page: Page, selector: str) -> Frame:
    """The frame of the page that holds it, once one does."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for frame in page.frames:
            if frame.locator(selector).count():
                return frame
        page.wait_for_timeout(200)
    raise AssertionError(f"no frame holds {selector}")


def test_mistakes_are_one_line(tmp_path):
    assert "is no folder" in refused(run("-m", "aigc_tf", "board", tmp_path / "none"))
    assert "--port 70000 must be from 0 to 65535" in refused(run("-m", "aigc_tf", "board", tmp_path, "--port", 70000))
