"""Optimizers by name: what they descend, and that importing Addons says nothing to the user."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from lanes import HERE, OF_ADDONS, WITH_ADDONS, WITHOUT_ADDONS

from aigc_tf.errors import UserError
from aigc_tf.parts.optimizers import OPTIMIZERS

CLASSES = {
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "rectified_adam": "RectifiedAdam",
    "lamb": "LAMB",
}


@pytest.mark.parametrize("name", HERE)
def test_each_descends_a_bowl(name):
    optimizer = OPTIMIZERS[name](0.05, 0.5, 0.9)
    assert type(optimizer).__name__ == CLASSES[name]
    position = tf.Variable([1.0, -2.0])
    for _ in range(100):
        optimizer.apply_gradients([(2.0 * position, position)])
    assert np.linalg.norm(position) < 0.5


@pytest.mark.parametrize("name", HERE)
def test_rates_and_decays_arrive(name):
    config = OPTIMIZERS[name](0.125, 0.25, 0.5).get_config()
    assert config["learning_rate"] == 0.125
    first, second = ("momentum", "rho") if name == "rmsprop" else ("beta_1", "beta_2")
    assert (config[first], config[second]) == (0.25, 0.5)


def test_the_first_step_of_adam_is_the_learning_rate_downhill():
    position = tf.Variable([3.0, -4.0])
    OPTIMIZERS["adam"](0.01, 0.0, 0.99).apply_gradients([(tf.constant([5.0, -0.1]), position)])
    np.testing.assert_allclose(position, [2.99, -3.99], atol=1e-5)


@WITHOUT_ADDONS
@pytest.mark.parametrize("name", OF_ADDONS)
def test_what_comes_from_addons_says_where_it_exists(name):
    with pytest.raises(UserError, match="for Python 3.10 and 3.11 only: choose another"):
        OPTIMIZERS[name](1e-3, 0.0, 0.9)


@WITH_ADDONS
def test_addons_is_imported_only_when_asked_for_and_without_its_farewell():
    code = (
        "import sys; from aigc_tf.parts.optimizers import OPTIMIZERS; OPTIMIZERS['adam'](1e-3, 0.0, 0.9); "
        "assert 'tensorflow_addons' not in sys.modules; OPTIMIZERS['lamb'](1e-3, 0.0, 0.9)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Addons" not in answer.stderr and "UserWarning" not in answer.stderr
