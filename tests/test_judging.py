"""Judging while a model trains: the same training, the best checkpoint, and what happens at a collapse."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import (
    TINY,
    assert_same_training,
    checkpoint_tensors,
    logged,
    refused,
    run,
    scalar_events,
    signal_when,
    succeed,
    train,
)

from aigc_tf.callbacks.judging import Judging
from aigc_tf.checkpoints import Checkpoints, load_model
from aigc_tf.errors import DivergedError
from aigc_tf.metrics.collapse import distance
from aigc_tf.run_folder import RunFolder

QUIET = ["--no-evaluate", "--no-export"]


def judgements(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "evaluation" / "during-training.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> Path:
    logs = tmp_path_factory.mktemp("judged")
    succeed(train(*TINY, "--steps", 40, "--evaluate-every", 8, "--logs", logs, "--name", "run", *QUIET))
    return logs / "run"


def test_judging_changes_nothing_in_training(judged, tmp_path):
    succeed(train(*TINY, "--steps", 40, "--logs", tmp_path, "--name", "unwatched", *QUIET))
    watched, unwatched = checkpoint_tensors(judged), checkpoint_tensors(tmp_path / "unwatched")
    assert watched.keys() == unwatched.keys()
    assert all((watched[name] == unwatched[name]).all() for name in watched)
    speed = "speed/images_per_second"
    lines, others = ([{**line, speed: 0} for line in logged(folder)] for folder in (judged, tmp_path / "unwatched"))
    assert lines == others


def test_figures_go_to_a_file_and_to_tensorboard(judged):
    lines = judgements(judged)
    assert [line["step"] for line in lines] == [8, 16, 24, 32, 40]
    events = {(tag, step): value for tag, step, value in scalar_events(judged)}
    for line in lines:
        assert events["evaluation/fd_lenet", line["step"]] == pytest.approx(line["measures"]["fd_lenet"], rel=1e-6)


def test_the_best_checkpoint_is_kept_and_can_be_judged_and_published(judged, tmp_path):
    best = min(judgements(judged), key=lambda line: distance(line["measures"]))["step"]
    assert [path.name for path in (judged / "checkpoints").glob("best-*.index")] == [f"best-{best}.index"]
    assert int(load_model(RunFolder.open(judged), "best").step.numpy()) == best
    succeed(run("evaluate.py", judged, "--step", "best", "--num-samples", 100))
    record = json.loads((judged / "evaluation" / f"{best}.json").read_text())
    assert record["subject"]["step"] == best
    published = succeed(run("-m", "aigc_tf", "export", judged, "--step", "best", "--to", tmp_path / "digits"))
    card = json.loads((tmp_path / "digits" / "1" / "assets.extra" / "model_card.json").read_text())
    assert card["step"] == best, published


def test_a_killed_run_makes_the_same_judgements(judged, tmp_path):
    """Killed behind a judgement that lies behind the last checkpoint: it and its best checkpoint are made again."""
    arguments = [*TINY, "--evaluate-every", 8, "--logs", tmp_path, "--name", "run", *QUIET, "--steps", 40]
    folder = tmp_path / "run"
    judged_to = folder / "evaluation" / "during-training.jsonl"
    signal_when(
        ["train.py", *arguments], signal.SIGKILL, lambda: judged_to.exists() and '"step": 16' in judged_to.read_text()
    )
    assert int(tf.train.latest_checkpoint(str(folder / "checkpoints")).rpartition("-")[2]) < 16
    succeed(train("--resume", folder))
    assert judgements(tmp_path / "run") == judgements(judged)
    assert_same_training(tmp_path / "run", judged)
    names = [sorted(path.name for path in (f / "checkpoints").glob("best-*")) for f in (tmp_path / "run", judged)]
    assert names[0] == names[1]


def test_the_bar_is_the_checkpoint_that_is_kept(tmp_path):
    """A best checkpoint that going back took away does not keep a worse one from being kept."""
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(1,))])
    model.step = tf.Variable(0, dtype=tf.int64)
    checkpoints = Checkpoints(tmp_path / "checkpoints", model, keep=1)
    checkpoints.save()
    distances = {1: 5.0, 2: 4.0, 3: 4.5, 4: 4.2, 5: 4.3}

    def judge() -> dict:
        return {"measures": {"fd_lenet": {"value": distances[int(model.step.numpy())]}}, "warnings": []}

    judging = Judging(judge, 1, "warn", tf.summary.create_noop_writer(), tmp_path / "judgements", checkpoints)
    judging.set_model(model)
    kept = []
    for step in distances:
        model.step.assign(step)
        if step in (1, 3):  # the start, and going on from step 0 after having been at step 2
            checkpoints.trim_best(0)
            judging.on_train_begin()
        judging.on_step(step, {})
        kept.append(checkpoints.best_step)
    assert kept == [1, 2, 3, 4, 4]


def test_weights_that_are_not_finite_are_a_divergence_and_no_mistake_of_a_person(tmp_path):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(1,))])
    model.step = tf.Variable(7, dtype=tf.int64)
    model.layers[0].kernel.assign([[np.inf]])
    checkpoints = Checkpoints(tmp_path, model, keep=1)
    judging = Judging(lambda: pytest.fail("judged"), 7, "warn", tf.summary.create_noop_writer(), tmp_path, checkpoints)
    with pytest.raises(DivergedError, match="not finite at step 7"):
        judging.on_step(7, {})


# Learning rates at which nothing is learned: after three judgements it makes one class.
HOPELESS = [
    *("--generator-learning-rate", "5", "--discriminator-learning-rate", "5", "--penalties"),
    *("--ema-half-life", "0", "--evaluate-every", "10"),
]


def test_a_collapse_is_warned_of_by_default(tmp_path):
    done = train(*TINY, *HOPELESS, "--steps", 40, "--logs", tmp_path, "--name", "run", *QUIET)
    succeed(done)
    assert "WARNING: the model seems to have collapsed at step 30: it makes" in done.stderr


def test_a_collapse_can_stop_training(tmp_path):
    done = train(*TINY, *HOPELESS, "--on-collapse", "stop", "--steps", 60, "--logs", tmp_path, "--name", "run")
    assert "collapsed at step 30" in refused(done, status=1)
    assert "The best checkpoint is of step" in done.stderr
    assert not (tmp_path / "run" / "export").exists()
    assert checkpoint_tensors(tmp_path / "run")  # saved, so that one can look


def test_a_collapse_can_make_the_best_checkpoint_the_result(tmp_path):
    done = train(*TINY, *HOPELESS, "--on-collapse", "best", "--steps", 60, "--logs", tmp_path, "--name", "run")
    printed = succeed(done)
    best = min(judgements(tmp_path / "run"), key=lambda line: distance(line["measures"]))["step"]
    assert f"the best checkpoint, of step {best}, is the result" in printed
    assert (tmp_path / "run" / "evaluation" / f"{best}.json").exists()
    (card,) = (tmp_path / "run" / "export").glob("*/1/assets.extra/model_card.json")
    assert json.loads(card.read_text())["step"] == best


def test_what_cannot_notice_a_collapse_is_refused():
    assert "give --evaluate-every" in refused(train(*TINY, "--on-collapse", "stop"))
