"""The discriminator as a detector, against scikit-learn and by hand."""

import itertools

import numpy as np
import pytest
from sklearn import metrics as reference

from aigc_tf.metrics.discriminator import measure
from aigc_tf.metrics.evidence import Evidence, Figure, Observations


def figures(real: np.ndarray, generated: np.ndarray) -> dict[str, Figure]:
    return measure(Evidence(Observations(scores={"logit": real}), Observations(scores={"logit": generated})))


def values(real: np.ndarray, generated: np.ndarray) -> list[float]:
    taken = figures(real, generated)
    return [taken[f"discriminator_{name}"].value for name in ("accuracy", "precision", "recall")]


def test_equal_numbers_give_the_figures_of_scikit_learn():
    random = np.random.default_rng(0)
    real, generated = random.normal(1, 1, 300), random.normal(-0.5, 1, 300)
    truth, told = np.repeat([1, 0], 300), np.concatenate([real, generated]) > 0
    scores = (reference.accuracy_score, reference.precision_score, reference.recall_score)
    assert values(real, generated) == pytest.approx([score(truth, told) for score in scores])


def test_the_numbers_of_images_do_not_move_the_figures():
    real, generated = np.array([1.0, 1.0, 1.0, -1.0]), np.array([1.0, -1.0])
    assert values(real, generated) == pytest.approx([0.625, 0.6, 0.75])
    assert values(real, np.tile(generated, 50)) == values(real, generated)


def test_a_logit_of_0_is_not_called_real_and_nothing_called_real_is_said():
    taken = figures(np.zeros(3), np.full(3, -1.0))
    assert taken["discriminator_precision"].value == 0
    assert taken["discriminator_recall"].value == 0
    assert taken["discriminator_accuracy"].value == 0.5
    assert "no image" in taken["discriminator_precision"].note


def test_auc_is_that_of_scikit_learn_with_ties_too():
    random = np.random.default_rng(1)
    real, generated = random.integers(0, 8, 300).astype(np.float32), random.integers(-3, 6, 170).astype(np.float32)
    expected = reference.roc_auc_score(np.repeat([1, 0], [300, 170]), np.concatenate([real, generated]))
    assert figures(real, generated)["discriminator_auc"].value == pytest.approx(expected)


def test_auc_needs_no_zero_and_half_of_it_is_chance():
    logits = np.random.default_rng(2).normal(size=400)
    assert figures(logits + 100, logits + 100)["discriminator_auc"].value == pytest.approx(0.5)
    assert figures(logits + 100, logits)["discriminator_auc"].value == 1
    assert figures(logits - 100, logits)["discriminator_auc"].value == 0


def test_auc_and_accuracy_rise_with_the_distance_of_the_logits():
    random = np.random.default_rng(4)
    real, generated = random.normal(size=(2, 300))
    for name in ("auc", "accuracy"):
        taken = [figures(real + gap, generated - gap)[f"discriminator_{name}"].value for gap in (0, 0.2, 0.5, 1, 2)]
        assert all(later > earlier for earlier, later in itertools.pairwise(taken)), name


def test_nine_of_ten_intervals_hold_what_fresh_samples_score():
    random = np.random.default_rng(3)
    real = random.normal(1, 1, 500)
    taken = [figures(real, random.normal(0, 1, 300)) for _ in range(60)]
    for name in ("accuracy", "precision", "auc"):
        each = [one[f"discriminator_{name}"] for one in taken]
        mean = np.mean([figure.value for figure in each])
        assert np.mean([figure.interval[0] <= mean <= figure.interval[1] for figure in each]) > 0.87, name
        assert all(figure.interval[0] <= figure.value <= figure.interval[1] for figure in each)


def test_recall_has_the_interval_of_the_held_out_images():
    figure = figures(np.ones(10), np.ones(500))["discriminator_recall"]
    z = 1.959964**2
    assert figure.interval == pytest.approx((1 - z / (10 + z), 1))
