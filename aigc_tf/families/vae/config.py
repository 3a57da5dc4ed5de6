"""The settings of a variational autoencoder. Importing this module imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from tyro.conf import arg

from aigc_tf.errors import UserError
from aigc_tf.families.family import FamilyConfig
from aigc_tf.families.vae.likelihoods import LIKELIHOODS
from aigc_tf.families.vae.networks import NETWORKS
from aigc_tf.families.vae.objectives import OBJECTIVES
from aigc_tf.parts.optimizers import OPTIMIZERS
from aigc_tf.settings import OneOf, Within


@dataclasses.dataclass(frozen=True)
class VAEConfig(FamilyConfig):
    """What decides a VAE. Raises `UserError`, in one sentence, for values that cannot work."""

    # Networks
    network: Annotated[str, OneOf(NETWORKS), arg(help=f"Architecture of both networks: {', '.join(NETWORKS)}.")] = (
        "lean"
    )
    latent_dim: Annotated[int, Within(1, 65_536)] = 32
    """Numbers in a latent vector."""
    conditional: bool = False
    """Learn from labels too, and sample any class asked for."""

    # Objective
    likelihood: Annotated[
        str, OneOf(LIKELIHOODS), arg(help=f"Of an image, given its latent: {', '.join(LIKELIHOODS)}.")
    ] = "bernoulli"
    objective: Annotated[str, OneOf(OBJECTIVES), arg(help=f"What is trained: {', '.join(OBJECTIVES)}.")] = "elbo"
    importance_samples: Annotated[int, Within(1, 1_000)] = 1
    """Latents drawn for each image of a batch (K of iwae)."""
    beta: Annotated[float, Within(0)] = 1.0
    """Weight of the divergence from the prior (Higgins et al. 2017); 1 for a bound on the likelihood."""
    kl_warm_up: Annotated[float, Within(0)] = 0.0
    """Images seen while that weight rises from 0 to its full; 0 for the full from the start."""
    free_bits: Annotated[float, Within(0)] = 0.0
    """Nats of divergence that each unit of the latent has for free (Kingma et al. 2016; objective elbo only)."""

    # Optimisation
    optimizer: Annotated[
        str, OneOf(OPTIMIZERS, "optimizers"), arg(help=f"For both networks: {', '.join(OPTIMIZERS)}.")
    ] = "adam"
    learning_rate: Annotated[float, Within(1e-12, 10)] = 2e-3
    """Learning rate of both networks."""
    learning_rate_hold: Annotated[float, Within(0)] = 300_000.0
    """Images seen before the learning rate begins to fall, with the square root of the images seen; 0 for a constant
    one."""
    beta_1: Annotated[float, Within(0, 0.999999)] = 0.9
    """Decay of the gradient's mean (Adam and its kin; momentum of rmsprop)."""
    beta_2: Annotated[float, Within(0, 0.999999)] = 0.999
    """Decay of the squared gradient's mean (Adam and its kin; rho of rmsprop)."""
    ema_half_life: Annotated[float, Within(0)] = 1_000_000.0
    """Half-life of the moving average of both networks, in images; 0 for no averaging."""
    ema_ramp_up: Annotated[float, Within(0)] = 0.1
    """The half-life is at most this share of the images seen so far; 0 for no ramp-up."""

    # Sampling
    prior_components: Annotated[int, Within(0, 10_000)] = 200
    """Gaussians of the mixture that is fitted to the latents of training images when training ends, and that latents
    are then drawn from; 0 for the standard normal prior."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.free_bits and self.objective != "elbo":
            raise UserError(f"free_bits are for the objective elbo only, but objective is {self.objective}")

    @property
    def title(self) -> str:
        parts = (self.network, self.likelihood, *(() if self.objective == "elbo" else (self.objective,)))
        return "vae-" + "-".join(parts) + ("-conditional" if self.conditional else "")
