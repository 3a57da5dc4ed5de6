"""Which devices a run trains on."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.config import TrainConfig
from aigc_tf.errors import UserError


def strategy(config: TrainConfig) -> tf.distribute.MirroredStrategy:
    """All GPUs, or one CPU, or `config.replicas` logical CPU devices. To be called before TensorFlow computes anything.

    Raises UserError where `mixed_precision`, `jit_compile` or the batch size do not fit the devices.
    """
    gpus = tf.config.list_physical_devices("GPU") if config.replicas is None else []
    devices = [f"GPU:{i}" for i in range(len(gpus))] or _logical_cpus(config.replicas or 1)
    if config.jit_compile and len(devices) > 1:
        raise UserError(
            f"jit_compile works on one device and this machine has {len(devices)} GPUs: "
            "leave it out, or show one GPU only (CUDA_VISIBLE_DEVICES=0)"
        )
    if config.global_batch_size % len(devices):
        raise UserError(
            f"global_batch_size {config.global_batch_size} cannot be split evenly over {len(devices)} GPUs: "
            "choose a multiple"
        )
    if config.mixed_precision and gpus:
        _check_bfloat16()
    # The default reduction binds the process to its first strategy (tensorflow#61314) and warns without GPUs.
    reduction = None if len(gpus) > 1 else tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)


def compute_alike() -> None:
    """From here on TensorFlow computes the same bits each time, as all training here does."""
    tf.config.experimental.enable_op_determinism()
    # TensorFlow 2.15's remapper gives up, with an error in the log, on the gradient of a convolution and LeakyReLU.
    tf.config.optimizer.set_experimental_options({"remapping": False})


def names(strategy: tf.distribute.Strategy) -> list[str]:
    """What each replica trains on, such as "GPU:0 (NVIDIA A100)" and "CPU:0", in their order."""
    physical = {f"GPU:{number}": gpu for number, gpu in enumerate(tf.config.list_physical_devices("GPU"))}
    found = []
    for device in strategy.extended.worker_devices:
        name = device.rpartition("device:")[2]
        details = tf.config.experimental.get_device_details(physical[name]) if name in physical else {}
        found.append(f"{name} ({details['device_name']})" if "device_name" in details else name)
    return found


def in_words(strategy: tf.distribute.Strategy) -> str:
    """The same on a line for a person, who may have expected a GPU."""
    unseen = "" if tf.config.list_physical_devices("GPU") else "; TensorFlow sees no GPU"
    return f"{', '.join(names(strategy))}{unseen}"


def _logical_cpus(count: int) -> list[str]:
    physical = tf.config.list_physical_devices("CPU")[0]
    if tf.config.get_logical_device_configuration(physical) is None:
        tf.config.set_logical_device_configuration(physical, [tf.config.LogicalDeviceConfiguration()] * count)
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    if len(devices) < count:
        raise RuntimeError(f"TensorFlow already runs with {len(devices)} CPU devices; {count} were asked for")
    return devices[:count]


def _check_bfloat16() -> None:
    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        capability = details.get("compute_capability", (0, 0))
        if capability < (8, 0):
            raise UserError(
                f"mixed_precision computes in bfloat16, which {details.get('device_name', gpu.name)} lacks (its "
                f"compute capability is {capability[0]}.{capability[1]}; it takes 8.0, Ampere, or later): leave it out"
            )
