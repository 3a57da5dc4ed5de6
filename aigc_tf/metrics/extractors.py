"""Which extractor a person means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aigc_tf.datasets.dataset import Dataset
from aigc_tf.metrics.extractor import Extractor
from aigc_tf.paths import expanded


def load_extractor(
    choice: str,
    dataset: str,
    data: Dataset,
    cache: Path | None = None,
    announce: Callable[[str], None] = print,
) -> Extractor:
    """The extractor that `choice` names, for images like those of `data`, which go by the name `dataset`.

    Args:
        choice: "lenet", the small classifier of the data set; "filters", the eyes for images of any kind; "inception",
            the network of the published FID; else the path of a Keras model (`.keras`, `.h5`) or of a SavedModel's
            folder.
        dataset: a name in DATASETS.
        data: its images; their labels are used by "lenet" only.
        cache: folder for what is made or fetched once; None for `default_cache()`.
        announce: is given a line before anything slow (training, a download) or risky (a model file is a program).

    Raises ValueError, in one sentence for a person, where there is no such extractor or it cannot see such images.
    """
    # Imported here, since each of them imports TensorFlow.
    if choice == "lenet":
        from aigc_tf.metrics.classifier import load_classifier

        return load_classifier(dataset, data, cache, announce)
    if choice == "filters":
        from aigc_tf.metrics import filters

        return filters.load(data.spec.image_shape)
    if choice == "inception":
        from aigc_tf.metrics import inception

        return inception.load(data.spec.image_shape, cache, announce)
    from aigc_tf.metrics import keras_file

    return keras_file.load(expanded(choice), data.spec.image_shape, announce)
