"""Few steps from many: what a student is to learn, and a run that begins with another's."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import mixtures
import numpy as np
import pytest
import tensorflow as tf
from commands import assert_same_training, checkpoint_tensors, killed_behind, refused, succeed, train
from mixtures import DATA_STD, SHAPE, SIZE
from small_diffusions import SPEC, config, created

from aigc_tf.families.diffusion import distillation, flow, sampling

TINY = (
    "--model",
    "diffusion",
    "--dataset",
    "synthetic",
    "--base-channels",
    4,
    "--global-batch-size",
    8,
    "--no-evaluate",
    "--no-export",
)
OFTEN = ("--log-every", 2, "--sample-every", 4, "--histogram-every", 4, "--checkpoint-every", 2)
IN_TWO = ("--sampler", "euler", "--sampling-steps", 2)


def test_each_step_begins_as_often_as_the_others():
    evenly = flow.spread_evenly(tf.random.stateless_uniform([60], [1, 2]))
    times, counts = np.unique(distillation.begins(evenly, 3), return_counts=True)
    np.testing.assert_allclose(times, [0, 1 / 3, 2 / 3], atol=1e-6)
    assert (counts == 20).all() and float(distillation.begins(tf.constant([1.0]), 2)[0]) == 0.5


def test_a_step_leads_where_the_teacher_goes():
    content, _ = mixtures.draw(60, seed=2)
    times = tf.repeat(tf.constant([0.0, 0.5]), 30)
    states = flow.between(content, tf.random.stateless_normal(content.shape, [3, 3]), times)
    asked = tf.function(lambda: distillation.wanted(mixtures.network, states, times, None, DATA_STD, 2))()

    def exact(state: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        flat = mixtures.velocity(tf.reshape(state, [-1, SIZE]), times + share / 2, mixtures.shares(1))
        return tf.reshape(flat, [-1, *SHAPE]) / 2

    ends = tf.function(lambda: sampling.integrate("heun", exact, states, sampling.even_times(200)))()
    of_student, of_teacher = (np.std(states + step - ends) for step in (asked / 2, exact(states, tf.constant(0.0))))
    assert of_student < 0.25 * of_teacher, (of_student, of_teacher)


def test_a_student_comes_to_make_in_two_steps_what_its_teacher_makes_in_many():
    """Nearer to it than its teacher comes in two steps; the teacher is the exact one of the mixture."""
    settings = config(sampler="euler", distil=Path("a teacher"), global_batch_size=32, learning_rate=5e-3)
    model = created(settings, spec=dataclasses.replace(SPEC, shape=SHAPE), eager=False)
    model.teacher = mixtures.network
    noise = tf.random.stateless_normal([64, *SHAPE], [5, 5])

    def exact(state: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
        return flow.velocity(mixtures.network, state, tf.fill([64], time), None, DATA_STD)

    def made(sampler: str, steps: int) -> tf.Tensor:
        return tf.function(lambda: sampling.integrate(sampler, exact, noise, sampling.even_times(steps)))()

    images, in_two = made("heun", 200), made("euler", 2)

    def apart() -> float:
        return float(np.std(sampling.of_noise(model.flow, noise, None, model.settings, None) - images))

    before = apart()
    content, _ = mixtures.draw(32 * 400, seed=4)
    model.fit(tf.data.Dataset.from_tensor_slices({"image": content}).batch(32), verbose=0)
    assert apart() < 0.5 * np.std(in_two - images) < before, (before, apart(), np.std(in_two - images))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> Path:
    logs = tmp_path_factory.mktemp("logs")
    succeed(train(*TINY, *OFTEN, "--steps", 2, "--logs", logs, "--name", "teacher"))
    return logs / "teacher"


def test_a_student_begins_as_its_teacher_and_goes_on_without_it(teacher, tmp_path):
    kept = Path(shutil.copytree(teacher, tmp_path / "the [old] teacher"))
    begin = (*TINY, *OFTEN, *IN_TWO, "--distil", kept, "--logs", tmp_path)
    succeed(train(*begin, "--steps", 4, "--name", "whole"))
    parts = killed_behind(2, tmp_path / "whole", tmp_path / "parts")
    first = tf.train.load_checkpoint(str(tmp_path / "whole" / "checkpoints" / "step-0"))
    for name, tensor in checkpoint_tensors(teacher).items():
        if name.startswith("model/ema_flow/"):
            for network in ("ema_flow", "flow", "teacher"):
                np.testing.assert_array_equal(first.get_tensor(name.replace("ema_flow", network)), tensor)
    assert "it was distilled" in refused(train("--from", tmp_path / "whole", "--logs", tmp_path / "logs"))
    shutil.rmtree(kept)
    line = refused(train("--resume", parts, "--sampling-steps", 4))
    assert "sampling_steps is 2" in line and "cannot become 4" in line
    succeed(train("--resume", parts))
    assert_same_training(tmp_path / "whole", parts)


def test_teachers_that_cannot_be_had_are_told_in_a_sentence(teacher, tmp_path):
    begin = (*TINY, *OFTEN, *IN_TWO, "--logs", tmp_path)
    assert "has no checkpoint to learn from" in refused(train(*begin, "--distil", tmp_path / "none"))
    other = refused(train(*begin, "--distil", teacher, "--conditional"))
    assert f"{teacher} holds no diffusion model of the same network" in other
    assert not any(tmp_path.iterdir())
    assert len(other.splitlines()) == 1
    deeper = refused(train(*begin, "--distil", teacher, "--data-std", 0.3))
    assert f"{teacher} was trained with data_std 0.5, not 0.3: give --data-std 0.5 too" in deeper
    wrong = refused(train(*TINY, "--distil", teacher))
    assert "distil learns the steps of the sampler euler, but sampler is heun" in wrong
