"""A whole run on images that are neither square nor grey, and fewer than a batch."""

from __future__ import annotations

from commands import run, succeed

# In a process of its own, since training sets TensorFlow's determinism for good.
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from aigc_tf import trainer
from aigc_tf.config import TrainConfig
from aigc_tf.datasets.image_dataset import ImageDataset

random = np.random.default_rng(0)

def part(count):
    return random.integers(0, 256, (count, 10, 17, 4), dtype=np.uint8), np.arange(count) % 2

data = ImageDataset.of(part(12), part(6), class_names=("a", "b"), source="noise", licence="CC0")
config = TrainConfig.of(dataset="synthetic", latent_dim=4, global_batch_size=16, steps=3, sample_every=2, log_every=1,
                     network="lean", logs=Path(sys.argv[1]), name="run")
trainer.train(config, data=data)
"""


def test_a_whole_run(tmp_path):
    printed = succeed(run("-c", SCRIPT, tmp_path))
    assert "fd_lenet" in printed and "published" in printed
    import tensorflow as tf

    model = tf.saved_model.load(str(tmp_path / "run" / "export" / "synthetic" / "1"))
    png = model.signatures["serving_default"](seed=tf.constant([1], tf.int64))["image_bytes"][0]
    assert tf.io.decode_png(png).shape == (10, 17, 4)
    assert tf.io.decode_png((tmp_path / "run" / "samples" / "step-00000002.png").read_bytes()).shape[-1] == 4
