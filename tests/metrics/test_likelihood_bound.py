"""Bounds on the likelihood: what many draws make of one, and what a judgement says of them."""

import numpy as np
import pytest

from aigc_tf.metrics.evidence import Evidence, Observations
from aigc_tf.metrics.likelihood_bound import ask, combined, measure

SEEN = Observations(np.ones((2, 3)))


class Model:
    """Says of held-out image i that its bound is -i, moved by the number of the draw."""

    def __init__(self, held_out: int = 40, name: str = "coin") -> None:
        self.held_out, self.name, self.asked = held_out, name, []

    def scores(self, rows: np.ndarray, draw: int) -> dict[str, np.ndarray]:
        self.asked.append((draw, rows))
        bound = -rows.astype(np.float32) - draw
        return {
            f"elbo_{self.name}": bound - 1,
            f"bound_{self.name}": bound,
            f"bits_per_dimension_{self.name}": -bound / 7,
            "reconstruction_error": np.full(len(rows), 0.25, np.float32),
            "samples": np.full(len(rows), 16),
        }


def test_draws_count_as_one_of_so_many_more_latents():
    """The log of the mean of all weights, whether they are taken at once or in parts."""
    weights = np.random.default_rng(0).normal(-300, 5, (12, 4, 9))  # far below what exp can hold
    parts = combined(weights.transpose(1, 0, 2).reshape(4, 12, 9)[0])
    each = np.stack([combined(part) for part in weights])
    np.testing.assert_allclose(combined(each), combined(weights.reshape(48, 9)), rtol=1e-12)
    exact = np.log(np.mean(np.exp(weights[:, 0] + 300), axis=0)) - 300
    np.testing.assert_allclose(parts, exact, rtol=1e-12)


def test_each_figure_is_a_mean_over_the_images_of_all_draws():
    model = Model()
    asked = ask(model, None, images=40, draws=3)
    assert [draw for draw, _ in model.asked] == [0, 1, 2]
    assert all(sorted(rows) == list(range(40)) for _, rows in model.asked)
    figures = measure(Evidence(SEEN, SEEN, asked={"likelihood_bound": asked}))
    assert set(figures) == {"elbo_coin", "bound_coin", "bits_per_dimension_coin", "reconstruction_error"}
    moved = np.log(np.mean(np.exp([0, -1, -2])))
    assert figures["bound_coin"].value == pytest.approx(-19.5 + moved)
    assert figures["elbo_coin"].value == pytest.approx(-19.5 - 1 - 1)
    assert figures["bits_per_dimension_coin"].value == pytest.approx((19.5 - moved) / 7)
    assert figures["reconstruction_error"].value == 0.25
    assert figures["bound_coin"].note == "48 latents for each of 40 held-out images"
    assert {name: figure.better for name, figure in figures.items()} == {
        "elbo_coin": "higher",
        "bound_coin": "higher",
        "bits_per_dimension_coin": "lower",
        "reconstruction_error": "lower",
    }
    assert {figure.judged_by for figure in figures.values()} == {"pixels"}  # so that those of two models compare


def test_the_interval_covers_the_mean_over_other_images():
    random = np.random.default_rng(0)
    kinds = [("bound_coin", np.float64), ("samples", np.float64)]
    hits = 0
    for _ in range(200):
        asked = np.zeros([1, 100], kinds)
        asked["bound_coin"], asked["samples"] = random.normal(-90, 20, 100), 16
        low, high = measure(Evidence(SEEN, SEEN, asked={"likelihood_bound": asked}))["bound_coin"].interval
        hits += low < -90 < high
    assert 180 <= hits <= 199


def test_a_model_without_bounds_is_asked_once():
    model = Model()
    model.scores = lambda rows, draw: {"logit": np.zeros(len(rows))}
    assert ask(model, None) is None
    assert ask(Model(held_out=0), None) is None
