"""The discriminator as a detector, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics as reference

from aigc_tf.metrics.discriminator import measure
from aigc_tf.metrics.evidence import Evidence, Figure, Observations


def figures(real: np.ndarray, generated: np.ndarray) -> dict[str, Figure]:
    return measure(Evidence(Observations(discriminator_logits=real), Observations(discriminator_logits=generated)))


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
