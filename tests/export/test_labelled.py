"""A run that learns labels, from the command line to a published version that takes them."""

from __future__ import annotations

import json

import numpy as np
import tensorflow as tf
from commands import TINY, run, succeed, train

from aigc_tf import contract


def test_a_conditional_run_publishes_signatures_that_take_labels(tmp_path):
    quick = ("--conditional", "--network", "mlp", "--steps", 12, "--no-evaluate")
    assert "published: " in succeed(train(*TINY, *quick, "--logs", tmp_path))
    (folder,) = tmp_path.iterdir()
    assert folder.name.endswith("-synthetic-mlp-non_saturating-conditional")
    assert (folder / "samples" / "step-00000010.png").is_file()
    version = folder / "export" / "synthetic" / "1"

    promised = contract.of_export(version)
    assert promised.class_names == ("disc", "ring", "square", "cross")
    card = json.loads((version / "assets.extra" / "model_card.json").read_text())
    assert card["data"]["class_names"] == ["disc", "ring", "square", "cross"]
    assert card["recipe"]["conditional"] is True

    files = tf.saved_model.load(str(version)).signatures["serving_default"]
    seeds = tf.constant([3, 3, 3, 3, 3, 3], tf.int64)
    answers = files(seed=seeds, label=tf.constant([0, 1, 2, 3, -1, 4], tf.int64))["image_bytes"].numpy()
    assert len({*answers[:4]}) == 4
    assert answers[4] == answers[5] and answers[4] in answers[:4]
    assert np.all(files(seed=seeds[:1], label=tf.constant([2], tf.int64))["image_bytes"] == answers[2])


def test_what_a_conditional_run_would_be():
    said = succeed(run("train.py", "--dataset", "synthetic", "--conditional", "--dry-run"))
    assert '"conditional": true' in said and "-synthetic-lean-non_saturating-conditional" in said
