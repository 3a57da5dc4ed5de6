"""deploy/train/Dockerfile and what docs/gpu.md says of it, as far as that can be known without a container engine."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from commands import ROOT, run, succeed
from packaging.requirements import Requirement

FILE = ROOT / "deploy/train/Dockerfile"
PAGE = (ROOT / "docs/gpu.md").read_text()


def instructions(name: str) -> list[str]:
    """What follows each instruction of that name; lines that go on are one."""
    text = re.sub(r"\\\n", " ", FILE.read_text())
    return [line.partition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} ")]


def copies() -> list[tuple[list[str], str]]:
    """(sources in the checkout, place in the image) of each COPY."""
    return [(words[:-1], words[-1]) for words in map(shlex.split, instructions("COPY"))]


def lint(file: Path) -> subprocess.CompletedProcess:
    return subprocess.run([Path(sys.executable).with_name("hadolint"), file], capture_output=True, text=True)


def test_linter_finds_nothing(tmp_path):
    done = lint(FILE)
    assert done.returncode == 0, done.stdout
    (tmp_path / "Dockerfile").write_text(FILE.read_text() + "RUN sudo true\n")
    assert "DL3004" in lint(tmp_path / "Dockerfile").stdout


def test_nobody_is_root_and_what_a_run_writes_outlives_the_container():
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", instructions("USER")[-1])
    (volumes,) = map(json.loads, instructions("VOLUME"))
    (work,) = instructions("WORKDIR")
    assert {f"{work}/logs", f"{work}/data"} < set(volumes)
    variables = dict(word.split("=") for word in shlex.split(*instructions("ENV")))
    assert variables["HOME"] in volumes
    for folder in volumes:
        assert any(f"mkdir --parents {work}" in each and folder in each for each in instructions("RUN")), folder


def test_what_was_fetched_outlives_containers_that_are_removed():
    commands = re.findall(r"^ +docker run .*", PAGE, re.M)
    assert len(commands) > 2
    for command in commands:
        assert "--rm" in command and "--volume aigc_tf-home:/training/home" in command


def test_only_what_is_copied_is_sent_and_changes_of_code_install_nothing():
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert sent == {source for sources, _ in copies() for source in sources}
    assert copies()[0][0] == ["requirements.txt"]
    text = FILE.read_text()
    assert text.index("COPY requirements.txt") < text.index("RUN pip install") < text.index("COPY train.py")


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """A folder that holds what the image holds of this project."""
    folder = tmp_path_factory.mktemp("image")
    for sources, place in copies():
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder / place.lstrip("/"), ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (folder / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, folder / place.lstrip("/"))
    return folder


def test_its_command_runs_from_what_it_holds(image, tmp_path):
    interpreter, script = json.loads(*instructions("ENTRYPOINT"))
    assert interpreter == "python"
    for arguments in (json.loads(*instructions("CMD")), ["--dataset", "synthetic", "--dry-run"]):
        printed = succeed(run(image / script.lstrip("/"), *arguments, cwd=tmp_path))
        assert "train" in printed
    assert list(tmp_path.iterdir()) == []


def test_both_lanes_can_be_built_and_are_those_of_the_requirements():
    (default,) = [each.partition("=")[2] for each in instructions("ARG") if each.startswith("PYTHON=")]
    assert instructions("FROM")[0].startswith("python:${PYTHON}-slim-")
    others = re.findall(r"--build-arg PYTHON=([\d.]+)", PAGE + FILE.read_text())
    lines = [line.partition("#")[0] for line in (ROOT / "requirements.txt").read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line.strip()]
    versions = {
        python: [
            str(each.specifier)
            for each in requirements
            if each.name == "tensorflow" and each.marker.evaluate({"python_version": python})
        ]
        for python in {default, *others}
    }
    assert versions == {"3.11": ["==2.15.1"], "3.13": ["==2.21.0"]}
    (head,) = re.findall(r"^\| \| Python .*", PAGE, re.M)
    assert re.findall(r"TensorFlow ([\d.]+)", head) == [versions[each][0][2:] for each in ("3.11", "3.13")]


@pytest.mark.skipif(not tf.test.is_built_with_cuda(), reason="this TensorFlow was built without CUDA")
def test_the_page_tells_what_tensorflow_was_built_with():
    built = tf.sysconfig.get_build_info()
    rows = {row[0]: row[1:] for row in (re.split(r" *\| *", line)[1:-1] for line in PAGE.splitlines() if "|" in line)}
    lane = [tf.__version__ in head for head in rows[""]].index(True)
    cuda, cudnn = re.fullmatch(r"CUDA ([\d.]+), cuDNN (\d+)", rows["built with"][lane]).groups()
    assert built["cuda_version"].split(".")[:2] == cuda.split(".")
    assert built["cudnn_version"] == cudnn
    first, last = re.findall(r"(\d+)\.x", rows["kernels for compute capability"][lane])
    majors = [each.partition("_")[2][:-1] for each in built["cuda_compute_capabilities"]]
    assert (majors[0], majors[-1]) == (first, last)
