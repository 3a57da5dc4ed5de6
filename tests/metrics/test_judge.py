"""The contract, over every measure in METRICS, and what is refused before anything is measured."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from aigc_tf.metrics import METRICS
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, Observations
from aigc_tf.metrics.judge import judge


def observations(seed: int, count: int = 300) -> Observations:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(4, 0.1), count).astype(np.float32)
    features = random.normal(size=(count, 6)).astype(np.float32)
    return Observations(features, probabilities, random.normal(size=count).astype(np.float32))


FULL = Evidence(observations(0), observations(1), observations(2))


@pytest.mark.parametrize("name", METRICS)
def test_every_measure_is_pure_documented_and_says_what_it_lacks(name):
    measure = METRICS[name]
    before = {name: array.copy() for name, array in vars(FULL.generated).items() if array is not None}
    assert measure(FULL) == measure(FULL)
    for field, array in before.items():
        np.testing.assert_array_equal(array, getattr(FULL.generated, field))
    document = sys.modules[measure.__module__].__doc__
    assert all(word in document for word in ("Definition:", "Range:", "Direction:", "arXiv:"))
    for evidence in (Evidence(FULL.real, Observations()), Evidence(Observations(), FULL.generated)):
        with pytest.raises(MissingEvidence, match="images were given"):
            measure(evidence)


def test_judge_takes_all_measures_in_order():
    judgement = judge(FULL)
    assert not judgement.skipped
    assert list(judgement.figures) == [
        "fd_lenet",
        "classifier_score",
        "class_coverage",
        "class_kl",
        "discriminator_accuracy",
        "discriminator_precision",
        "discriminator_recall",
    ]


def test_judge_goes_on_without_a_discriminator_and_names_what_it_skipped():
    blind = [dataclasses.replace(seen, discriminator_logits=None) for seen in (FULL.real, FULL.generated)]
    judgement = judge(Evidence(*blind))
    assert "fd_lenet" in judgement.figures and "discriminator_accuracy" not in judgement.figures
    assert judgement.skipped == ("discriminator was not measured: no discriminator_logits of real images were given",)


def test_judge_refuses_an_unknown_measure():
    with pytest.raises(ValueError, match="fid.*fd"):
        judge(FULL, ["fid"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"features": np.array([[1.0, np.nan]])}, "NaN"),
        ({"discriminator_logits": np.array([np.inf])}, "NaN or infinite"),
        ({"features": np.zeros((0, 5))}, "empty"),
        ({"features": np.zeros(5)}, "2 dimensions"),
        ({"features": np.zeros((3, 5)), "discriminator_logits": np.zeros(4)}, "differ in number"),
        ({"probabilities": np.array([[3.0, -2.0]])}, "logits"),
        ({"probabilities": np.array([[0.5, 0.1]])}, "sum to 1"),
    ],
)
def test_observations_that_cannot_be_measured_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Observations(**fields)


def test_a_figure_is_never_nan():
    with pytest.raises(ValueError, match="finite"):
        Figure(float("nan"), "lower")


def test_measuring_imports_no_tensorflow():
    code = (
        "import sys; from aigc_tf.metrics import METRICS, judge, quantise; [METRICS[name] for name in METRICS]; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
