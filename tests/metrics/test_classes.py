"""Classifier score, class coverage and class divergence against values known beforehand."""

import tracemalloc

import numpy as np
import pytest
from scipy import special

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


def test_score_of_many_rows_is_the_formula_in_little_memory():
    probabilities = np.random.default_rng(5).dirichlet(np.full(400, 0.02), 6500).astype(np.float32)
    rows = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    expected = np.exp(special.rel_entr(rows, rows.mean(axis=0)).sum(axis=1).mean())
    tracemalloc.start()
    try:
        score, (_, peak) = classifier_score.score(probabilities), tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert score == pytest.approx(expected, rel=1e-12)
    assert peak < rows.nbytes


def test_score_has_that_of_the_real_images_as_its_ceiling():
    figure = classifier_score.measure(Evidence(of_classes(ALL), of_classes(ALL % 5)))["classifier_score"]
    assert (figure.value, figure.reference, figure.better) == (pytest.approx(5), pytest.approx(10), "higher")


def test_coverage_counts_classes_of_a_tenth_of_their_share_and_names_the_lost():
    generated = ALL.copy()
    generated[generated >= 8] = 0
    generated[:9] = 8  # 9 of 1,000 where 10 would do
    figure = class_coverage.measure(Evidence(of_classes(ALL), of_classes(generated)))["class_coverage"]
    assert (figure.value, figure.reference) == (8, 10)
    assert figure.warning == "classes lost: 8, 9"
    generated[9] = 8
    figure = class_coverage.measure(Evidence(of_classes(ALL), of_classes(generated)))["class_coverage"]
    assert figure.value == 9


def test_coverage_does_not_ask_for_classes_without_real_images():
    figure = class_coverage.measure(Evidence(of_classes(ALL % 5), of_classes(ALL)))["class_coverage"]
    assert (figure.value, figure.reference, figure.warning) == (5, 5, "")


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


def test_a_thousand_lost_classes_are_not_all_listed():
    figure = class_coverage.measure(Evidence(of_classes(np.arange(1000), 1000), of_classes(ALL, 1000)))[
        "class_coverage"
    ]
    assert figure.value == 10
    assert figure.warning.endswith("28, 29 and 970 more")


def test_classes_in_other_shares_are_noticed_and_renamed_ones_too():
    shares = np.arange(1, 11) / 55
    real, generated = (np.random.default_rng(seed).choice(10, size=2000, p=shares) for seed in (0, 1))
    same = class_kl.measure(Evidence(of_classes(real), of_classes(generated)))["class_kl"]
    assert same.value < 0.01
    renamed = np.random.default_rng(2).permutation(10)[generated]
    assert class_kl.measure(Evidence(of_classes(real), of_classes(renamed)))["class_kl"].interval[0] > 0.1


def test_intervals_hold_what_fresh_samples_score():
    random = np.random.default_rng(3)
    real = of_classes(np.arange(2000) % 20, 20)
    shares = np.where(np.arange(20) < 4, 0.006, 1)  # four classes near the tenth of a twentieth that counts
    for module in (classifier_score, class_coverage, class_kl):
        samples = (random.choice(20, size=500, p=shares / shares.sum()) for _ in range(60))
        taken = [next(iter(module.measure(Evidence(real, of_classes(each, 20))).values())) for each in samples]
        values, low, high = (np.array(each) for each in zip(*((f.value, *f.interval) for f in taken)))
        assert np.mean((low <= values.mean()) & (values.mean() <= high)) > 0.87, module.__name__
        assert ((low <= values) & (values <= high)).all()


def test_the_interval_of_the_coverage_knows_rare_classes_from_absent_and_safe_ones():
    def interval(count: int, of: int) -> tuple[float, float]:
        classes = np.r_[np.zeros(of - count, int), np.ones(count, int)]
        return class_coverage.measure(Evidence(of_classes(ALL % 2, 2), of_classes(classes, 2)))[
            "class_coverage"
        ].interval

    assert interval(500, 1000) == pytest.approx((2, 2))
    assert interval(0, 1000) == pytest.approx((1, 1))
    assert interval(50, 1000) == pytest.approx((2 - 1.959964 / 2, 2), abs=0.05)  # just enough: as good as a coin
    assert interval(1, 20)[0] < 1.5 and interval(0, 10)[1] > 1.3


@pytest.mark.parametrize("module", [classifier_score, class_coverage, class_kl])
def test_classifiers_of_different_classes_are_refused(module):
    with pytest.raises(ValueError, match="10 classes, generated ones into 3"):
        module.measure(Evidence(of_classes(ALL), of_classes(ALL % 3, 3)))
