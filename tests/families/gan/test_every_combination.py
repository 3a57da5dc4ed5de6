"""Every loss × penalty × network takes a step from which training can go on, with labels and without."""

import numpy as np
import pytest
import tensorflow as tf
from small_gans import (
    BATCH,
    LABELLED,
    SPEC,
    assert_close,
    config,
    created_gan,
    real_images,
    real_labels,
    some_change,
    train,
    weights,
)

from aigc_tf.families import signatures
from aigc_tf.families.gan.model import GAN
from aigc_tf.families.gan.networks import NETWORKS
from aigc_tf.parts.losses import GAN_LOSSES
from aigc_tf.parts.penalties import PENALTIES

ONE_OR_NO_PENALTY = [(), *((name,) for name in PENALTIES)]


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    return request.param


@pytest.fixture(scope="module")
def networks(network):
    """Both networks and their first weights; building them again for each combination would take most of the time."""
    tf.keras.utils.set_random_seed(0)
    pair = NETWORKS[network](SPEC, config().family.latent_dim, spectral_norm=True)
    return pair, [part.get_weights() for part in pair]


@pytest.fixture(scope="module")
def conditional_networks(network):
    tf.keras.utils.set_random_seed(0)
    pair = NETWORKS[network](LABELLED, config().family.latent_dim, spectral_norm=True, conditional=True)
    return pair, [part.get_weights() for part in pair]


@pytest.mark.parametrize("penalties", ONE_OR_NO_PENALTY, ids=lambda names: "+".join(names) or "none")
@pytest.mark.parametrize("loss", GAN_LOSSES)
def test_a_finite_step(networks, network, loss, penalties):
    assert_a_finite_step(networks, SPEC, config(network=network, loss=loss, penalties=penalties))


@pytest.mark.parametrize("loss", GAN_LOSSES)
def test_a_finite_step_with_labels(conditional_networks, network, loss):
    """With all penalties at once: they see nothing of labels but another discriminator."""
    settings = config(network=network, loss=loss, penalties=tuple(PENALTIES), conditional=True)
    assert_a_finite_step(conditional_networks, LABELLED, settings)


def assert_a_finite_step(networks, spec, settings):
    pair, first = networks
    for part, values in zip(pair, first):
        part.set_weights(values)
    penalties = settings.family.penalties
    functions = {name: PENALTIES[name] for name in penalties}
    gan = GAN(spec, pair, GAN_LOSSES[settings.family.loss], functions, settings)
    gan.compile({"generator": tf.keras.optimizers.Adam(1e-3), "discriminator": tf.keras.optimizers.Adam(1e-3)})
    before = weights(gan)
    gan.train_step({"image": real_images(0, BATCH), "label": real_labels(0, BATCH)})
    after = weights(gan)
    for name, value in after.items():
        assert np.isfinite(value).all(), name
    for part in ("generator ", "discriminator ", "ema_generator "):
        assert some_change(before, after, part)
    shown = {"loss/generator", "loss/discriminator", *(f"penalty/{name}" for name in penalties)}
    assert shown <= gan.tracked().keys() and np.isfinite(list(gan.tracked().values())).all()


@pytest.mark.parametrize("conditional", [False, True], ids=["", "conditional"])
def test_mixed_precision_steps_keep_weights_in_float32(network, conditional):
    same = {"network": network, "spectral_norm": True, "penalties": ("r1", "wgan_gp"), "conditional": conditional}
    settings = config(mixed_precision=True, **same)
    low = created_gan(settings, eager=True)
    assert "bfloat16" in {layer.compute_dtype for layer in low.generator.layers}
    train(low, 1)
    for name, value in weights(low).items():
        assert value.dtype in (np.float32, np.int32, np.int64) and np.isfinite(value).all(), name
    full = train(created_gan(config(**same), eager=True), 1)
    assert low.tracked()["loss/discriminator"] == pytest.approx(full.tracked()["loss/discriminator"], rel=0.1)
    assert tf.keras.mixed_precision.global_policy().name == "float32"


def test_raw_weights_can_be_served_under_mixed_precision():
    """The copy of them in float32 must not be made inside of a graph."""
    gan = train(created_gan(config(mixed_precision=True), eager=True), 1)
    seeds = tf.range(3, dtype=tf.int64)
    served = signatures.build(gan, weights="raw")[1]["sample"](seeds)["image"]
    np.testing.assert_allclose(served, (gan.sample(seeds, weights="raw") + 1) / 2, atol=1e-6)
    assert (served != signatures.build(gan)[1]["sample"](seeds)["image"]).numpy().all((1, 2, 3)).any()


def test_jit_compile_takes_the_step_of_the_network(network):
    """XLA turns random bits into floats in its own way, so only what precedes all noise can be equal."""
    settings = config(network=network, penalties=("r1",), penalty_interval=1, global_batch_size=2)
    compiled = created_gan(settings.changed(jit_compile=True))
    plain = created_gan(settings, eager=True)
    assert_close(weights(compiled), weights(plain), atol=0)
    before = weights(compiled)
    train(compiled, 1), train(plain, 1)
    after = weights(compiled)
    for name, value in after.items():
        assert np.isfinite(value).all(), name
    for part in ("generator ", "discriminator ", "ema_generator "):
        assert some_change(before, after, part)
    if not any("dropout" in layer.name for layer in compiled.discriminator.layers):
        for name in ("logits/real", "penalty/r1"):
            assert compiled.tracked()[name] == pytest.approx(plain.tracked()[name], rel=1e-4)
