"""A family, a kind of content and a data set join the house as one folder (or file) and one line each.

They lie in tests/house, laid over a copy of the package and nothing else; every command then works for them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, checkpoint_tensors, refused, run, succeed

from aigc_tf import contract

NEWCOMERS = {
    "families": ('"FAMILY", "gan"', '"FAMILY", "toy", "gan"'),
    "modalities": ('"MODALITY", "image"', '"MODALITY", "image", "signal"'),
    "datasets": ('    "synthetic",\n', '    "synthetic",\n    "ramps",\n'),
}
SMALL = ("--dataset", "ramps", "--model", "toy", "--global-batch-size", 16, "--logs", "logs")
OFTEN = ("--log-every", 5, "--sample-every", 10, "--checkpoint-every", 10, "--evaluate-every", 10)


class House:
    """The folder of a copy of the project, in which commands run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: object) -> subprocess.CompletedProcess:
        return run(*arguments, cwd=self.folder)


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> House:
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "aigc_tf", folder / "aigc_tf", ignore=shutil.ignore_patterns("__pycache__"))
    for script in ("train.py", "evaluate.py"):
        shutil.copy(ROOT / script, folder)
    for room, (line, longer) in NEWCOMERS.items():
        shutil.copytree(ROOT / "tests" / "house" / room, folder / "aigc_tf" / room, dirs_exist_ok=True)
        register = folder / "aigc_tf" / room / "__init__.py"
        text = register.read_text()
        assert text.count(line) == 1
        register.write_text(text.replace(line, longer))
    return House(folder)


@pytest.fixture(scope="module")
def trained(house) -> Path:
    """A run that stopped in between and went on, was judged, exported and verified."""
    quick = ("--no-evaluate", "--no-export")
    succeed(house.run("train.py", *SMALL, *OFTEN, *quick, "--name", "resumed", "--steps", 15))
    succeed(house.run("train.py", *SMALL, *OFTEN, *quick, "--name", "unbroken", "--steps", 40))
    said = succeed(house.run("train.py", "--resume", "logs/resumed", "--steps", 40, "--evaluate", "--export"))
    assert "going on from step 15" in said and "published: " in said
    return house.folder / "logs" / "resumed"


def test_its_flags_are_its_own(house):
    told = succeed(house.run("train.py", "--model", "toy", "--help"))
    assert "--noise-dim" in told and "--critic-steps" not in told and "toy-small" in told
    assert "--critic-steps" in refused(house.run("train.py", *SMALL, "--critic-steps", 2))
    assert "nothing but images can be augmented" in refused(house.run("train.py", *SMALL, "--flip", 0.5))
    assert "--noise-dim" not in succeed(house.run("train.py", "--help"))
    plan = succeed(house.run("train.py", *SMALL, "--dry-run"))
    assert re.search(r"maker +60 parameters", plan) and "ramps by chance" in plan


def test_it_is_resumed_bit_for_bit(house, trained):
    whole, parts = (checkpoint_tensors(trained.with_name(name)) for name in ("unbroken", "resumed"))
    assert whole.keys() == parts.keys() and len(whole) > 8
    for name, tensor in whole.items():
        np.testing.assert_array_equal(tensor, parts[name], err_msg=name)
    assert (trained / "samples" / "step-00000040.txt").read_text().count("\n") == 99
    assert not (trained / "curves.png").exists()  # it names no panels


def test_it_is_judged_by_the_measures_of_its_content(house, trained):
    record = json.loads((trained / "evaluation" / "40.json").read_text())
    assert {"fd_pixels", "kid_pixels", "precision"} <= record["measures"].keys()
    assert not record["warnings"]
    file = house.folder / "export.json"
    succeed(house.run("evaluate.py", trained / "export" / "ramps", "--json", file))
    again = json.loads(file.read_text())["measures"]
    assert again["fd_pixels"]["value"] == pytest.approx(record["measures"]["fd_pixels"]["value"], rel=1e-3)


def test_its_export_is_verified_and_says_what_it_offers(house, trained):
    version = trained / "export" / "ramps" / "1"
    promised = contract.of_export(version)
    assert set(promised.signatures) == {"serving_default", "sample", "louder", "measure", "contract"}
    assert promised.content == "signal" and promised.made == "signal"
    assert "is sound" in succeed(house.run("-m", "aigc_tf", "verify", version))
    file = version / contract.FILE
    kept = file.read_text()
    file.write_text(kept.replace('"maximum": 2.0', '"maximum": 3.0'))
    try:
        done = house.run("-m", "aigc_tf", "verify", version)
        assert done.returncode == 1 and "another contract than the one beside" in done.stdout
    finally:
        file.write_text(kept)


def test_it_is_not_explored_as_if_it_were_images(house, trained):
    assert "signals cannot be explored" in refused(house.run("-m", "aigc_tf", "explore", trained))
    file = house.folder / "one.txt"
    file.write_text("0")
    assert "signals cannot be projected" in refused(house.run("-m", "aigc_tf", "project", file, "--of", trained))


def test_it_is_served_and_generates_files(house, trained):
    command = [sys.executable, "-m", "aigc_tf", "serve", str(trained / "export" / "ramps")]
    server = subprocess.Popen(
        [*command, "--port", "0", "--grpc-port", "0"], cwd=house.folder, stdout=subprocess.PIPE, text=True
    )
    try:
        address = re.search(r"http://(\S+) ", server.stdout.readline())[1]
        asked = ("-m", "aigc_tf", "generate", "--server", address, "--model", "ramps", "--out", "out", "--count", 5)
        succeed(house.run(*asked))
        files = sorted((house.folder / "out").iterdir())
        assert [file.name for file in files] == [f"{seed:08d}.txt" for seed in range(5)]
        origin, values = files[0].read_text().splitlines()
        assert origin.startswith("generated by a machine-learning model with weights sha256:")
        assert len(values.split(",")) == 12
        conforms = house.run("-m", "aigc_tf", "conformance", address, "--model", "ramps", "--seconds", 1)
        assert conforms.returncode == 0, conforms.stdout + conforms.stderr
    finally:
        server.kill()
        server.wait(30)
