"""`tfds:NAME`: a data set of TensorFlow Datasets that lies prepared on this machine (an extra, requirements-tfds.txt).

Nothing is downloaded here: TensorFlow Datasets' own command does that, when a person asks for it. `--data-dir` says
where prepared data sets lie, if not in ~/tensorflow_datasets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.records.originals import Original, Originals
from aigc_tf.datasets.sources import prepared
from aigc_tf.errors import UserError

_SPLITS = {"train": "train", "test": "test", "validation": "test", "val": "test", "valid": "test"}


def load(config: DataConfig, say: Callable[[str], None]) -> Dataset:
    """The images of the data set. Raises UserError where it is not at hand, or cannot be learned."""
    return prepared.load(originals(config), config, say)


def originals(config: DataConfig) -> Originals:
    """What the data set's own description says; images are read one after the other."""
    name = config.dataset.partition(":")[2]
    builder = _builder(name, config.data_dir)
    image, label = _features(name, builder.info.features)
    splits = {split: info.num_examples for split, info in builder.info.splits.items() if split in _SPLITS}
    if "train" not in splits:
        raise UserError(f"tfds:{name} has no split train, but {', '.join(builder.info.splits) or 'none'}")
    names = () if label is None else tuple(builder.info.features[label].names)

    def each() -> Iterator[Original]:
        for split in splits:
            held_out = _SPLITS[split] if len(splits) > 1 else ""
            rows = builder.as_dataset(split=split, shuffle_files=False).as_numpy_iterator()
            for number, row in enumerate(rows):
                kind = 0 if label is None else int(row[label])
                if kind < 0:  # an example whose label nobody tells
                    continue
                yield Original(f"{split}[{number}]", kind, held_out, partial(_opened, row[image]))

    folder = Path(str(builder.data_dir))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    stats = [(path.name, path.stat().st_size, path.stat().st_ctime_ns) for path in files]
    others = {
        f"split {split}": info.num_examples for split, info in builder.info.splits.items() if split not in _SPLITS
    }
    return Originals(
        source=f"{builder.info.full_name} of TensorFlow Datasets",
        state=f"{folder} {stats}",
        count=sum(splits.values()),
        class_names=names,
        each=each,
        passed_over=others,
    )


def _builder(name: str, data_dir: Path | None) -> Any:
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise UserError(
            f"tfds:{name} needs TensorFlow Datasets ({error}): pip install -r requirements-tfds.txt"
        ) from None
    try:
        builder = tensorflow_datasets.builder(name, data_dir=None if data_dir is None else str(data_dir))
    except Exception as error:  # it knows many ways not to find one
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(f"tfds:{name} is no data set of TensorFlow Datasets ({first[:200]})") from None
    if not builder.is_prepared():
        raise UserError(
            f"tfds:{name} is not in {builder.data_dir}, and nothing is downloaded unasked: tfds build {name} gets it"
        )
    return builder


def _features(name: str, features: Any) -> tuple[str, str | None]:
    """The names of its image and, where there is one, of its label."""
    import tensorflow_datasets

    kinds = tensorflow_datasets.features
    images = [key for key, each in features.items() if isinstance(each, kinds.Image) and each.np_dtype == np.uint8]
    labels = [key for key, each in features.items() if isinstance(each, kinds.ClassLabel)]
    if len(images) != 1:
        raise UserError(
            f"tfds:{name} has {len(images)} images of 8 bits an example: expected one ({', '.join(features)})"
        )
    return images[0], labels[0] if len(labels) == 1 else None


@contextmanager
def _opened(pixels: np.ndarray) -> Iterator[tuple[Image.Image, str]]:
    yield Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels), "array"
