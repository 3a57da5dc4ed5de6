"""Classifier score, class coverage and class divergence against values known beforehand."""

import numpy as np
import pytest

from aigc_tf.metrics import class_coverage, class_kl, classifier_score
from aigc_tf.metrics.evidence import Evidence, MissingEvidence, Observations


def of_classes(classes: np.ndarray, num_classes: int = 10) -> Observations:
    return Observations(probabilities=np.eye(num_classes)[classes])


ALL = np.arange(1000) % 10


def test_score_is_1_for_unclear_images_and_for_one_class_and_k_for_clear_even_ones():
    assert classifier_score.score(np.full((50, 7), 1 / 7, np.float32)) == pytest.approx(1)
    assert classifier_score.score(np.eye(7, dtype=np.float32)[np.full(50, 3)]) == pytest.approx(1)
    assert classifier_score.score(np.eye(7, dtype=np.float32)[np.arange(70) % 7]) == pytest.approx(7)


def test_score_of_two_kinds_of_rows_follows_the_formula():
    rows = np.array([[0.9, 0.1], [0.1, 0.9]])
    divergence = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5)
    assert classifier_score.score(np.tile(rows, (30, 1))) == pytest.approx(np.exp(divergence))


def test_score_has_that_of_the_real_images_as_its_ceiling():
    figure = classifier_score.measure(Evidence(of_classes(ALL), of_classes(ALL % 5)))["classifier_score"]
    assert (figure.value, figure.reference, figure.better) == (pytest.approx(5), pytest.approx(10), "higher")


def test_coverage_counts_classes_of_a_tenth_of_their_share_and_names_the_lost():
    generated = ALL.copy()
    generated[generated >= 8] = 0
    generated[:9] = 8  # 9 of 1,000 where 10 would do
    figure = class_coverage.measure(Evidence(of_classes(ALL), of_classes(generated)))["class_coverage"]
    assert (figure.value, figure.reference) == (8, 10)
    assert figure.note == "classes lost: 8, 9"
    generated[9] = 8
    figure = class_coverage.measure(Evidence(of_classes(ALL), of_classes(generated)))["class_coverage"]
    assert figure.value == 9


def test_coverage_does_not_ask_for_classes_without_real_images():
    figure = class_coverage.measure(Evidence(of_classes(ALL % 5), of_classes(ALL)))["class_coverage"]
    assert (figure.value, figure.reference, figure.note) == (5, 5, "")


def test_kl_is_0_for_the_same_shares_and_log_k_for_one_class():
    assert class_kl.measure(Evidence(of_classes(ALL), of_classes(ALL)))["class_kl"].value == pytest.approx(0, abs=1e-12)
    one = class_kl.measure(Evidence(of_classes(ALL), of_classes(np.zeros(1000, int)), of_classes(ALL % 5)))["class_kl"]
    assert one.value == pytest.approx(np.log(10))
    assert one.reference == pytest.approx(np.log(2))


def test_kl_refuses_a_class_that_no_real_image_shows():
    with pytest.raises(MissingEvidence, match="8, 9"):
        class_kl.measure(Evidence(of_classes(ALL % 8), of_classes(ALL)))
    unseen_in_training_only = Evidence(of_classes(ALL % 8), of_classes(ALL % 8), of_classes(ALL))
    assert class_kl.measure(unseen_in_training_only)["class_kl"].reference is None


@pytest.mark.parametrize("module", [classifier_score, class_coverage, class_kl])
def test_classifiers_of_different_classes_are_refused(module):
    with pytest.raises(ValueError, match="10 classes, generated ones into 3"):
        module.measure(Evidence(of_classes(ALL), of_classes(ALL % 3, 3)))
