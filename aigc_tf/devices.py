"""Which devices a run trains on."""

from __future__ import annotations

import signal
import socket
import threading
import time

import tensorflow as tf

from aigc_tf.cluster import Cluster
from aigc_tf.config import TrainConfig
from aigc_tf.errors import FaultError, UserError


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


def check_workers(config: TrainConfig, cluster: Cluster) -> None:
    """Raise UserError where the batch size or `mixed_precision` do not fit that many machines like this one."""
    gpus = len(tf.config.list_physical_devices("GPU"))
    replicas = cluster.count * max(1, gpus)
    if config.global_batch_size % replicas:
        each = f" of {gpus} GPUs each" if gpus else ""
        raise UserError(
            f"global_batch_size {config.global_batch_size} cannot be split evenly over {cluster.count} workers{each}: "
            "choose a multiple"
        )
    if config.mixed_precision and gpus:
        _check_bfloat16()


def workers_strategy(config: TrainConfig, cluster: Cluster) -> tf.distribute.MultiWorkerMirroredStrategy:
    """All GPUs, or one CPU, of each worker, once all of them are there. To be called before TensorFlow computes
    anything.

    Raises UserError as `check_workers` does, and FaultError where the others stay away or this one's port is taken.
    """
    check_workers(config, cluster)
    made: list[tf.distribute.MultiWorkerMirroredStrategy] = []
    failed: list[Exception] = []

    def make() -> None:
        try:
            made.append(tf.distribute.MultiWorkerMirroredStrategy())
        except Exception as error:
            failed.append(error)

    # TensorFlow waits in its C++ core for an hour and more, deaf to Ctrl-C; so it waits in a thread.
    handler = signal.getsignal(signal.SIGTERM)
    waiting = threading.Thread(target=make, daemon=True)
    deadline = time.monotonic() + config.worker_timeout
    waiting.start()
    while waiting.is_alive() and time.monotonic() < deadline:
        waiting.join(0.1)
        signal.signal(signal.SIGTERM, handler)  # TensorFlow's own, made meanwhile, would let nobody end it
    if made:
        return made[0]
    if failed:
        reason = " ".join(str(failed[0]).split())[:300]
        raise FaultError(f"{cluster.name(cluster.index)} cannot join the others ({reason})") from None
    away = [cluster.name(i) for i in range(cluster.count) if i != cluster.index and not _listens(cluster.addresses[i])]
    raise FaultError(
        f"not all workers came within {config.worker_timeout} seconds (--worker-timeout)"
        + (f": nobody listens for {', '.join(away)}" if away else "")
    )


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def names(strategy: tf.distribute.Strategy) -> list[str]:
    """What each replica trains on, such as "GPU:0 (NVIDIA A100)" and "CPU:0", in their order."""
    physical = {f"GPU:{number}": gpu for number, gpu in enumerate(tf.config.list_physical_devices("GPU"))}
    found = []
    for device in strategy.extended.worker_devices:
        name = device.rpartition("device:")[2]
        details = tf.config.experimental.get_device_details(physical[name]) if name in physical else {}
        found.append(f"{name} ({details['device_name']})" if "device_name" in details else name)
    return found


def in_words(strategy: tf.distribute.Strategy, cluster: Cluster | None = None) -> str:
    """The same on a line for a person, who may have expected a GPU; `cluster` are those that train together."""
    unseen = "" if tf.config.list_physical_devices("GPU") else "; TensorFlow sees no GPU"
    shared = "" if cluster is None or not cluster.addresses else f" of each of {cluster.count} workers"
    return f"{', '.join(names(strategy))}{shared}{unseen}"


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
