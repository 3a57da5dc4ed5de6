"""Real short trainings through the real command: the records they leave, resuming, being stopped and being killed."""

from __future__ import annotations

import json
import random
import shlex
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import (
    TINY,
    assert_same_training,
    checkpoint_tensors,
    killed_behind,
    last_step,
    logged,
    refused,
    run,
    signal_when,
    succeed,
    train,
)

from aigc_tf.config import TrainConfig
from aigc_tf.session import steps_per_call

STEPS = 47
PLAIN = [*TINY, "--no-evaluate", "--no-export", "--steps", STEPS]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run that was never stopped."""
    logs = tmp_path_factory.mktemp("logs")
    done = train(*PLAIN, "--logs", logs, "--name", "whole", fresh=True)
    succeed(done)
    assert "Warning" not in done.stderr and "cuda" not in done.stderr.lower(), done.stderr
    return logs / "whole"


@pytest.fixture(scope="module")
def _short(tmp_path_factory) -> Path:
    logs = tmp_path_factory.mktemp("logs")
    succeed(train(*TINY, "--no-evaluate", "--no-export", "--steps", 20, "--logs", logs, "--name", "short"))
    return logs / "short"


@pytest.fixture
def short(_short, tmp_path) -> Path:
    """A copy of a run that ended with step 20, to be gone on with, or to be damaged."""
    return Path(shutil.copytree(_short, tmp_path / "short"))


def test_a_run_leaves_its_record(whole):
    config = json.loads((whole / "config.json").read_text())
    assert (config["steps"], config["latent_dim"], config["dataset"]) == (STEPS, 8, "synthetic")
    data = json.loads((whole / "data.json").read_text())
    assert data["num_examples"] == 2000 and data["fingerprint"].startswith("sha256:") and data["licence"]
    environment = json.loads((whole / "environment.json").read_text())
    assert environment["packages"]["tensorflow"] == tf.__version__
    assert [line["step"] for line in logged(whole)] == [*range(5, STEPS, 5), STEPS]
    steps = [int(path.stem[5:]) for path in sorted((whole / "samples").iterdir())]
    assert steps == [10, 20, 30, 40, STEPS]
    kept = sorted(path.stem for path in (whole / "checkpoints").glob("*.index"))
    assert kept == ["step-30", "step-40", f"step-{STEPS}"]


def test_curves_hold_what_was_promised(whole):
    line = logged(whole)[1]
    for name in ("loss/generator", "loss/discriminator", "loss/discriminator_adversarial", "penalty/r1"):
        assert np.isfinite(line[name]), name
    for name in ("logits/real", "logits/fake", "gradient_norm/generator", "gradient_norm/discriminator"):
        assert np.isfinite(line[name]), name
    for name in ("accuracy/real", "accuracy/fake", "accuracy/held_out"):
        assert 0 <= line[name] <= 1, name
    assert line["learning_rate/generator"] == pytest.approx(2e-3)
    assert line["speed/images_per_second"] > 0
    total = line["loss/discriminator_adversarial"]
    # Every fourth step adds four times the penalty, so over many steps the mean adds about the penalty once.
    assert line["loss/discriminator"] >= total


def test_tensorboard_reads_the_run(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole / "tensorboard"), size_guidance={"images": 0, "tensors": 0}).Reload()
    tags = set(events.Tags()["tensors"])
    for tag in ("real", "samples/averaged", "samples/raw", "samples/interpolation", "config", "loss/generator"):
        assert tag in tags, tags
    for name, value in logged(whole)[1].items():
        if name != "step":
            assert events.SummaryMetadata(name).plugin_data.plugin_name == "scalars"
            points = {point.step: tf.make_ndarray(point.tensor_proto) for point in events.Tensors(name)}
            assert points[10] == np.float32(value), name
    for network in ("generator", "discriminator"):
        weights = [tag for tag in tags if tag.startswith(f"{network}/")]
        assert weights, tags
        for tag in weights:
            assert events.SummaryMetadata(tag).plugin_data.plugin_name == "histograms"
            assert [event.step for event in events.Tensors(tag)] == [10, 20, 30, 40]
            assert tf.make_ndarray(events.Tensors(tag)[0].tensor_proto).shape == (30, 3)
    assert [event.step for event in events.Tensors("samples/averaged")] == [10, 20, 30, 40, STEPS]
    width, height, png = events.Tensors("samples/averaged")[0].tensor_proto.string_val
    image = tf.io.decode_png(png).numpy()
    assert image.shape == (10 * 18 + 2, 10 * 18 + 2, 1) == (int(height), int(width), 1)


def test_the_same_command_gives_the_same_model(whole, tmp_path):
    succeed(run("train.py", "--config", whole / "config.json", "--logs", tmp_path, "--name", "again", fresh=True))
    assert_same_training(whole, tmp_path / "again")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_goes_on_as_if_nothing_had_been(whole, tmp_path, number):
    folder = tmp_path / "it's stopped"
    arguments = ["train.py", *PLAIN, "--logs", tmp_path, "--name", folder.name]
    process = signal_when(arguments, number, lambda: last_step(folder) >= 5)
    assert process.returncode == 75, process.output
    assert f"stopped by {number.name} at step" in process.output
    stopped_at = int(np.max([int(path.stem[5:]) for path in (folder / "checkpoints").glob("*.index")]))
    assert 5 <= stopped_at < STEPS
    _, *go_on = shlex.split(process.output.rpartition("go on with: ")[2])
    assert go_on == ["train.py", "--resume", str(folder)]
    succeed(run(*go_on))
    assert_same_training(whole, folder)


def test_a_killed_run_goes_on_as_if_nothing_had_been(whole, tmp_path):
    """SIGKILL at several moments of one run, the saving of a checkpoint among them."""
    folder = tmp_path / "killed"
    arguments = ["train.py", *PLAIN, "--logs", tmp_path, "--name", "killed"]
    moments = random.Random(0)

    def saving() -> bool:
        return any((folder / "checkpoints").glob("step-10*"))

    for ready in (saving, lambda: last_step(folder) >= 10 + moments.randrange(25)):
        process = signal_when(arguments, signal.SIGKILL, ready)
        assert process.returncode == -signal.SIGKILL
        arguments = ["train.py", "--resume", folder]
    succeed(run(*arguments))
    assert_same_training(whole, folder)


def test_a_longer_budget_prolongs_a_run(whole, tmp_path):
    """The records of the end that no longer is one, off the regular steps, are gone."""
    short = [*TINY, "--no-evaluate", "--no-export", "--steps", 13, "--logs", tmp_path, "--name", "prolonged"]
    succeed(train(*short))
    assert last_step(tmp_path / "prolonged") == 13
    succeed(train("--resume", tmp_path / "prolonged", "--steps", STEPS))
    assert_same_training(whole, tmp_path / "prolonged")


def test_a_run_killed_before_its_first_checkpoint_begins_anew(whole, tmp_path):
    folder = tmp_path / "young"
    arguments = ["train.py", *PLAIN, "--logs", tmp_path, "--name", "young"]
    signal_when(arguments, signal.SIGKILL, lambda: (folder / "config.json").exists())
    assert not any((folder / "checkpoints").glob("*.index"))
    assert "has no checkpoint yet" in refused(run("evaluate.py", folder))
    succeed(train("--resume", folder))
    assert_same_training(whole, folder)


def test_a_finished_run_is_not_trained_further(short, tmp_path):
    clock = ["--minutes", 0.1, "--logs", tmp_path, "--name", "clock"]
    assert "trained to step" in succeed(train(*TINY, "--no-evaluate", "--no-export", *clock))
    for folder in (short, tmp_path / "clock"):
        before = checkpoint_tensors(folder)
        assert "nothing left to train" in succeed(train("--resume", folder))
        for key, tensor in checkpoint_tensors(folder).items():
            np.testing.assert_array_equal(tensor, before[key])
    newest = tf.train.latest_checkpoint(str(tmp_path / "clock" / "checkpoints"))
    assert 6 <= tf.train.load_checkpoint(newest).get_tensor("seconds/.ATTRIBUTES/VARIABLE_VALUE") < 30


def test_a_damaged_checkpoint_falls_back_to_the_one_before(whole, short):
    newest = short / "checkpoints" / "step-20.data-00000-of-00001"
    newest.write_bytes(newest.read_bytes()[:1000])
    done = train("--resume", short, "--steps", STEPS)
    succeed(done)
    assert "step-20 is damaged" in done.stderr
    assert_same_training(whole, short)


def test_a_lost_index_of_checkpoints_is_made_anew(whole, short):
    (short / "checkpoints" / "checkpoint").unlink()
    done = train("--resume", short, "--steps", STEPS)
    assert "going on from step 20" in succeed(done) and "lost its index" in done.stderr
    assert_same_training(whole, short)


def test_a_trained_run_without_checkpoints_is_not_begun_anew(short):
    for file in (short / "checkpoints").iterdir():
        file.unlink()
    before = (short / "metrics.jsonl").read_text()
    assert "checkpoints are gone" in refused(train("--resume", short, "--steps", 30))
    assert (short / "metrics.jsonl").read_text() == before


def test_dropout_critic_steps_augmentation_and_replicas_resume_exactly(tmp_path):
    """Stopped between two points of the curves, so that half a mean has to be saved and restored on both replicas."""
    options = ["--network", "dcgan", "--critic-steps", 2, "--replicas", 2, "--spectral-norm", "--log-every", 4]
    options += ["--augment", "ada", "--flip", 0.5, "--penalties"]
    quick = [*TINY, "--no-evaluate", "--no-export", *options, "--checkpoint-every", 3]
    succeed(train(*quick, "--steps", 8, "--logs", tmp_path, "--name", "whole"))
    succeed(train("--resume", killed_behind(3, tmp_path / "whole", tmp_path / "parts")))
    assert any("calls" in name for name in checkpoint_tensors(tmp_path / "whole"))
    assert_same_training(tmp_path / "whole", tmp_path / "parts")


def test_training_images_are_augmented(short, tmp_path):
    succeed(train(*PLAIN[:-2], "--steps", 5, "--flip", 1, "--logs", tmp_path, "--name", "mirrored"))
    mirrored, plain = logged(tmp_path / "mirrored")[0], logged(short)[0]
    assert mirrored["step"] == plain["step"] == 5 and mirrored["logits/real"] != plain["logits/real"]


def test_a_second_trainer_in_one_folder_is_refused(short):
    from aigc_tf.run_folder import RunFolder

    with RunFolder.open(short).lock():
        assert "another process" in refused(train("--resume", short, "--steps", 30))


@pytest.mark.parametrize(
    "changes, first_step, steps",
    [({}, 0, 10), ({}, 500, 10), ({}, 484, 2), ({"log_every": 7}, 0, 1), ({"evaluate_every": 15}, 0, 5)],
)
def test_a_call_never_passes_a_step_at_which_something_happens(changes, first_step, steps):
    assert steps_per_call(TrainConfig.of(**changes), first_step) == steps
