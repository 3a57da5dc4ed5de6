"""Augmentations: closed forms, exactness where pixels are whole, gradients, rows by themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.parts.augmentations import CHANGES, MOVES, applying
from aigc_tf.parts.augmentations.matrices import affine, after
from aigc_tf.parts.augmentations.resampling import resample

NAMES = (*MOVES, *CHANGES)
BY = {"rotate": 40.0, "shift": 0.3, "zoom": 0.5, "crop": 0.4, "colour": 0.5, "cutout": 0.5}
SHAPES = [(9, 12, 1), (8, 8, 3), (11, 8, 4)]
NEAR_ONE = np.nextafter(np.float32(1), np.float32(0))


def images(rows: int, shape=(9, 12, 1)) -> tf.Tensor:
    return tf.random.stateless_uniform([rows, *shape], [3, 4], -1.0, 1.0)


def numbers(*values: float) -> tf.Tensor:
    return tf.constant([values], tf.float32)


def moved(name: str, given: tf.Tensor, uniform: tf.Tensor, by: float) -> np.ndarray:
    return resample(given, MOVES[name](uniform, by, tuple(given.shape[1:3]))).numpy()


def strengths(probability: float | tf.Tensor) -> dict[str, applying.Strength]:
    return {name: applying.Strength(probability, BY.get(name, 0.0)) for name in NAMES}


def test_the_identity_changes_no_bit():
    given = images(3)
    np.testing.assert_array_equal(resample(given, affine([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], given[:, 0, 0, 0])), given)


@pytest.mark.parametrize("name, axis", [("flip", 2), ("flip_vertical", 1)])
def test_a_flip_is_exact_and_twice_is_nothing(name, axis):
    given = images(2, (9, 12, 3))
    once = moved(name, given, tf.zeros([2, 3]), 0.0)
    np.testing.assert_array_equal(once, np.flip(given, axis))
    np.testing.assert_array_equal(moved(name, tf.constant(once), tf.zeros([2, 3]), 0.0), given)


@pytest.mark.parametrize("uniform, right, down", [((0.0, 0.0), -3, -2), ((0.5, 0.5), 0, 0), ((NEAR_ONE, 0.3), 3, -1)])
def test_a_shift_is_of_whole_pixels_and_shows_the_mirror_image_beyond_the_border(uniform, right, down):
    given = images(1, (8, 12, 3))
    padded = np.pad(given, [(0, 0), (3, 3), (3, 3), (0, 0)], mode="symmetric")
    expected = padded[:, 3 - down : 11 - down, 3 - right : 15 - right]
    np.testing.assert_array_equal(moved("shift", given, numbers(*uniform, 0.0), 0.25), expected)


def test_a_shift_takes_each_number_of_pixels_as_often():
    uniform = tf.random.stateless_uniform([7000, 3], [0, 0])
    right = np.rint(MOVES["shift"](uniform, 0.25, (8, 12))[:, 0, 2].numpy()).astype(int)
    counts = np.bincount(right + 3)
    assert len(counts) == 7 and np.abs(counts - 1000).max() < 120


@pytest.mark.parametrize("uniform, turns", [(0.0, 3), (NEAR_ONE, 1)])
def test_a_quarter_turn_is_rot90(uniform, turns):
    given = images(2, (8, 8, 3))
    turned = moved("rotate", given, tf.fill([2, 3], uniform), 90.0)
    expected = np.rot90(given, turns, (1, 2))
    np.testing.assert_allclose(turned, expected, atol=1e-5)


def test_a_half_turn_of_an_oblong_is_two_flips():
    given = images(1, (8, 13, 1))
    np.testing.assert_allclose(moved("rotate", given, numbers(0, 0, 0), 180.0), given[:, ::-1, ::-1], atol=1e-5)


def test_zooming_out_by_two_puts_mirror_images_around_the_image():
    """Of a ramp every pixel is what a straight line gives, and the corners repeat what is inside."""
    ramp = tf.broadcast_to(tf.range(16, dtype=tf.float32)[None, None, :, None], [1, 16, 16, 1])
    smaller = moved("zoom", ramp, numbers(0, 0, 0), 1.0)[0, 8, :, 0]
    np.testing.assert_allclose(smaller[4:12], np.arange(8) * 2 + 0.5, atol=1e-4)
    np.testing.assert_allclose(smaller[:4], smaller[4:8][::-1], atol=1e-4)
    larger = moved("zoom", ramp, numbers(NEAR_ONE, 0, 0), 1.0)[0, 8, :, 0]
    np.testing.assert_allclose(larger, 7.5 + (np.arange(16) - 7.5) / 2, atol=1e-4)


@pytest.mark.parametrize("place, first", [(0.0, -0.25), (0.5, 3.75), (NEAR_ONE, 7.75)])
def test_a_crop_shows_a_part_and_nothing_beyond(place, first):
    ramp = tf.broadcast_to(tf.range(16, dtype=tf.float32)[None, None, :, None], [1, 16, 16, 1])
    part = moved("crop", ramp, numbers(NEAR_ONE, place, 0.5), 0.5)[0, 8, :, 0]
    np.testing.assert_allclose(part, np.clip(first + np.arange(16) / 2, 0, 15), atol=1e-4)


def test_one_map_after_another_is_their_product():
    uniform = tf.random.stateless_uniform([5, 3], [1, 1])
    first, second = MOVES["rotate"](uniform, 70.0, (8, 8)), MOVES["crop"](uniform, 0.7, (8, 8))
    whole = [np.concatenate([each, np.broadcast_to([[[0, 0, 1.0]]], [5, 1, 3])], 1) for each in (first, second)]
    np.testing.assert_allclose(after(first, second), (whole[1] @ whole[0])[:, :2], atol=1e-6)


def test_brightness_contrast_and_saturation():
    given = images(1, (8, 9, 3)).numpy()
    neutral = (0.5, 0.5, 0.5)
    np.testing.assert_allclose(CHANGES["colour"](given, numbers(*neutral), 0.5), given, atol=1e-6)
    np.testing.assert_allclose(CHANGES["colour"](given, numbers(0.75, 0.5, 0.5), 0.5), given + 0.25, atol=1e-6)
    middle = given.mean()
    contrast = CHANGES["colour"](given, numbers(0.5, 0.0, 0.5), 0.5)
    np.testing.assert_allclose(contrast, middle + (given - middle) / 2, atol=1e-6)
    grey = CHANGES["colour"](given, numbers(0.5, 0.5, 0.0), 0.5)
    np.testing.assert_allclose(grey, np.repeat(given.mean(-1, keepdims=True), 3, -1), atol=1e-6)


def test_grey_images_have_no_saturation_and_transparency_stays():
    uniform = numbers(0.2, 0.9, 0.1)
    one = images(1, (8, 8, 1))
    three = CHANGES["colour"](tf.repeat(one, 3, -1), uniform, 0.5)
    np.testing.assert_allclose(CHANGES["colour"](one, uniform, 0.5), three[..., :1], atol=1e-6)
    four = images(1, (8, 8, 4))
    changed = CHANGES["colour"](four, uniform, 0.5)
    np.testing.assert_array_equal(changed[..., 3], four[..., 3])
    np.testing.assert_array_equal(changed[..., :3], CHANGES["colour"](four[..., :3], uniform, 0.5))


def test_a_cutout_is_a_rectangle_of_middle_grey():
    given = tf.ones([2, 8, 12, 3])
    covered = CHANGES["cutout"](given, tf.constant([[0.5, 0.5, 0.0], [0.0, 0.999, 0.0]]), 0.5).numpy()
    expected = np.ones([2, 8, 12, 3], np.float32)
    expected[0, 2:6, 3:9] = expected[1, :2, 8:] = 0.0
    np.testing.assert_array_equal(covered, expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_each_changes_images_and_keeps_their_form(name, shape):
    given = images(40, shape)
    uniform = applying.draw([40], tf.constant([5, 6], tf.int64))
    only = {name: applying.Strength(0.5, BY.get(name, 0.0))}
    changed = applying.apply(given, only, uniform)
    assert changed.shape == given.shape and changed.dtype == tf.float32 and np.isfinite(changed).all()
    same = (changed.numpy() == given.numpy()).all((1, 2, 3))
    assert 8 < same.sum() < 32  # half of them; a shift or so may be by nothing


@pytest.mark.parametrize("probability", [0.0, tf.constant(0.0)], ids=["number", "tensor"])
def test_a_probability_of_0_changes_no_bit(probability):
    given = images(16, (9, 12, 3))
    uniform = applying.draw([16], tf.constant([5, 6], tf.int64))
    np.testing.assert_array_equal(applying.apply(given, strengths(probability), uniform), given)


def test_what_is_off_leaves_no_trace_in_a_graph():
    @tf.function
    def nothing(given, uniform):
        return applying.apply(given, strengths(0.0), uniform)

    graph = nothing.get_concrete_function(images(2), applying.draw([2], tf.constant([0, 0], tf.int64))).graph
    assert {op.type for op in graph.get_operations()} <= {"Placeholder", "Identity", "Unpack"}


def test_draws_of_one_do_not_depend_on_which_others_are_on():
    given, uniform = images(8), applying.draw([8], tf.constant([1, 2], tf.int64))
    cut = {"cutout": applying.Strength(1.0, 0.5)}
    others = {"flip": applying.Strength(0.0, 0.0), "colour": applying.Strength(tf.constant(0.0), 0.5)}
    np.testing.assert_array_equal(applying.apply(given, cut, uniform), applying.apply(given, others | cut, uniform))


@pytest.mark.parametrize("name", NAMES)
def test_rows_alone_and_together(name):
    """Sines, exponentials and sums are rounded otherwise in vectors of another length; all else is the same bit for
    bit."""
    given, uniform = images(12, (9, 12, 3)), applying.draw([12], tf.constant([7, 7], tf.int64))
    only = {name: applying.Strength(0.7, BY.get(name, 0.0))}
    together = applying.apply(given, only, uniform).numpy()
    alone = [applying.apply(given[i : i + 1], only, uniform[i : i + 1]) for i in range(12)]
    reverse = applying.apply(given[::-1], only, uniform[::-1])[::-1]
    near = 1e-5 if name in ("rotate", "zoom", "colour") else 0
    np.testing.assert_allclose(np.concatenate(alone), together, atol=near, rtol=0)
    np.testing.assert_allclose(reverse, together, atol=near, rtol=0)


def test_they_compile_with_xla():
    given, uniform = images(4), applying.draw([4], tf.constant([7, 7], tf.int64))
    compiled = tf.function(lambda i, u: applying.apply(i, strengths(0.7), u), jit_compile=True)
    expected = applying.apply(given, strengths(0.7), uniform)
    np.testing.assert_allclose(compiled(given, uniform), expected, atol=1e-4)


@pytest.mark.parametrize("name", [*NAMES, "all"])
def test_gradients_are_those_of_finite_differences(name):
    """All of them are linear in the images, so that any step gives the derivative."""
    given, direction = (tf.random.stateless_uniform([3, 9, 12, 3], [i, 1], -1.0, 1.0) for i in (0, 1))
    weights = tf.random.stateless_normal([3, 9, 12, 3], [2, 1])
    uniform = applying.draw([3], tf.constant([7, 7], tf.int64))
    chosen = strengths(1.0) if name == "all" else {name: applying.Strength(1.0, BY.get(name, 0.0))}

    def value(images: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(weights * applying.apply(images, chosen, uniform))

    with tf.GradientTape() as tape:
        tape.watch(given)
        total = value(given)
    slope = tf.reduce_sum(tape.gradient(total, given) * direction)
    assert float(value(given + direction) - value(given - direction)) / 2 == pytest.approx(float(slope), rel=1e-3)
    assert abs(float(slope)) > 0.1


def test_no_colour_bleeds_out_of_what_nobody_sees():
    """An opaque white half beside a transparent black one, askew: what is seen of it is white everywhere."""
    given = np.full([1, 16, 16, 4], -1.0, np.float32)
    given[:, :, :8] = 1.0
    turned = applying.apply(given, {"rotate": applying.Strength(1.0, 30.0)}, tf.fill([1, 8, 4], 0.2)).numpy()
    opacity = turned[..., 3]
    assert ((opacity > -0.9) & (opacity < 0.9)).any()
    np.testing.assert_allclose(turned[opacity > -0.9][:, :3], 1.0, atol=1e-3)


def test_a_gradient_has_a_gradient():
    """Penalties whose slope goes through an augmentation have one to learn from."""
    given = images(2)
    chosen, uniform = strengths(1.0), applying.draw([2], tf.constant([7, 7], tf.int64))
    with tf.GradientTape() as outer:
        outer.watch(given)
        with tf.GradientTape() as inner:
            inner.watch(given)
            total = tf.reduce_sum(applying.apply(given, chosen, uniform) ** 3)
        slope = tf.reduce_sum(inner.gradient(total, given) ** 2)
    gradient = outer.gradient(slope, given)
    assert np.isfinite(gradient).all() and float(tf.norm(gradient)) > 0 and math.isfinite(float(slope))
