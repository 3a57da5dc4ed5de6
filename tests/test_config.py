import json
import subprocess
import sys
from pathlib import Path
from types import UnionType
from typing import get_args, get_type_hints

import pytest

from aigc_tf.config import TrainConfig
from aigc_tf.errors import UserError
from aigc_tf.families import FAMILIES
from aigc_tf.parts.losses import GAN_LOSSES, ONE_STAGE
from aigc_tf.presets import PRESETS


def test_json_round_trip():
    config = TrainConfig.of(
        data_dir=Path("x/y"), penalties=("r1", "r2"), epochs=2.5, name="a", on_divergence="rollback"
    )
    assert TrainConfig.from_json(config.to_json(), "here") == config


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    assert TrainConfig.from_json(PRESETS[name].to_json(), name) == PRESETS[name]


def test_presets_are_the_tutorials_recipes():
    dense = PRESETS["dense-256"]
    assert (dense.family.network, dense.epochs, dense.global_batch_size) == ("mlp", 100, 256)
    assert dense.family.generator_learning_rate == dense.family.discriminator_learning_rate == 1e-4
    assert PRESETS["dense-64"].global_batch_size == 64
    assert PRESETS["dense-64"].family.generator_learning_rate == 2e-4
    assert PRESETS["dcgan"].family.network == "dcgan"
    assert PRESETS["conv-128"].changed(network="dcgan") == PRESETS["dcgan"]


@pytest.mark.parametrize(
    ("name", "generator", "discriminator", "shown"),
    [
        ("dense-128-128", (128, 128), (128, 128), 50),
        ("dense-256-256", (256, 256), (256,), 200),
        ("dense-256-512-1024", (256, 512, 1024), (1024, 512, 256), 100 * 5),
    ],
)
def test_dense_presets_are_named_after_their_widths(name, generator, discriminator, shown):
    preset = PRESETS[name]
    assert preset.family.widths == {"generator_widths": generator, "discriminator_widths": discriminator}
    assert (preset.epochs, preset.global_batch_size, preset.family.critic_steps) == (shown, 64, 1)
    assert preset.family.generator_learning_rate == preset.family.discriminator_learning_rate == 2e-4


def test_settings_of_before_have_the_widths_of_before():
    config = TrainConfig.from_json('{"network": "mlp"}', "of before")
    assert config.family.widths == {}
    assert all(PRESETS[name].family.widths == {} for name in ("default", "dense-256", "dense-64", "dcgan"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("[]", "object"),
        ('{"stepz": 3}', "stepz.*known are .*steps"),
        ('{"steps": "3"}', 'steps.*"3"'),
        ('{"steps": 2.5}', "steps"),
        ('{"steps": true}', "steps is true, but must be a whole number or null"),
        ('{"minutes": true}', "minutes is true, but must be a number or null"),
        ('{"minutes": 1' + "0" * 400 + "}", "minutes is 10000.* a number or null"),
        ("[" * 100_000, "file.json"),
        ('{"beta_1": "x"}', 'beta_1 is "x", but must be a number'),
        ('{"jit_compile": 1}', "jit_compile is 1, but must be true or false"),
        ('{"penalties": "r1"}', r'penalties is "r1", but must be a list, such as \["r1"\], of any of r1, r2, wgan_gp'),
        ('{"penalties": [1]}', r"penalties is \[1\], but must be a list"),
        ('{"loss": 3}', "loss is 3, but must be one of non_saturating, .*relativistic"),
        ('{"optimizer": null}', "optimizer is null, but must be one of adam, .*lamb"),
        ('{"penalties": ["r3"]}', "r3.*r1, r2, wgan_gp"),
        ('{"on_divergence": "shrug"}', 'on_divergence is "shrug", but must be one of stop, rollback'),
        ('{"on_collapse": 1}', "on_collapse is 1, but must be one of warn, stop, best"),
        ('{"model": 5}', "model is 5, but must be one of gan"),
        ('{"model": ["gan"]}', "one of gan"),
        ('{"model": "gam"}', "'gam' is not one of the families: gan"),
        ('{"data_dir": 5}', "file.json: data_dir is 5, but must be a path in quotes or null"),
        ('{"logs": null}', "logs is null, but must be a path in quotes"),
        ('{"generator_widths": 256}', r"generator_widths is 256, but must be a list .* such as \[256, 512\], or null"),
        (
            '{"generator_widths": [256, true]}',
            r"generator_widths is \[256, true\], but must be a list of whole numbers",
        ),
        ('{"network": "mlp", "discriminator_widths": [256, 0]}', "discriminator_widths is 0, but must be from 1"),
        ('{"name": 4}', "name is 4, but must be text in quotes or null"),
    ],
)
def test_bad_json_is_refused(text, said):
    with pytest.raises(UserError, match=said):
        TrainConfig.from_json(text, "file.json")


def test_a_run_of_before_goes_on_in_two_stages():
    """As all did that were begun before there were runs of one stage."""
    record = '{"dataset": "mnist"}'
    assert TrainConfig.from_json(record, "of before", record=True).family.stages == "two"
    assert TrainConfig.from_json(record, "a file of some settings").family.stages == "fewest"
    now = TrainConfig.of(dataset="mnist")
    assert TrainConfig.from_json(now.to_json(), "of today", record=True) == now


def test_with_labels_a_run_of_before_goes_on_as_it_began():
    """When `auto` was the default, which was two stages with labels, rates fell from 100,000 images on, with or without
    labels, and both stand in its record. What a penalty weighs does not, unless it was given."""
    record = '{"dataset": "mnist", "conditional": true, "stages": "auto", "learning_rate_hold": 100000.0}'
    before = TrainConfig.from_json(record, "of before", record=True).family
    assert not before.one_stage and before.images_at_full_rates == 100_000
    assert before.weight_of_penalties((28, 28, 1), 60_000) == 0.1
    today = TrainConfig.of(dataset="mnist", conditional=True).family
    assert today.one_stage and today.images_at_full_rates == 10_000
    assert today.weight_of_penalties((28, 28, 1), 60_000) == 0.03
    assert TrainConfig.of(dataset="mnist").family.images_at_full_rates == 100_000
    assert TrainConfig.of(dataset="mnist", conditional=True, learning_rate_hold=5.0).family.images_at_full_rates == 5


@pytest.mark.parametrize("loss", sorted(set(GAN_LOSSES) - set(ONE_STAGE)))
def test_one_stage_needs_a_loss_that_allows_it(loss):
    assert not TrainConfig.of(loss=loss).family.one_stage
    with pytest.raises(UserError, match=f"stages one needs a loss of .*, but loss is {loss}"):
        TrainConfig.of(loss=loss, stages="one")


def test_a_runs_record_without_its_data_set_is_damaged():
    with pytest.raises(UserError, match="here: it is damaged and holds no dataset"):
        TrainConfig.from_json('{"steps": 3, "name": "dataset"}', "here", record=True)


def test_whole_numbers_are_floats_too():
    assert TrainConfig.from_json(json.dumps({"beta_1": 0, "minutes": 3}), "here").minutes == 3.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": "mnis"}, "mnis.*mnist, mnist_5k, fashion_mnist"),
        ({"network": "resnet"}, "lean, dcgan, mlp"),
        ({"loss": "gan"}, "hinge"),
        ({"network": "lean", "generator_widths": (4,)}, "generator_widths is for the network mlp only, .* is lean"),
        ({"network": "dcgan", "discriminator_widths": (4,)}, "discriminator_widths is for the network mlp only"),
        ({"network": "mlp", "generator_widths": ()}, "generator_widths holds no number"),
        ({"optimizer": "sgd"}, "adam"),
        ({"penalties": ("r1", "r1")}, "twice"),
        ({"steps": 10, "epochs": 1.0}, "steps and epochs"),
        ({"global_batch_size": 7, "replicas": 2}, "7.*2 replicas.*multiple"),
        ({"jit_compile": True, "replicas": 2}, "jit_compile.*2 replicas"),
        ({"steps": 0}, "steps is 0"),
        ({"beta_2": 1.0}, "beta_2"),
        ({"generator_learning_rate": float("nan")}, "generator_learning_rate"),
        ({"minutes": float("inf")}, "minutes"),
        ({"penalty_weight": -1.0}, "penalty_weight"),
        ({"name": "a/b"}, "plain folder name"),
        ({"name": ".."}, "plain folder name"),
        ({"name": "a\0b"}, "plain folder name"),
        ({"name": "a" * 300}, "plain folder name"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_settings_are_refused(changes, said):
    with pytest.raises(UserError, match=said):
        TrainConfig.of(**changes)


def test_every_number_has_bounds():
    """A number added without bounds would let nonsense through to TensorFlow."""
    for name, family in FAMILIES.items():
        for kind in (TrainConfig, family.config):
            for field, hint in get_type_hints(kind).items():
                kinds = {hint, *get_args(hint)}
                bad = {int: -1, float: -1, tuple[int, ...]: (3, -1)}
                for each in bad.keys() & kinds if isinstance(hint, type | UnionType) else ():
                    with pytest.raises(UserError, match=f"{field} is -1, but must be"):
                        TrainConfig.of(model=name, **{field: bad[each]})


def test_a_budget_is_given_once():
    assert TrainConfig().with_budget().steps == 4_000
    assert TrainConfig.of(model="vae").with_budget().steps == 6_000
    assert TrainConfig(epochs=2.0).with_budget().steps is None


def test_importing_the_configuration_imports_no_tensorflow():
    code = (
        "import sys, aigc_tf.cli; assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
