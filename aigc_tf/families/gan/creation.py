"""From a configuration to a GAN that can be trained."""

from __future__ import annotations

from aigc_tf.config import TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.creation import check_labels, making_networks
from aigc_tf.families.gan.config import GANConfig
from aigc_tf.families.gan.model import GAN
from aigc_tf.families.gan.networks import NETWORKS
from aigc_tf.parts.losses import GAN_LOSSES
from aigc_tf.parts.optimizers import OPTIMIZERS
from aigc_tf.parts.penalties import PENALTIES


def create(spec: DataSpec, config: TrainConfig) -> GAN:
    """The GAN that `config` describes, with freshly drawn weights and optimizers, ready for `fit`.

    Weights are drawn from the global seed (`tf.keras.utils.set_random_seed`). Call it under the strategy's scope.
    Raises UserError where it is to learn from labels that the data do not have.
    """
    settings = config.family
    assert isinstance(settings, GANConfig)
    if settings.conditional:
        check_labels(spec, config)
    with making_networks(config):
        build = NETWORKS[settings.network]
        networks = build(
            spec,
            settings.latent_dim,
            settings.spectral_norm,
            conditional=settings.conditional,
            **settings.widths,
        )
        penalties = {name: PENALTIES[name] for name in settings.penalties}
        gan = GAN(spec, networks, GAN_LOSSES[settings.loss], penalties, config)
    optimizer = OPTIMIZERS[settings.optimizer]
    rates = settings.learning_rates(spec.shape)
    optimizers = {name: optimizer(rate, settings.beta_1, settings.beta_2) for name, rate in rates.items()}
    gan.compile(optimizers, jit_compile=config.jit_compile)
    return gan
