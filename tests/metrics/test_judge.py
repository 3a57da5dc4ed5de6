"""The contract, over every measure in METRICS, and what is refused before anything is measured."""

import dataclasses
import subprocess
import sys

import answers
import numpy as np
import pytest

from aigc_tf.metrics import ASKING, METRICS
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, Observations
from aigc_tf.metrics.judge import Judgement, judge


def observations(seed: int, count: int = 300) -> Observations:
    random = np.random.default_rng(seed)
    probabilities, extractor_probabilities = (
        random.dirichlet(np.full(classes, 0.1), count).astype(np.float32) for classes in (4, 20)
    )
    return Observations(
        features=random.normal(size=(count, 6)).astype(np.float32),
        probabilities=probabilities,
        scores={"logit": random.normal(size=count).astype(np.float32)},
        images=random.integers(0, 256, size=(count, 12, 12, 3), dtype=np.uint8),
        labels=random.integers(0, 4, count),
        extractor_probabilities=extractor_probabilities,
    )


FULL = Evidence(
    observations(0),
    observations(1),
    observations(2, 400),
    extractor="inception",
    asked=answers.like(np.random.default_rng(3).gamma(1, size=100)),
)
NEED_NO_REAL_IMAGES = {"inception_score", *ASKING}


@pytest.fixture(scope="module", autouse=True)
def short_training():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aigc_tf.metrics.train_on_generated._STEPS", 10)
        patch.setattr("aigc_tf.metrics.classification_accuracy_score._MOST_STEPS", 10)
        yield


@pytest.fixture(scope="module")
def judged(short_training) -> Judgement:
    return judge(FULL)


def arrays(evidence: Evidence) -> dict[str, np.ndarray]:
    fields = [field.name for field in dataclasses.fields(Observations) if field.name != "scores"]
    several = {
        f"{whose} {field}": getattr(getattr(evidence, whose), field)
        for whose in ("real", "generated", "training")
        for field in fields
    }
    logits = {f"{whose} logit": getattr(evidence, whose).scores["logit"] for whose in ("real", "generated", "training")}
    return {**several, **logits, **evidence.asked}


@pytest.mark.parametrize("name", METRICS)
def test_every_measure_is_pure_documented_and_says_what_it_lacks(name, judged):
    measure = METRICS[name]
    before = {field: array.copy() for field, array in arrays(FULL).items()}
    # A copy of the evidence, so that nothing kept with the first one answers for the second.
    figures = measure(dataclasses.replace(FULL))
    assert figures.items() <= judged.figures.items()
    for field, array in arrays(FULL).items():
        np.testing.assert_array_equal(array, before[field], err_msg=field)
    document = sys.modules[measure.__module__].__doc__
    assert all(word in document for word in ("Definition:", "Range:", "Direction:", "arXiv:", "Interval:"))
    lacking = [Evidence(FULL.real, Observations(), FULL.training, "inception")]
    if name not in NEED_NO_REAL_IMAGES:
        lacking.append(dataclasses.replace(FULL, real=Observations()))
    for evidence in lacking:
        with pytest.raises(MissingEvidence, match="images were given"):
            measure(evidence)


def test_every_figure_lies_in_its_interval_and_is_a_plain_number(judged):
    for name, figure in judged.figures.items():
        assert type(figure.value) is float and type(figure.reference) in (float, type(None)), name
        assert figure.interval is not None and [type(end) for end in figure.interval] == [float, float], name
        assert figure.interval[0] <= figure.value <= figure.interval[1], name


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("count", [1, 3, 21])
def test_a_few_images_give_finite_figures_or_a_sentence(name, count):
    few = Evidence(
        observations(0, count), observations(1, count), observations(2, count), "inception", answers.like(np.ones(1))
    )
    try:
        figures = METRICS[name](few)
    except MissingEvidence as error:
        assert str(error)
    else:
        assert all(np.isfinite(figure.value) for figure in figures.values())


def test_judge_takes_all_measures_in_order(judged):
    assert not judged.skipped
    assert list(judged.figures) == [
        "fid",
        "kid",
        "precision",
        "recall",
        "density",
        "coverage",
        "inception_score",
        "classifier_score",
        "class_coverage",
        "class_kl",
        "discriminator_accuracy",
        "discriminator_precision",
        "discriminator_recall",
        "discriminator_auc",
        "ms_ssim",
        "ms_ssim_within_class",
        "brightness",
        "contrast",
        "sharpness",
        "saturation",
        "memorisation_ct",
        "memorised_share",
        "train_distance_ratio",
        "path_length",
        "bits_per_dimension",
        "train_on_generated_accuracy",
        "label_accuracy",
        "fd_within_class",
        "classification_accuracy_score",
        "bound_coin",
    ]


def test_another_extractor_has_names_of_its_own_and_no_inception_score():
    judgement = judge(
        dataclasses.replace(FULL, extractor="iris"), ["fd", "kernel_distance", "path_length", "inception_score"]
    )
    assert list(judgement.figures) == ["fd_iris", "kid_iris", "path_length_iris"]
    assert not judgement.skipped


def test_judge_goes_on_without_a_discriminator_and_names_what_it_skipped():
    blind = [dataclasses.replace(seen, scores={}) for seen in (FULL.real, FULL.generated)]
    judgement = judge(Evidence(*blind), ["fd", "discriminator"])
    assert "fd_lenet" in judgement.figures and "discriminator_accuracy" not in judgement.figures
    assert judgement.skipped == ("discriminator was not measured: no logit of real images were given",)


def test_judge_refuses_an_unknown_measure():
    with pytest.raises(ValueError, match="fid.*fd"):
        judge(FULL, ["fid"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"features": np.array([[1.0, np.nan]])}, "NaN"),
        ({"scores": {"logit": np.array([np.inf])}}, "NaN or infinite"),
        ({"features": np.zeros((0, 5))}, "empty"),
        ({"features": np.zeros(5)}, "2 dimensions"),
        ({"features": np.zeros((3, 5)), "scores": {"logit": np.zeros(4)}}, "differ in number"),
        ({"probabilities": np.array([[3.0, -2.0]])}, "logits"),
        ({"probabilities": np.array([[0.5, 0.1]])}, "sum to 1"),
    ],
)
def test_observations_that_cannot_be_measured_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Observations(**fields)


def test_a_figure_is_never_nan():
    with pytest.raises(ValueError, match="finite"):
        Figure(float("nan"), "lower")


def test_measuring_imports_no_tensorflow():
    code = (
        "import sys; from aigc_tf.metrics import METRICS, judge, quantise; [METRICS[name] for name in METRICS]; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
