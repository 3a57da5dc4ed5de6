"""Judging a run through the command, and what its record says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import TINY, refused, run, succeed, train

from aigc_tf import evaluator
from aigc_tf.checkpoints import load_model
from aigc_tf.metrics.evidence import Evidence
from aigc_tf.run_folder import RunFolder


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    logs = tmp_path_factory.mktemp("logs")
    succeed(train(*TINY, "--steps", 20, "--logs", logs, "--name", "run", "--no-evaluate", "--no-export"))
    return logs / "run"


def test_it_prints_a_table_and_writes_a_record(trained):
    printed = succeed(run("evaluate.py", trained, "--num-samples", 500))
    record = json.loads((trained / "evaluation" / "20.json").read_text())
    for name in ("fd_lenet", "classifier_score", "class_coverage", "discriminator_accuracy"):
        assert name in printed
        assert np.isfinite(record["measures"][name]["value"])
    fd, score = record["measures"]["fd_lenet"], record["measures"]["classifier_score"]
    assert fd["value"] > 5 * fd["reference"] > 0  # twenty steps are far from real images
    assert 1 <= score["value"] < score["reference"] <= 4
    assert record["extractor"]["hash"].startswith("sha256:")
    assert (record["num_generated"], record["num_real"], record["weights"]) == (500, 500, "ema")
    assert "fid" not in printed.lower()


def test_same_run_same_figures(trained):
    def figures() -> dict:
        return evaluator.evaluate(RunFolder.open(trained), num_samples=300, say=lambda _: None)["measures"]

    assert figures() == figures()


def test_other_seeds_other_figures(trained):
    one, other = (evaluator.evaluate(RunFolder.open(trained), num_samples=300, seed=s)["measures"] for s in (0, 1))
    assert one["fd_lenet"]["value"] != other["fd_lenet"]["value"]
    assert one["fd_lenet"]["reference"] == other["fd_lenet"]["reference"]


def test_an_earlier_step_can_be_judged(trained):
    record = evaluator.evaluate(RunFolder.open(trained), step=10, num_samples=100)
    assert record["step"] == 10
    assert (trained / "evaluation" / "10.json").exists()


def test_generated_images_do_not_depend_on_their_number(trained):
    model = load_model(RunFolder.open(trained))
    few, many = evaluator.generate(model, 3, 0), evaluator.generate(model, 600, 0)
    assert many.dtype == np.uint8 and many.shape == (600, 16, 16, 1)
    assert np.abs(few.astype(int) - many[:3]).max() <= 1  # sums of other batches may round to the next level
    assert len(np.unique(many.reshape(600, -1), axis=0)) > 500


def test_real_images_judged_as_generated_reach_the_floor(trained, monkeypatch):
    """The judge itself: training images in place of generated ones score what it calls the floor, about."""
    from aigc_tf.datasets import DATASETS

    images = DATASETS["synthetic"](None).train_images
    monkeypatch.setattr(evaluator, "generate", lambda model, count, seed: images[-count:])
    fd = evaluator.evaluate(RunFolder.open(trained), num_samples=1000)["measures"]["fd_lenet"]
    assert fd["value"] < 3 * fd["reference"]


def test_what_cannot_be_judged_is_refused(trained, tmp_path):
    assert "2 to 2000" in refused(run("evaluate.py", trained, "--num-samples", 1))
    assert "no run folder" in refused(run("evaluate.py", tmp_path))
    assert "step 7; it has 0, 10, 20" in refused(run("evaluate.py", trained, "--step", 7))
    empty = Path(shutil.copytree(trained, tmp_path / "empty"))
    shutil.rmtree(empty / "checkpoints")
    assert "no checkpoint yet" in refused(run("evaluate.py", empty))


def test_a_model_without_discriminator_is_judged_by_the_other_measures(trained):
    """Evidence may lack logits; the evaluator's record then says so instead of inventing figures."""
    from aigc_tf.metrics.evidence import Observations
    from aigc_tf.metrics.judge import judge

    rows = np.random.default_rng(0).normal(size=(50, 4))
    shares = np.full((50, 2), 0.5)
    seen = Observations(features=rows, probabilities=shares)
    judgement = judge(Evidence(real=seen, generated=seen, training=seen))
    assert "discriminator_accuracy" not in judgement.figures
    assert any("discriminator" in sentence for sentence in judgement.skipped)
