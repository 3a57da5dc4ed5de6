"""Train on generated, test on real: three patterns, told apart by a network that saw generated ones only."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.metrics import teaching, train_on_generated, weights_file
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, Observations
from aigc_tf.metrics.teaching import Lesson, ceiling, told_right
from aigc_tf.metrics.train_on_generated import measure

CLASSES = 3
ROWS, COLUMNS = np.indices((8, 8))
PATTERNS = np.stack([ROWS // 2 % 2, COLUMNS // 2 % 2, (ROWS // 2 + COLUMNS // 2) % 2])[..., None]


def patterned(seed: int, labels: np.ndarray, noise: float = 40) -> np.ndarray:
    images = 60 + 80 * PATTERNS[labels] + np.random.default_rng(seed).normal(0, noise, size=(len(labels), 8, 8, 1))
    return np.clip(images, 0, 255).astype(np.uint8)


LABELS = np.arange(300) % CLASSES
REAL = Observations(images=patterned(0, LABELS), labels=LABELS)
TRAINING = Observations(images=patterned(1, LABELS), labels=LABELS)


def generated(images: np.ndarray, told: np.ndarray) -> Observations:
    return Observations(images=images, probabilities=np.eye(CLASSES)[told])


def figure_of(images: np.ndarray, told: np.ndarray, training: Observations | None = TRAINING) -> Figure:
    return measure(Evidence(REAL, generated(images, told), training))["train_on_generated_accuracy"]


@pytest.fixture(scope="module", autouse=True)
def short_trainings():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_on_generated, "_STEPS", 40)
        yield


@pytest.fixture(scope="module")
def good() -> Figure:
    return figure_of(patterned(2, LABELS), LABELS)


def test_good_images_are_worth_as_much_as_real_ones(good):
    assert good.value > 0.9 and good.value == pytest.approx(good.reference, abs=0.05)
    assert good.interval[0] < good.value <= good.interval[1]
    assert (good.better, good.judged_by) == ("higher", "classifier")
    assert good.note == "trained on 300 images for 40 steps"


def test_the_same_evidence_gives_the_same_figure_whatever_was_drawn_before(good):
    tf.random.set_seed(7)
    state = np.random.get_state()[1].copy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        assert figure_of(patterned(2, LABELS), LABELS) == good
        assert tf.keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_noisier_images_and_shuffled_labels_are_worth_less(good):
    noisy = [figure_of(patterned(2, LABELS, noise), LABELS, None).value for noise in (200, 500)]
    assert good.value - 0.1 > noisy[0] > noisy[1] + 0.1
    shuffled = figure_of(patterned(2, LABELS), np.random.default_rng(0).permutation(LABELS), None)
    assert shuffled.value < 0.55 and shuffled.reference is None


@pytest.mark.parametrize("kept", [2, 1])
def test_with_classes_lost_only_the_others_are_told_right(kept):
    labels = np.arange(300) % kept
    assert figure_of(patterned(2, labels), labels, None).value == pytest.approx(kept / CLASSES, abs=0.05)


def test_both_trainings_see_as_many_images_in_any_order_of_the_folder(monkeypatch):
    seen = []

    def remember(lesson):
        seen.append((len(lesson.images), sorted(set(lesson.labels))))
        return np.ones(len(lesson.test_images), bool)

    for module in (teaching, train_on_generated):
        monkeypatch.setattr(module, "told_right", remember)
    figure_of(patterned(2, np.sort(LABELS)), np.sort(LABELS), TRAINING.rows(np.arange(90)))
    assert seen == [(90, [0, 1, 2]), (90, [0, 1, 2])]


def test_what_is_missing_or_does_not_fit_is_said():
    images = patterned(2, LABELS)
    unlabelled = Evidence(Observations(images=REAL.images), generated(images, LABELS))
    for evidence, message in [
        (unlabelled, "labels of real"),
        (Evidence(REAL, Observations(images=images)), "probabilities of generated"),
        (Evidence(REAL, Observations()), "images of generated"),
    ]:
        with pytest.raises(MissingEvidence, match=message):
            measure(evidence)
    with pytest.raises(ValueError, match="0 to 1"):
        told_right(Lesson(images, LABELS, 2, REAL.images, REAL.labels))
    with pytest.raises(ValueError, match=r"\(8, 8, 1\), not \(8, 6, 1\)"):
        told_right(Lesson(images[:8], LABELS[:8], 3, REAL.images[:, :, :6], REAL.labels))


def test_what_real_images_teach_is_measured_once_and_a_damaged_file_costs_a_training(tmp_path, monkeypatch):
    taught = Lesson(TRAINING.images, LABELS, CLASSES, REAL.images, LABELS, 40)
    first = ceiling(taught, cache=tmp_path)
    assert first == told_right(taught).mean()
    (path,) = (tmp_path / "ceilings").iterdir()
    monkeypatch.setattr(teaching, "told_right", lambda lesson: np.zeros(5, bool))
    assert ceiling(taught, cache=tmp_path) == first
    whole = path.read_bytes()
    for content in (b"", whole[:-30]):
        path.write_bytes(content)
        with pytest.warns(UserWarning, match=f"{path.name}.*measured anew"):
            assert ceiling(taught, cache=tmp_path) == 0
    weights_file.write_arrays(path, {"share": np.float64(1.5)})
    with pytest.warns(UserWarning, match="no share of images told right; it is measured anew"):
        assert ceiling(taught, cache=tmp_path) == 0
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="could not be kept, and will be measured again"):
        assert ceiling(taught, cache=tmp_path / "file") == 0


def test_all_that_decides_what_real_images_teach_names_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr(teaching, "told_right", lambda lesson: np.ones(5, bool))
    taught = Lesson(TRAINING.images, LABELS, CLASSES, REAL.images, LABELS, 40)
    other = Lesson(TRAINING.images[::-1], LABELS[::-1], CLASSES + 1, REAL.images[::-1], LABELS[::-1], None)
    for name, value in vars(other).items():
        ceiling(dataclasses.replace(taught, **{name: value}), cache=tmp_path)
    ceiling(taught, cache=tmp_path)
    assert len(list((tmp_path / "ceilings").iterdir())) == len(vars(taught)) + 1
