"""Bits per dimension: a mean over held-out images, asked of the model for few of them."""

import numpy as np
import pytest

from aigc_tf.metrics.bits_per_dimension import ask, measure
from aigc_tf.metrics.evidence import Evidence, MissingEvidence, Observations

SEEN = Observations(np.ones((2, 3)))


class Model:
    """Tells bits of as many images as there are."""

    def __init__(self, **told: np.ndarray) -> None:
        self.told = told

    @property
    def held_out(self) -> int:
        return max(map(len, self.told.values()), default=0)

    def scores(self, rows: np.ndarray, **inputs: float) -> dict[str, np.ndarray]:
        return {name: values[rows] for name, values in self.told.items()}


def evidence(bits: np.ndarray | None) -> Evidence:
    return Evidence(SEEN, SEEN, asked={} if bits is None else {"bits_per_dimension": bits})


def test_it_is_the_mean_with_a_normal_interval():
    bits = np.random.default_rng(0).normal(2.0, 0.3, 400).astype(np.float32)
    figure = measure(evidence(bits))["bits_per_dimension"]
    assert figure.value == pytest.approx(2.0, abs=0.05) and figure.better == "lower"
    assert figure.interval[1] - figure.interval[0] == pytest.approx(2 * 1.96 * 0.3 / 20, rel=0.1)
    assert figure.note == "400 held-out images"


def test_a_model_is_asked_about_few_images_and_may_say_nothing():
    told = Model(bits_per_dimension=np.arange(10_000))
    chosen = ask(told, lambda stored: SEEN)
    assert len({*chosen}) == 250 and chosen.max() > 9_000
    np.testing.assert_array_equal(ask(told, lambda stored: SEEN), chosen)
    assert ask(Model(other=np.ones(3)), lambda stored: SEEN) is None
    assert ask(Model(), lambda stored: SEEN) is None
    with pytest.raises(MissingEvidence):
        measure(evidence(None))


@pytest.mark.parametrize("bits", [np.ones((2, 2)), np.ones(0), np.array([1.0, np.inf])], ids=str)
def test_no_figure_of_nonsense(bits):
    with pytest.raises(ValueError, match="finite numbers"):
        measure(evidence(bits))
