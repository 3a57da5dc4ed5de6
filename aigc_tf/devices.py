"""Which devices a run trains on."""

from __future__ import annotations

import faulthandler
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

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
    if config.precision == "bfloat16" and gpus:
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
    if config.precision == "bfloat16" and gpus:
        _check_bfloat16()


def workers_strategy(config: TrainConfig, cluster: Cluster) -> tf.distribute.MultiWorkerMirroredStrategy:
    """All GPUs, or one CPU, of each worker, once all of them are there. To be called before TensorFlow computes
    anything.

    Raises UserError as `check_workers` does, and FaultError where it cannot join. Where the others stay away, the
    process ends with a sentence.
    """
    check_workers(config, cluster)
    others = ", ".join(cluster.name(index) for index in range(cluster.count) if index != cluster.index)
    late = (
        f"error: not all workers came within {config.worker_timeout} seconds (--worker-timeout): "
        f"is the same command running for {others}?"
    )
    interrupt, terminate = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with _ended_after(config.worker_timeout, late):
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would wait as long
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (tf.errors.OpError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise FaultError(f"{cluster.name(cluster.index)} cannot join the others ({reason})") from None
        finally:
            signal.signal(signal.SIGINT, interrupt)
            signal.signal(signal.SIGTERM, terminate)  # TensorFlow's own, made meanwhile, would let nobody end it


@contextmanager
def _ended_after(seconds: int, line: str) -> Iterator[None]:
    """Within it this process is ended, with status 1 and this line, where that takes so many seconds.

    TensorFlow waits for the others in its C++ core, for an hour and more, and holds Python's lock meanwhile: no thread
    and no handler of ours would run. Python's watchdog needs no lock, and a shell behind a pipe tells what it means.
    """
    tells = subprocess.Popen(["sh", "-c", 'read -r any && echo "$0" >&2', line], stdin=subprocess.PIPE)
    assert tells.stdin is not None
    faulthandler.dump_traceback_later(seconds, exit=True, file=tells.stdin)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        tells.stdin.close()
        tells.wait()


def share(number: int) -> None:
    """Among processes that compute side by side, take the GPU of this one's number, and no more of it than is needed.
    To be called before TensorFlow computes anything."""
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if gpus:
        tf.config.set_visible_devices(gpus[number % len(gpus)], "GPU")


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
                f"compute capability is {capability[0]}.{capability[1]}; it takes 8.0, Ampere, or later): "
                "leave it out, or compute in float16 (--mixed-dtype float16)"
            )
