"""`python -m aigc_tf data check` as a person meets it: what it prints, its exit statuses, and its ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, in_a_terminal, refused, run, succeed, wait_until
from PIL import Image

CHECK = ["-m", "aigc_tf", "data", "check"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Enough images for several processes, of noise, which takes PNG some time: 150 in two classes."""
    folder, random = tmp_path_factory.mktemp("data") / "images", np.random.default_rng(0)
    for number in range(150):
        path = folder / ("cat", "dog")[number % 2] / f"{number}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (200, 200, 3), np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def unbroken(folder, tmp_path_factory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("unbroken") / "clean"
    shown = succeed(run(*CHECK, folder, "--fix", out, "--licence", "CC0-1.0"))
    assert f"{out}: 150 images kept, 0 files left out; {out}/decisions.jsonl tells why\nsound\n" in shown
    return tree(out)


def test_a_script_gets_what_was_found_alone(folder):
    done = run(*CHECK, folder, "--json", "-")
    assert done.returncode in (0, 1) and done.stderr == ""
    assert json.loads(done.stdout)["findings"]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def start(*arguments: object) -> subprocess.Popen:
    """The command in a group of processes of its own, as a terminal starts it."""
    command = [sys.executable, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, start_new_session=True, **pipes)


def assert_all_ended(process: subprocess.Popen) -> None:
    """No process of its group is left."""
    deadline = time.monotonic() + 30
    while True:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < deadline, "a process went on"
        time.sleep(0.05)


def test_a_copy_that_was_killed_anywhere_ends_with_the_same_bytes(folder, unbroken, tmp_path):
    out = tmp_path / "clean"
    arguments = [*CHECK, folder, "--fix", out, "--licence", "CC0-1.0"]
    for least in (0, 80):
        process = start(*arguments)
        wait_until(lambda least=least: len(list(out.rglob("*.png"))) > least, process, seconds=120, every=0.005)
        process.kill()
        process.communicate()
        assert_all_ended(process)
        assert not (out / "decisions.jsonl").exists()
        assert not json.loads((out / "clean-copy.json").read_text())["complete"]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert 80 < len(before) < 150
    succeed(run(*arguments))
    assert tree(out) == unbroken
    assert {path: path.stat().st_mtime_ns for path in before} == before  # those were not written again


def test_ctrl_c_is_a_line_and_leaves_nothing_half_written(folder, unbroken, tmp_path):
    out = tmp_path / "clean"
    process = start(*CHECK, folder, "--fix", out, "--json", tmp_path / "check.json")
    wait_until(lambda: len(list(out.rglob("*.png"))) > 10, process, seconds=120, every=0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "interrupted\n")
    assert_all_ended(process)
    left = tree(out)
    assert not json.loads(left.pop("clean-copy.json"))["complete"]
    assert left and left.items() <= unbroken.items()  # whole images, and nothing else


def test_findings_are_shown_counted_and_written(folder, tmp_path):
    bad = tmp_path / "some [bold]images"
    for number, name in enumerate(("train/a/1.png", "train/b/猫.png", "train/b/3.png", "test/a/4.png")):
        (bad / name).parent.mkdir(parents=True, exist_ok=True)
        Image.open(folder / "cat" / f"{2 * number}.bmp").save(bad / name)
    (bad / "train" / "a" / "[red]copy.png").write_bytes((bad / "test" / "a" / "4.png").read_bytes())
    (bad / "train" / "b" / "cut.png").write_bytes((bad / "train" / "a" / "1.png").read_bytes()[:5000])
    files = ["--json", tmp_path / "out" / "check.json", "--picture", tmp_path / "check.png"]
    done = run(*CHECK, bad, *files, "--licence", "CC BY 4.0", env={**os.environ, "COLUMNS": "120"})
    assert (done.returncode, done.stderr) == (1, "")
    assert "some [bold]images: 6 image files" in done.stdout
    assert re.search(r"stop +│ leak: in two splits.*│ +\d │ train/a/\[red\]copy.png", done.stdout)
    assert "truncated" in done.stdout and "train/b/cut.png" in done.stdout and done.stdout.endswith("marked as stop\n")
    record = json.loads((tmp_path / "out" / "check.json").read_text())
    assert not record["sound"] and record["data"]["licence"] == "CC BY 4.0"
    kinds = {finding["kind"]: finding["names"] for finding in record["findings"]}
    assert kinds["truncated"] == ["train/b/cut.png"] and "train/a/[red]copy.png" in kinds["leak"]
    assert Image.open(tmp_path / "check.png").format == "PNG"
    assert succeed(run(*CHECK, bad, "--fix", tmp_path / "clean")).endswith("\nsound\n")
    assert succeed(run(*CHECK, tmp_path / "clean")).endswith("\nsound\n")


def test_a_bar_in_a_terminal(folder):
    status, shown = in_a_terminal(*CHECK, folder)
    assert status == 0 and "/150 [" in shown and "files" in shown and "\r" in shown


def test_too_few_images_stay_too_few_in_a_copy(tmp_path):
    (tmp_path / "images").mkdir()
    Image.effect_noise((20, 20), 50).save(tmp_path / "images" / "1.png")
    done = run(*CHECK, tmp_path / "images", "--fix", tmp_path / "clean")
    assert done.returncode == 1 and "too few images" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere is no folder"),
        (["images", "--fix", "images/clean"], "images/clean lies in images"),
        (["images", "--fix", "."], ". holds other files"),
        (["images", "--json", "images/check.json"], "lies in images, which is not to be changed"),
        (["images", "--fix", "out", "--json", "out/check.json"], "lies in out, which is for the images"),
        (["images", "--picture", "check.jpg"], "must end in .png"),
        (["images", "--mode", "sepia"], "mode.*sepia"),
        (["empty"], "empty holds no images"),
        ([], "path|PATH"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path, arguments, said):
    (tmp_path / "images").mkdir()
    (tmp_path / "empty").mkdir()
    Image.effect_noise((20, 20), 50).save(tmp_path / "images" / "1.png")
    command = [sys.executable, *CHECK, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert re.search(said, refused(done)), done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["1.png", "empty", "images"]


def test_commands_of_data_are_listed_and_others_told():
    assert re.search(r"usage: python -m aigc_tf data COMMAND.*\n +check +Look at every", succeed(run(*CHECK[:3])), re.S)
    assert "'chekc' is not one of the commands: check" in refused(run(*CHECK[:3], "chekc"))
