"""The Inception score: its splits, its name, and what it needs."""

import numpy as np
import pytest

from aigc_tf.metrics.classifier_score import score
from aigc_tf.metrics.evidence import Evidence, MissingEvidence, Observations
from aigc_tf.metrics.inception_score import measure, split_scores
from aigc_tf.metrics.intervals import groups


def told(seed: int, count: int, sharpness: float = 0.5) -> Observations:
    return Observations(extractor_probabilities=np.random.default_rng(seed).dirichlet(np.full(50, sharpness), count))


def test_it_is_the_mean_of_the_scores_of_ten_splits():
    generated, training = told(0, 400), told(1, 900)
    figure = measure(Evidence(Observations(), generated, training, "inception"))["inception_score"]
    p = generated.extractor_probabilities
    splits = [p[part] for part in groups(400)]
    expected = [np.exp(np.mean((q * np.log(q / q.mean(axis=0))).sum(axis=1))) for q in splits]
    assert figure.value == pytest.approx(np.mean(expected)) and figure.value < score(p)
    assert (
        figure.reference
        == split_scores(Evidence(Observations(), generated, training).floor.extractor_probabilities).mean()
    )
    low, high = figure.interval
    half = 2.262157 * np.std(expected, ddof=1) / np.sqrt(10)  # Student's t for 9 degrees of freedom
    assert (low, high) == pytest.approx((figure.value - half, figure.value + half))
    assert figure.better == "higher"


def test_images_sorted_by_class_score_as_shuffled_ones_do():
    probabilities = np.eye(10)[np.arange(1000) // 100]
    figure = measure(Evidence(Observations(), Observations(extractor_probabilities=probabilities), None, "inception"))
    assert figure["inception_score"].value > 9


def test_it_is_of_inception_alone_and_needs_twenty_images():
    assert measure(Evidence(Observations(), told(0, 100))) == {}
    with pytest.raises(MissingEvidence, match="at least 20 generated images, not 19"):
        measure(Evidence(Observations(), told(0, 19), None, "inception"))
    with pytest.raises(MissingEvidence, match="extractor_probabilities"):
        measure(Evidence(Observations(), Observations(np.zeros((30, 2))), None, "inception"))
