"""What counts as a collapse, and what is normal."""

from __future__ import annotations

import pytest

from aigc_tf.metrics.collapse import symptoms

GOOD = {"fd_lenet": 5.0, "class_coverage": 10.0, "ms_ssim": 0.3, "discriminator_accuracy": 0.6}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"class_coverage": 7.0}, "7 of 10 classes"),
        ({"class_coverage": 1.0}, "1 of 10 classes"),
        ({"ms_ssim": 0.8}, "alike"),
        ({"discriminator_accuracy": 0.995}, "99.5%"),
    ],
)
def test_a_run_that_was_better_and_shows_a_symptom_has_collapsed(change, said):
    now = {**GOOD, "fd_lenet": 30.0, **change}
    (found,) = symptoms(now, [{**GOOD, "fd_lenet": 40.0, "class_coverage": 4.0}, GOOD], num_classes=10)
    assert said in found


def test_a_symptom_alone_or_a_worse_distance_alone_is_none():
    assert not symptoms({**GOOD, "fd_lenet": 6.0, "class_coverage": 9.0, "ms_ssim": 0.8}, [GOOD], 10)
    assert not symptoms({**GOOD, "fd_lenet": 30.0}, [GOOD], 10)


def test_nothing_is_said_of_a_young_run():
    early = {"fd_lenet": 300.0, "class_coverage": 1.0, "ms_ssim": 0.9, "discriminator_accuracy": 1.0}
    assert not symptoms(early, [], 10)
    assert not symptoms(early, [early], 10)


def test_a_run_that_never_made_half_of_the_classes_is_told_of_at_the_third_judgement():
    poor = {"fd_lenet": 300.0, "class_coverage": 4.0}
    assert symptoms(poor, [poor, poor], 10) == ["it makes 4 of 10 classes"]
    assert not symptoms({**poor, "class_coverage": 5.0}, [poor, poor], 10)


def test_images_without_classes_are_judged_by_what_is_left():
    assert not symptoms({"fd_lenet": 5.0}, [{"fd_lenet": 4.0}] * 3, 0)
    assert symptoms({"fd_lenet": 50.0, "discriminator_accuracy": 1.0}, [{"fd_lenet": 4.0}], 0)
