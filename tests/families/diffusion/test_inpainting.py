"""A part of an image made anew: against what is known of two numbers that go together, and what exports promise."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_diffusions import LABELLED, SHAPE, batch_of, config, created, train

from aigc_tf.families import signatures
from aigc_tf.families.diffusion import inpainting

# Two numbers, normally distributed about these means, as far as half, that go together so much.
MEANS, SPREAD, TOGETHER = np.array([0.2, -0.1], np.float32), 0.5, 0.9
COVARIANCE = SPREAD**2 * np.array([[1, TOGETHER], [TOGETHER, 1]], np.float32)


def velocity(states: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """The mean of content - noise, exactly."""
    noise = (1 - time) ** 2 * tf.eye(2)
    gain = tf.linalg.matmul(time * COVARIANCE - (1 - time) * tf.eye(2), tf.linalg.inv(time**2 * COVARIANCE + noise))
    return MEANS + tf.linalg.matmul(states - time * MEANS, gain, transpose_b=True)


def test_what_is_made_has_the_distribution_of_what_goes_with_what_is_kept():
    known, count = 0.7, 20_000
    content, mask = tf.tile([[known, 0.0]], [count, 1]), tf.constant([[0.0, 1.0]])

    def made(**changes) -> np.ndarray:
        in_graph = tf.function(lambda: inpainting.inpaint(velocity, content, mask, tf.constant(3, tf.int64), **changes))
        found = in_graph().numpy()
        assert (found[:, 0] == np.float32(known)).all()
        return found[:, 1]

    mean, deviation = MEANS[1] + TOGETHER * (known - MEANS[0]), SPREAD * np.sqrt(1 - TOGETHER**2)
    usual, once, often = made(), made(repeats=1), made(steps=32, repeats=24)
    assert abs(usual.mean() - mean) < 0.08 and usual.std() == pytest.approx(deviation, rel=0.08)
    assert abs(often.mean() - mean) < 0.02
    assert abs(once.mean() - mean) > 0.2 and once.std() > 1.4 * deviation  # why each step is made several times


@pytest.fixture(scope="module")
def model():
    """A few steps old, with weights stretched so that time, class and place all count."""
    model = train(created(config(conditional=True)), 2)
    for i, weight in enumerate(model.ema_flow.trainable_weights):
        weight.assign_add(tf.random.stateless_normal(weight.shape, [5, i], 0.0, 0.05))
    return model


def test_an_export_keeps_what_the_mask_leaves_out(model):
    promised, functions = signatures.build(model, "made by a test")
    signature, inpaint = promised.signatures["inpaint"], functions["inpaint"].get_concrete_function()
    assert signature.purpose == "inpaint" and signature.row_exact and list(signature.inputs)[0] == "seed"
    assert signature.inputs["mask"].row == (*SHAPE[:-1], 1)
    stored = model.spec.modality.graph.to_stored(tf.constant(batch_of(0, 4)["image"])).numpy()
    numbers = stored / np.float32(255)
    mask = np.zeros((4, *SHAPE[:-1], 1), np.float32)
    mask[:, :, 5:] = [[[[0.5]]], [[[1.0]]], [[[7.0]]], [[[1.0]]]]  # half or more is all
    mask[:, :, :5] = 0.49

    def files(**given) -> list[bytes]:
        rows = {
            "seed": np.array([1, 2, 3, 1]),
            "image": numbers,
            "mask": mask,
            "label": np.array([0, 1, -1, 0]),
            **given,
        }
        assert rows.keys() == signature.inputs.keys()
        (made,) = inpaint(**{name: tf.constant(each) for name, each in rows.items()}).values()
        return list(made.numpy())

    pngs = files()
    assert all(b"made by a test" in png for png in pngs)
    images = np.stack([np.asarray(Image.open(io.BytesIO(png))) for png in pngs])
    np.testing.assert_array_equal(images[:, :, :5], stored[:, :, :5, 0])
    assert (images[:, :, 5:] != stored[:, :, 5:, 0]).mean() > 0.9
    backwards = {"image": numbers[::-1], "mask": mask[::-1], "label": np.array([0, -1, 1, 0])}
    assert files(seed=np.array([1, 3, 2, 1]), **backwards)[::-1] == pngs
    for other in (files(seed=np.array([5, 6, 7, 8])), files(label=np.array([1, 2, 0, 2]))):
        assert all(one != two for one, two in zip(other, pngs))
    assert files(label=np.array([0, 1, len(LABELLED.class_names), 0])) == pngs  # no class is any class


def test_what_was_distilled_makes_no_parts(model, monkeypatch):
    assert created(config()).inpainter() is not None
    monkeypatch.setattr(model, "settings", dataclasses.replace(model.settings, distil=Path("teacher"), sampler="euler"))
    assert model.inpainter() is None and "inpaint" not in signatures.build(model)[0].signatures
