"""What holds for every family, by the commands: exact resumes, divergence, labels, judging, export and serving.

The first family has the same in more depth in files of its own (test_training, test_faults, test_conditional_runs).
"""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import (
    ROOT,
    assert_same_training,
    killed_behind,
    last_step,
    logged,
    random_images,
    refused,
    run,
    signal_when,
    succeed,
    train,
)
from PIL import Image

from aigc_tf import contract
from aigc_tf.families import FAMILIES
from aigc_tf.serving import contract_checks
from aigc_tf.serving.server_under_test import Broken, Server

STEPS = 25
# What makes a family's steps take milliseconds.
SMALL: dict[str, list[object]] = {
    "vae": ["--network", "keras", "--latent-dim", 4, "--importance-samples", 2],
    "diffusion": ["--base-channels", 4, "--sampling-steps", 2],
}
# With what a family's losses overflow, at an eighth of this learning rate, too.
HOPELESS: dict[str, list[object]] = {
    "vae": ["--optimizer", "rmsprop", "--learning-rate", 10],
    "diffusion": ["--optimizer", "adamw", "--learning-rate", 10, "--data-std", 0.001],
}
COMMON = [
    *("--dataset", "synthetic", "--global-batch-size", 8, "--log-every", 5, "--sample-every", 10),
    *("--histogram-every", 10, "--checkpoint-every", 10, "--flip", 0.5, "--rotate", 0.2),
]
QUICK = ["--no-evaluate", "--no-export"]
# What TensorBoard shows of a family and of no other, and how.
WATCHED = {"vae": {"kl_per_unit": "histograms", "reconstructions": "images", "samples/traversals": "images"}}


@pytest.fixture(scope="module", params=[name for name in FAMILIES if name != "gan"])
def family(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def small(family) -> list[object]:
    """Flags of a run of a second."""
    return ["--model", family, *SMALL.get(family, []), *COMMON]


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory) -> Path:
    """A run with labels that was never stopped, and was exported."""
    logs = tmp_path_factory.mktemp("logs")
    settings = [*small, "--no-evaluate", "--conditional", "--steps", STEPS]
    succeed(train(*settings, "--logs", logs, "--name", "whole"))
    return logs / "whole"


def test_a_prolonged_and_killed_run_goes_on_as_if_nothing_had_been(small, whole, tmp_path):
    folder = tmp_path / "parts"
    succeed(train(*small, *QUICK, "--conditional", "--steps", 13, "--logs", tmp_path, "--name", folder.name))
    longer = ["train.py", "--resume", folder, "--steps", STEPS]
    process = signal_when(longer, signal.SIGKILL, lambda: last_step(folder) >= 15)
    assert process.returncode == -signal.SIGKILL
    succeed(run(*longer))
    assert_same_training(whole, folder)


def test_what_a_run_records(family, whole):
    assert [line["step"] for line in logged(whole)] == [*range(5, STEPS + 1, 5)]
    shown = {name for names in FAMILIES[family].curves.values() for name in names}
    assert shown <= {name for line in logged(whole) for name in line} and (whole / "curves.png").exists()
    assert {path.name for path in (whole / "samples").iterdir()} >= {"step-00000010.png", f"step-000000{STEPS}.png"}
    report = (whole / "report.html").read_text()
    read = "".join(ElementTree.fromstring(report).itertext())
    curves = [title[0].upper() + title[1:] for title in FAMILIES[family].curves]
    told = ["From one image to another", "Serve it: model synthetic, version 1", *curves]
    assert [each for each in told if each not in read] == []
    assert """--data '{"inputs": {"seed": [7], "label": [-1]}}'""" in read


def test_tensorboard_reads_what_is_watched(family, whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole / "tensorboard"), size_guidance={"tensors": 0}).Reload()
    plugins = {tag: events.SummaryMetadata(tag).plugin_data.plugin_name for tag in events.Tags()["tensors"]}
    pictures = dict.fromkeys(("samples/averaged", "samples/interpolation"), "images")
    curves = dict.fromkeys((name for names in FAMILIES[family].curves.values() for name in names), "scalars")
    assert {**pictures, **curves, **WATCHED.get(family, {})}.items() <= plugins.items()
    for name in WATCHED.get(family, {}):
        assert {event.step for event in events.Tensors(name)} >= {10, 20}, name


def test_it_is_judged_by_all_that_can_be_said_of_it(whole):
    succeed(run("evaluate.py", whole, "--num-samples", 400))
    record = json.loads((whole / "evaluation" / f"{STEPS}.json").read_text())
    assert {"fd_lenet", "label_accuracy", "fd_within_class_lenet", "memorised_share"} <= record["measures"].keys()
    assert not any("was not measured" in warning for warning in record["warnings"])
    assert (whole / "evaluation" / str(STEPS) / "report.html").exists()


def test_the_bound_that_papers_report(family, whole):
    done = run("-m", "benchmarks.likelihood", whole, "--samples", 16, "--images", 4)
    if family == "vae":
        assert re.search(r"^bound_bernoulli -\d+\.\d+ \(.*16 latents", succeed(done), re.MULTILINE)
    else:
        assert done.returncode == 2 and "knows no bound on the likelihood of images" in done.stderr


def test_it_is_explored_as_far_as_its_contract_goes(family, whole, tmp_path):
    succeed(run("-m", "aigc_tf", "explore", whole, "--class", "ring", "--out", tmp_path / "out"))
    made = {path.name for path in (tmp_path / "out").iterdir()}
    text = (tmp_path / "out" / "index.html").read_text()
    succeed(run("-m", "aigc_tf", "generate", whole, "--count", 1, "--class", "ring", "--out", tmp_path))
    project = ("-m", "aigc_tf", "project", tmp_path / "00000000-1.png", "--of", whole, "--out", tmp_path / "found")
    if "decode" in contract.of_export(whole / "export" / "synthetic" / "1").signatures:
        assert {"walk.gif", "walk.webp", "direction-4.png"} <= made
        succeed(run(*project))
        told = json.loads((tmp_path / "found" / "projection.json").read_text())
        assert told["distance"] < told["distance_of_random_vectors"] and told["class"] in (
            "disc",
            "ring",
            "square",
            "cross",
        )
    else:
        assert made == {"index.html", "sweep-guidance.png"} and "makes nothing of vectors" in text
        assert "makes nothing of vectors" in refused(run(*project))


def test_divergence_is_noticed_and_rollbacks_are_bounded(family, small, tmp_path):
    hopeless = [*HOPELESS.get(family, ["--learning-rate", 10]), "--steps", 15, "--on-divergence", "rollback"]
    done = train(*small, *QUICK, *hopeless, "--logs", tmp_path, "--name", "run")
    assert "diverged: " in refused(done, status=1) and "after 3 rollbacks" in refused(done, status=1)
    assert (tmp_path / "run" / "checkpoints" / "step-0.index").exists()


def test_colour_pictures_of_ones_own_on_replicas_in_bfloat16(family, tmp_path):
    """All that widens a run at once, and exact resuming with it, between two points of the curves, so that half a mean
    has to be saved and restored on both replicas."""
    images = tmp_path / "own"
    random_images(images, (9, 12, 3), cat=20, dog=20)
    logs = tmp_path / "logs"
    wide = ["--replicas", 2, "--mixed-precision", "--dataset", f"folder:{images}", "--image-size", 8, "--conditional"]
    begin = ["--model", family, *SMALL.get(family, []), *COMMON, *wide, *QUICK, "--checkpoint-every", 4]
    succeed(train(*begin, "--steps", 16, "--logs", logs, "--name", "whole"))
    succeed(train("--resume", killed_behind(12, logs / "whole", logs / "parts")))
    assert_same_training(logs / "whole", logs / "parts")
    made = tmp_path / "made"
    succeed(run("-m", "aigc_tf", "generate", logs / "whole", "--count", 2, "--label", "dog", "--out", made))
    for path in made.glob("*.png"):
        with Image.open(path) as picture:
            assert (picture.mode, picture.size) == ("RGB", (8, 8))
    assert len(list(made.glob("*.png"))) == 2


@dataclasses.dataclass(frozen=True)
class Spoiled(Server):
    """A server that is asked for another part than it was told, which `spoil` makes of the inputs."""

    spoil: Callable[[dict], dict] = dict

    def columns(self, signature, inputs, version=None):
        return super().columns(signature, self.spoil(inputs) if signature == "inpaint" else inputs, version)


# How it may be wrong, and what is then said.
WRONG_PARTS = {
    "changes what was to be kept": lambda inputs: {**inputs, "mask": np.ones_like(inputs["mask"]).tolist()},
    "the seeds 1 and 2 make the same part": lambda inputs: {**inputs, "mask": np.zeros_like(inputs["mask"]).tolist()},
    "a row looks different among 2": lambda inputs: {
        **inputs,
        "seed": [len(inputs["seed"]) + seed for seed in inputs["seed"]],
    },
}


def test_its_export_is_served_as_its_contract_says(family, whole, tmp_path):
    base = whole / "export" / "synthetic"
    promised = contract.of_export(base / "1")
    assert promised.class_names and "label" in promised.signatures["serving_default"].inputs
    command = [sys.executable, "-m", "aigc_tf", "serve", str(base), "--port", "0", "--grpc-port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = server.stdout.readline()
        rest, grpc = re.search(r"http://(\S+) .* grpc://(\S+)", line).groups()
        asked = ["--server", rest, "--model", "synthetic", "--out", tmp_path / "out", "--count", 3]
        succeed(run("-m", "aigc_tf", "generate", *asked, "--class", "ring"))
        assert len(list((tmp_path / "out").glob("*.png"))) == 3
        own = tmp_path / "own"
        succeed(run("-m", "aigc_tf", "generate", base, "--out", own, "--count", 3, "--label", "ring"))
        for path in own.iterdir():
            assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()
        assert len(list(own.iterdir())) == 3
        told = succeed(
            run("-m", "aigc_tf", "conformance", rest, "--model", "synthetic", "--grpc", grpc, "--seconds", 0.2)
        )
        assert "pass  " in told and "FAIL" not in told
        assert ("inpaint" in promised.signatures) == (family == "diffusion")
        if family == "diffusion":
            assert "pass  What makes a part of given content anew keeps the rest" in told
            for fault, spoil in WRONG_PARTS.items():
                with pytest.raises(Broken, match=fault):
                    contract_checks.kept_parts_stay(Spoiled(rest, "synthetic", spoil=spoil))
    finally:
        server.kill()
        server.wait(30)
        server.stdout.close()
