"""The strategy that a configuration asks for."""

import subprocess
import sys

import pytest
import tensorflow as tf

from aigc_tf import devices
from aigc_tf.config import TrainConfig
from aigc_tf.errors import UserError


@pytest.mark.parametrize("replicas", [None, 1, 2])
def test_a_mirrored_strategy_of_as_many_replicas(replicas):
    strategy = devices.strategy(TrainConfig(replicas=replicas))
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    if replicas:
        assert strategy.num_replicas_in_sync == replicas
    else:
        assert strategy.num_replicas_in_sync == max(1, len(tf.config.list_physical_devices("GPU")))


def test_logical_devices_are_made_in_a_fresh_process():
    code = (
        "from aigc_tf import devices; from aigc_tf.config import TrainConfig; "
        "print(devices.strategy(TrainConfig(replicas=3, global_batch_size=6)).num_replicas_in_sync)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["3"]


def test_devices_are_named_and_a_gpu_that_is_not_there_is_missed():
    strategy = devices.strategy(TrainConfig(replicas=2))
    assert devices.names(strategy) == ["CPU:0", "CPU:1"]
    missed = "" if tf.config.list_physical_devices("GPU") else "; TensorFlow sees no GPU"
    assert devices.in_words(strategy) == f"CPU:0, CPU:1{missed}"


def test_more_devices_than_tensorflow_already_has_is_our_mistake():
    with pytest.raises(RuntimeError, match="already runs with 2 CPU devices; 4 were asked for"):
        devices.strategy(TrainConfig(replicas=4))


def test_what_replicas_cannot_do_is_refused_when_the_config_is_made():
    with pytest.raises(UserError, match="jit_compile cannot be combined with 2 replicas"):
        TrainConfig(replicas=2, jit_compile=True)
    with pytest.raises(UserError, match="64 cannot be split evenly over 3 replicas"):
        TrainConfig(replicas=3, global_batch_size=64)


def test_several_strategies_live_in_one_process():
    """The default reduction would bind the process to its first strategy (tensorflow#61314)."""
    for replicas in (2, 1, 2):
        strategy = devices.strategy(TrainConfig(replicas=replicas))
        sums = strategy.run(
            lambda: tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(1.0))
        )
        assert [float(total) for total in strategy.experimental_local_results(sums)] == [replicas] * replicas
