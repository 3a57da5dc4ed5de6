"""Judges a run: samples of its averaged generator against images that it was never trained on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from aigc_tf import environment
from aigc_tf.checkpoints import load_model
from aigc_tf.datasets import DATASETS
from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.errors import UserError
from aigc_tf.metrics.classifier import load_classifier
from aigc_tf.metrics.evidence import Evidence
from aigc_tf.metrics.judge import judge
from aigc_tf.metrics.quantise import quantise
from aigc_tf.models.generative_model import GenerativeModel
from aigc_tf.run_folder import RunFolder, write_atomically

MOST_SAMPLES = 10_000
_BATCH = 500


def evaluate(
    run: RunFolder,
    *,
    data: ImageDataset | None = None,
    data_dir: Path | None = None,
    step: int | None = None,
    num_samples: int | None = None,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Judge the checkpoint of `step` (the newest by default), write `evaluation/<step>.json` and return its content.

    `num_samples` images are generated, by default as many as there are training images, at most 10,000; image i has
    the seed `seed * 2**32 + i`. They are judged against the whole held-out split. The floor is what the same number of
    training images score. Raises UserError where the run, the checkpoint or the data do not allow that.
    """
    config, spec = run.read_config(), run.read_spec()
    data = data or DATASETS[config.dataset](data_dir or config.data_dir)
    run.check_same_images(data.spec)
    num_samples = min(MOST_SAMPLES, spec.num_examples) if num_samples is None else num_samples
    if not 2 <= num_samples <= spec.num_examples:
        raise UserError(
            f"--num-samples {num_samples} cannot be judged: it must be from 2 to {spec.num_examples}, the number of "
            "training images, since the floor is measured with as many of those"
        )
    if not 0 <= seed < 2**31:
        raise UserError(f"--seed {seed} must be from 0 to {2**31 - 1}")
    model = load_model(run, step)
    classifier = load_classifier(config.dataset, data, announce=say)
    generated = generate(model, num_samples, seed)
    evidence = Evidence(
        real=classifier.observe(data.test_images, discriminator_logits(model, data.test_images)),
        generated=classifier.observe(generated, discriminator_logits(model, generated)),
        training=classifier.observe(data.train_images),
    )
    judgement = judge(evidence)
    judged_step = int(model.step.numpy())
    record = {
        "step": judged_step,
        "weights": "ema",
        "measures": {name: dataclasses.asdict(figure) for name, figure in judgement.figures.items()},
        "extractor": {
            "name": classifier.name,
            "hash": classifier.hash,
            "held_out_accuracy": classifier.held_out_accuracy,
        },
        "num_generated": num_samples,
        "seeds": {"first": seed << 32, "count": num_samples},
        "num_real": len(data.test_images),
        "reference": {"split": "held-out", "source": spec.source, "fingerprint": spec.fingerprint},
        "warnings": list(judgement.skipped),
        "environment": environment.describe(),
    }
    write_atomically(run.evaluation_file(judged_step), json.dumps(record, indent=2) + "\n")
    return record


def generate(model: GenerativeModel, count: int, seed: int) -> np.ndarray:
    """`count` images uint8 [count, H, W, C] of the averaged generator, image i from the seed `seed * 2**32 + i`."""
    seeds = (seed << 32) + np.arange(count, dtype=np.int64)
    sample = tf.function(lambda seeds: model.sample(seeds), input_signature=[tf.TensorSpec([None], tf.int64)])
    return np.concatenate([quantise(sample(part).numpy()) for part in _batches(seeds)])


def discriminator_logits(model: GenerativeModel, images: np.ndarray) -> np.ndarray | None:
    """Logits float32 [N] of the model's discriminator for uint8 images [N,H,W,C]; None where it has none."""
    discriminate = model.signatures().get("discriminate")
    if discriminate is None:
        return None
    parts = [discriminate(image=tf.constant(part / np.float32(255)))["logit"].numpy() for part in _batches(images)]
    return np.concatenate(parts)


def show(record: dict[str, Any]) -> None:
    """Print the figures of an evaluation as a table."""
    real = record["num_real"]
    table = Table(
        title=f"step {record['step']:,}: {record['num_generated']:,} generated against {real:,} held-out real images"
    )
    table.add_column("measure", no_wrap=True)
    table.add_column("value", justify="right")
    table.add_column("of real images", justify="right")
    table.add_column("better")
    table.add_column("note")
    for name, figure in record["measures"].items():
        reference = "" if figure["reference"] is None else f"{figure['reference']:.4g}"
        better = "" if figure["better"] == "neither" else figure["better"]
        table.add_row(name, f"{figure['value']:.4g}", reference, better, figure["note"])
    console = Console()
    console.print(table)
    extractor = record["extractor"]
    console.print(f"judged by {extractor['name']}, {extractor['hash'][:19]}", highlight=False)
    for warning in record["warnings"]:
        console.print(f"warning: {warning}", highlight=False)


def _batches(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
