"""What the doctor says of the images together: repeats, splits, classes, shapes, and how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from aigc_tf.datasets.doctor.finding import Finding
from aigc_tf.datasets.doctor.layout import HELD_OUT, TRAIN
from aigc_tf.datasets.doctor.survey import Survey
from aigc_tf.datasets.spec import FEW

FEWEST = 2  # images without which nothing can be learned
FEW_OF_CLASS = 50
UNEVEN = 10.0  # times as many images in the largest class as in the smallest
ODD = 2.0  # times the usual ratio of width to height, or a fraction of it


def of_repeats(survey: Survey) -> Iterator[Finding]:
    def names(kind: str) -> tuple[str, ...]:
        return tuple(
            survey.facts[row].name for row, gone in sorted(survey.repeats.departures.items()) if gone.kind == kind
        )

    if leaks := names("leak"):
        yield Finding(
            "leak",
            "stop",
            "in two splits, the same or almost the same",
            leaks,
            "take them out of one split: figures on images that were trained on mean nothing",
        )
    if torn := names("several classes"):
        yield Finding(
            "several classes", "warning", "the same image in several classes", torn, "decide which one is right"
        )
    if repeats := names("duplicate"):
        yield Finding("duplicate", "warning", "the same image as another", repeats, "keep one: it is learned by heart")
    if likes := tuple(survey.facts[row].name for row in sorted(survey.repeats.lookalikes)):
        advice = "look whether they belong into both: a clean copy keeps them"
        yield Finding("lookalike", "note", "almost the same as an image of another class", likes, advice, False)
    if near := names("near duplicate"):
        yield Finding(
            "near duplicate", "warning", "almost the same image as another", near, "look at them, and keep the best"
        )


def of_splits(survey: Survey) -> Iterator[Finding]:
    images: Counter[str] = Counter(survey.places[row].split for row in survey.kept)
    splits = survey.splits
    if not splits:
        return
    outside = tuple(facts.name for facts, place in zip(survey.facts, survey.places) if not place.split)
    if outside:
        advice = "move them into a split, or take them away"
        yield Finding("outside the splits", "warning", f"beside {', '.join(sorted(splits))}", outside, advice, False)
    for split in (TRAIN, *HELD_OUT):
        if split in splits and not images[split]:
            yield Finding(
                "empty split", "stop", "no image in it can be learned from", (split,), "put images there", False
            )


def of_classes(survey: Survey) -> Iterator[Finding]:
    labels = {place.label for place in survey.places} - {""}
    if not labels:
        return
    splits = survey.splits
    none = tuple(
        survey.facts[row].name
        for row in survey.learnable
        if not survey.places[row].label and (survey.places[row].split or not splits)
    )
    if none:
        yield Finding(
            "without a class", "warning", "beside the folders of the classes", none, "move them into one", False
        )
    training = TRAIN if TRAIN in splits else ""
    counts = Counter({label: 0 for label in labels})
    counts.update(survey.places[row].label for row in survey.learnable if survey.places[row].split == training)
    del counts[""]
    largest, smallest = max(counts.values()), min(counts.values())
    if missing := tuple(sorted(label for label, count in counts.items() if not count)):
        where = " to train on" if training else ""
        yield Finding(
            "empty class", "warning", f"classes without an image{where}", missing, "add some, or drop them", False
        )
    if largest > UNEVEN * max(smallest, 1):
        rare = tuple(label for label, count in sorted(counts.items()) if count * UNEVEN < largest)
        yield Finding(
            "uneven classes",
            "warning",
            f"classes of {smallest:,} to {largest:,} images",
            rare,
            "add images of the rare ones: they will hardly be learned",
            False,
        )
    if few := tuple(label for label, count in sorted(counts.items()) if 0 < count < FEW_OF_CLASS):
        yield Finding("small class", "note", f"classes of fewer than {FEW_OF_CLASS} images", few, "add some", False)


def of_shapes(survey: Survey) -> Iterator[Finding]:
    rows = survey.learnable
    shapes = Counter((survey.facts[row].height, survey.facts[row].width) for row in rows)
    if len(shapes) < 2:
        return
    (height, width), count = shapes.most_common(1)[0]
    others = tuple(
        survey.facts[row].name for row in rows if (survey.facts[row].height, survey.facts[row].width) != (height, width)
    )
    what = f"of another size than {height}x{width}, which {count:,} images have; {len(shapes):,} sizes in all"
    yield Finding("several sizes", "warning", what, others, "bring all to one size (height x width)", False)
    ratios = np.log([survey.facts[row].width / survey.facts[row].height for row in rows])
    middle = float(np.median(ratios))
    odd = tuple(survey.facts[row].name for row, far in zip(rows, np.abs(ratios - middle) > np.log(ODD)) if far)
    if odd:
        what = f"much wider or narrower than most (width : height {np.exp(middle):.2f})"
        yield Finding(
            "odd aspect ratio", "warning", what, odd, "cut them to the others' shape, or take them away", False
        )


def of_number(survey: Survey) -> Iterator[Finding]:
    splits = survey.splits
    count = sum(not splits or survey.places[row].split == TRAIN for row in survey.kept)
    where = " to train on" if splits else ""
    if count < FEWEST:
        what = f"{count} images{where} that can be learned from"
        yield Finding("too few images", "stop", what, (), f"at least {FEWEST} are needed, thousands wanted", False)
    elif count < FEW:
        what = f"{count:,} different images{where}"
        advice = (
            f"get more: fewer than {FEW:,} are learned by heart, unless they are much alike; a GAN learns more of them "
            "with --augment ada (docs/augmentation.md)"
        )
        yield Finding("few images", "warning", what, (), advice, False)
