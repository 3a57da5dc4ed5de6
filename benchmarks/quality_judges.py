"""Two judges of generated images, whose distances are told as multiples of those of real ones: the floor.

One draw of 10,000 images is off by some 7 %, of training as of generated images. So the floor is the mean over 24
draws, and close to it a generator is judged by several sets of images.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from aigc_tf.datasets import DATASETS
from aigc_tf.metrics.class_coverage import class_counts
from aigc_tf.metrics.evidence import need
from aigc_tf.metrics.fd import Gaussian, frechet_distance
from aigc_tf.reference import Reference
from aigc_tf.subjects import Subject
from benchmarks import second_judge

SETS, SEVERAL_SETS_BELOW = 4, 3.0
_FLOOR_DRAWS = 24


@dataclasses.dataclass(frozen=True)
class QualityJudges:
    """The classifier that ships ("lenet") and the one of `second_judge` ("second").

    Attributes:
        references: each judge with what it sees in real images.
        real: what it sees in the held-out ones, as a Gaussian.
        floors: its distance between those and `num_samples` training images.
        held_out_accuracy: the share of held-out images whose class it tells.
        num_samples: images in a set.
    """

    references: dict[str, Reference]
    real: dict[str, Gaussian]
    floors: dict[str, float]
    held_out_accuracy: dict[str, float]
    num_samples: int

    @classmethod
    def prepare(cls, data_dir: Path, second: Path, num_samples: int) -> QualityJudges:
        """Judges of the MNIST in `data_dir`; the second one is kept at `second` (.keras), and trained unless it is."""
        data = DATASETS["mnist"](data_dir)
        second_accuracy = second_judge.prepare(data, second)
        references = {
            "lenet": Reference.prepare(data, "mnist"),
            "second": Reference.prepare(data, "mnist", str(second)),
        }
        real = {name: Gaussian.of(need(each.real, "features", "real")) for name, each in references.items()}
        floors = {}
        for name, reference in references.items():
            distances = []
            for draw in range(_FLOOR_DRAWS):
                rows = np.random.default_rng(draw).permutation(len(data.train_images))[:num_samples]
                drawn = need(reference.training.rows(rows), "features", "training")
                distances.append(frechet_distance(Gaussian.of(drawn), real[name]))
            floors[name] = float(np.mean(distances))
        accuracy = {"lenet": references["lenet"].extractor.held_out_accuracy, "second": second_accuracy}
        return cls(references, real, floors, accuracy, num_samples)

    def judge(self, subject: Subject) -> dict[str, Any]:
        """Floors by judge and the ten classes' shares, over one set of images, or over several where it is close to the
        floor; then with the standard deviation of the first judge's floors over sets as "spread"."""
        sets = [self._look(subject, 0)]
        if sets[0]["lenet"] < SEVERAL_SETS_BELOW:
            sets += [self._look(subject, number * self.num_samples) for number in range(1, SETS)]
        means = {name: np.mean([each[name] for each in sets], axis=0).round(4).tolist() for name in sets[0]}
        spread = float(np.std([each["lenet"] for each in sets], ddof=1)) if len(sets) > 1 else None
        return {**means, "sets": len(sets), "spread": spread}

    def _look(self, subject: Subject, first_seed: int) -> dict[str, Any]:
        """Floors by judge and the classes' shares of the set of images that begins with `first_seed`."""
        images = subject.generate(np.arange(first_seed, first_seed + self.num_samples))
        seen = {name: reference.look(images) for name, reference in self.references.items()}
        floors = {
            name: frechet_distance(Gaussian.of(need(each, "features", "generated")), self.real[name])
            / self.floors[name]
            for name, each in seen.items()
        }
        probabilities = need(seen["lenet"], "probabilities", "generated")
        return {**floors, "class_shares": class_counts(probabilities) / self.num_samples}
