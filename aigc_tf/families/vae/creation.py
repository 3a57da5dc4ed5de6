"""From a configuration to a VAE that can be trained."""

from __future__ import annotations

from aigc_tf.config import TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.creation import check_labels, making_networks
from aigc_tf.families.vae.config import VAEConfig
from aigc_tf.families.vae.likelihoods import LIKELIHOODS
from aigc_tf.families.vae.model import VAE
from aigc_tf.families.vae.networks import NETWORKS
from aigc_tf.families.vae.objectives import OBJECTIVES
from aigc_tf.parts.optimizers import OPTIMIZERS


def create(spec: DataSpec, config: TrainConfig) -> VAE:
    """The VAE that `config` describes, with freshly drawn weights and optimizer, ready for `fit`.

    Weights are drawn from the global seed (`tf.keras.utils.set_random_seed`). Call it under the strategy's scope.
    Raises UserError where it is to learn from labels that the data do not have.
    """
    settings = config.family
    assert isinstance(settings, VAEConfig)
    if settings.conditional:
        check_labels(spec, config)
    likelihood = LIKELIHOODS[settings.likelihood]
    with making_networks(config):
        build = NETWORKS[settings.network]
        networks = build(spec, settings.latent_dim, likelihood.parameters, conditional=settings.conditional)
        vae = VAE(spec, networks, likelihood, OBJECTIVES[settings.objective], config)
    optimizer = OPTIMIZERS[settings.optimizer](settings.learning_rate, settings.beta_1, settings.beta_2)
    vae.compile({"vae": optimizer}, jit_compile=config.jit_compile)
    return vae
