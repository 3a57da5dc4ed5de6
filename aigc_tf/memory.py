"""What a run will hold in memory, reckoned before it starts, and what it can give back."""

from __future__ import annotations

import contextlib
import ctypes
import math

import tensorflow as tf

from aigc_tf import environment
from aigc_tf.config import TrainConfig
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.errors import UserError
from aigc_tf.families.model import GenerativeModel

# Measured with `lean` at batches of 2,048 and 8,192: a step takes from 0.45 to 0.7 of what is reckoned for it.
_SURELY_NEEDED = 1 / 3


def weight_bytes(model: GenerativeModel) -> int:
    """Weight, gradient and two slots each, and the moving averages."""
    networks = model.networks
    parameters = sum(network.count_params() for network in networks.values())
    averaged = sum(networks[name].count_params() for name in model.averaged)
    return 4 * (4 * parameters + averaged)


def step_bytes(model: GenerativeModel, config: TrainConfig) -> int:
    """What a step keeps of its forward passes for the backward ones."""
    activations = model.kept_activations({name: _activations(network) for name, network in model.networks.items()})
    return 4 * config.global_batch_size * activations * 2


def data_bytes(data: Dataset) -> int:
    """The data set, and TensorFlow's copy of it."""
    return 2 * data.nbytes


def check(model: GenerativeModel, config: TrainConfig, data: Dataset, machines: int = 1) -> None:
    """Raise UserError where this machine's share of a batch surely does not fit into its memory; so many share it.

    With GPUs only its content is counted, which is put together in the machine's own memory.
    """
    needed = 4.0 * config.global_batch_size * config.family.batches_per_step * math.prod(data.spec.shape) / machines
    if config.replicas is not None or not tf.config.list_physical_devices("GPU"):
        size = 2 if config.mixed_precision else 4
        needed += weight_bytes(model) + step_bytes(model, config) / machines * _SURELY_NEEDED * size / 4
    here = environment.memory_bytes()
    if here is not None and needed > here:
        raise UserError(
            f"global_batch_size {config.global_batch_size} needs at least {needed / 1e9:,.0f} GB of memory, and this "
            f"machine has {here / 1e9:,.0f}: choose a smaller one"
        )


def give_back() -> None:
    """Let the system have what was freed and is kept for later, as after making a graph: 20 MB and more.

    Only where the C library is glibc; others are asked for nothing.
    """
    with contextlib.suppress(AttributeError):  # it has no such function
        ctypes.CDLL(None).malloc_trim(0)


def _activations(network: tf.keras.Model) -> int:
    """Numbers that all layers give for one image."""
    hidden = (layer for layer in network.layers if not isinstance(layer, tf.keras.layers.InputLayer))
    return sum(tf.TensorShape(layer.output_shape[1:]).num_elements() or 0 for layer in hidden)
