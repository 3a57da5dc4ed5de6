"""Makes the weights of a classifier that travels with the package.

    python -m aigc_tf.metrics.train_classifier --dataset mnist --data-dir DIR \\
        --out aigc_tf/metrics/weights/lenet_mnist.npz

It is trained by the same function as the cached ones. The hash printed at the end goes into `shipped.WEIGHTS_HASH`.
Another machine gives other last digits and so another hash; figures compare only between classifiers of the same hash.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import tyro


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Train the small classifier of one data set on its training split, and save its weights."""

    dataset: str  # a name in aigc_tf.datasets.DATASETS
    data_dir: Path  # holds mnist.npz and the like, as Keras caches them
    out: Path  # the .npz file to write


def main(arguments: Arguments) -> None:
    """Train, save, and print the accuracy on the held-out split and the hash of the weights."""
    from aigc_tf.datasets import DATASETS
    from aigc_tf.metrics import classifier, weights_file

    weights, accuracy = classifier.train_weights(DATASETS[arguments.dataset](arguments.data_dir))
    weights_file.save(arguments.out, weights, accuracy)
    size = arguments.out.stat().st_size
    print(f"{arguments.out}: {size:,} bytes, held-out accuracy {accuracy:.4f}, {weights_file.weights_hash(weights)}")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
