"""The verdict on copies, from what the test for memorisation found."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from evaluations import noise

from aigc_tf.metrics.evidence import Evidence
from aigc_tf.metrics.judge import judge
from aigc_tf.report import words


def verdict(evidence: Evidence) -> list[str]:
    figures = judge(evidence, ["fd", "memorisation", "copies"]).figures
    measures = {name: dataclasses.asdict(figure) for name, figure in figures.items()}
    numbers = {"num_generated": len(evidence.generated), "num_training": len(evidence.training or ())}
    return words.verdict({"measures": measures, **numbers})


@pytest.fixture(scope="module")
def unseen() -> Evidence:
    """Sets of noise that differ from each other."""
    random = np.random.default_rng(1)
    evidence = noise((8, 8, 1))

    def anew(observations):
        images = random.integers(0, 256, observations.images.shape, np.uint8)
        return dataclasses.replace(observations, images=images, features=random.normal(size=(len(images), 6)))

    return Evidence(*map(anew, (evidence.real, evidence.generated, evidence.training)))


def test_copies_come_before_a_distance_that_they_made_excellent(unseen):
    first, distance, _ = verdict(dataclasses.replace(unseen, generated=unseen.training))
    assert first.startswith("Training images are copied (memorisation_ct -") and "memorised_share 1)" in first
    assert distance.startswith("FD-LeNet")


def test_where_nothing_was_copied_it_says_so_last(unseen):
    sentences = verdict(unseen)
    assert sentences[0].startswith("FD-LeNet") and sentences[-1] == "No sign that training images were copied."


def test_where_nobody_looked_for_copies_it_says_nothing_of_them(unseen):
    blind = dataclasses.replace(unseen, generated=dataclasses.replace(unseen.generated, images=None), training=None)
    assert not any("copied" in sentence for sentence in verdict(blind))


def test_where_the_training_images_are_not_known_it_speaks_of_the_real_ones(unseen):
    unknown = dataclasses.replace(unseen, training=None)
    assert verdict(unknown)[-1] == "No sign that the real images were copied."
    copied = dataclasses.replace(unknown, generated=unseen.real)
    assert verdict(copied)[0].startswith("The real images are copied (memorised_share 1)")


def test_labels_are_put_into_a_sentence():
    figure = {"value": 0.9914, "reference": 0.9907, "warning": "", "note": "", "interval": [0.98, 0.99]}
    (said,) = words.verdict({"measures": {"label_accuracy": figure}, "num_generated": 10, "num_training": 10})
    assert (
        said
        == "Of the images that were asked for by class, the classifier takes 99.1 % for that class; of real, 99.1 %."
    )
