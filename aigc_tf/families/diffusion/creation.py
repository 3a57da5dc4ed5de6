"""From a configuration to a diffusion model that can be trained."""

from __future__ import annotations

from aigc_tf.config import TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import UserError
from aigc_tf.families.creation import check_labels, making_networks
from aigc_tf.families.diffusion.config import DiffusionConfig
from aigc_tf.families.diffusion.model import Diffusion
from aigc_tf.families.diffusion.networks import NETWORKS
from aigc_tf.parts.optimizers import OPTIMIZERS


def create(spec: DataSpec, config: TrainConfig) -> Diffusion:
    """The model that `config` describes, with freshly drawn weights and an optimizer, ready for `fit`.

    Weights are drawn from the global seed (`tf.keras.utils.set_random_seed`). Call it under the strategy's scope.
    Raises UserError where it is to learn from labels that the data do not have.
    """
    settings = config.family
    assert isinstance(settings, DiffusionConfig)
    if settings.distil is not None and config.parent is not None:
        raise UserError(
            f"a student begins with the weights of its teacher, here {settings.distil}: leave out --distil or --from"
        )
    if settings.conditional:
        check_labels(spec, config)
    with making_networks(config):
        several = 1 if settings.distil is None else 2
        build, size = NETWORKS[settings.network], settings.base_channels
        networks = [build(spec, conditional=settings.conditional, channels=size) for _ in range(several)]
        model = Diffusion(spec, *networks, config=config)
    optimizer = OPTIMIZERS[settings.optimizer](settings.learning_rate, settings.beta_1, settings.beta_2)
    model.compile({"flow": optimizer}, jit_compile=config.jit_compile)
    return model
