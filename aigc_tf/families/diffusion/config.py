"""The settings of a diffusion model. Importing this module imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from aigc_tf.errors import UserError
from aigc_tf.families.diffusion.networks import NETWORKS
from aigc_tf.families.diffusion.samplers import SAMPLERS
from aigc_tf.families.family import FamilyConfig
from aigc_tf.parts.optimizers import OPTIMIZERS
from aigc_tf.settings import CHANGEABLE, MANY, OneOf, Within

MOST_GUIDANCE = 10.0


@dataclasses.dataclass(frozen=True)
class DiffusionConfig(FamilyConfig):
    """What decides a diffusion model. Raises `UserError`, in one sentence, for values that cannot work."""

    # Network
    network: Annotated[str, OneOf(NETWORKS), arg(help=f"Architecture: {', '.join(NETWORKS)}.")] = "halves"
    base_channels: Annotated[int, Within(1, 4_096)] = 32
    """Channels where it has the fewest; all others are multiples of that."""
    conditional: bool = False
    """Learn from labels too, and sample any class asked for."""
    label_dropout: Annotated[float, Within(0, 1)] = 0.1
    """Share of the images whose label is kept back while training, so that guidance has something to lead away from
    (conditional only)."""

    # Objective
    data_std: Annotated[float, Within(1e-3, 10)] = 0.5
    """How far pixels lie from 0 in the mean, in [-1, 1]: it scales what the network sees and answers."""
    time_median: Annotated[float, Within(0.001, 0.999)] = 0.5
    """Half of what is trained is nearer to noise (0) than this, half nearer to images (1)."""
    time_std: Annotated[float, Within(1e-3, 10)] = 1.0
    """How widely times are spread around that: the standard deviation of their logit."""

    distil: Path | None = None
    """Run folder of a diffusion model with the same network, to learn its images in few of Euler's steps: give
    --sampler euler --sampling-steps 2 too."""

    # Optimisation
    optimizer: Annotated[str, OneOf(OPTIMIZERS, "optimizers"), arg(help=f"Any of: {', '.join(OPTIMIZERS)}.")] = "adam"
    learning_rate: Annotated[float, Within(1e-12, 10)] = 2e-3
    """Learning rate."""
    learning_rate_hold: Annotated[float, Within(0)] = 100_000.0
    """Images seen before the learning rate begins to fall, with the square root of the images seen; 0 for a constant
    one."""
    beta_1: Annotated[float, Within(0, 0.999999)] = 0.9
    """Decay of the gradient's mean (Adam and its kin; momentum of rmsprop)."""
    beta_2: Annotated[float, Within(0, 0.999999)] = 0.99
    """Decay of the squared gradient's mean (Adam and its kin; rho of rmsprop)."""
    ema_half_life: Annotated[float, Within(0)] = 1_000_000.0
    """Half-life of the network's moving average, in images; 0 for no averaging."""
    ema_ramp_up: Annotated[float, Within(0)] = 0.1
    """The half-life is at most this share of the images seen so far; 0 for no ramp-up."""

    # Sampling
    sampler: Annotated[
        str, OneOf(SAMPLERS, "samplers"), CHANGEABLE, arg(help=f"How noise becomes an image: {', '.join(SAMPLERS)}.")
    ] = "heun"
    sampling_steps: Annotated[int, Within(1, MANY), CHANGEABLE] = 6
    """Steps from noise to an image."""
    guidance: Annotated[float, Within(0, MOST_GUIDANCE), CHANGEABLE] = 1.0
    """How strongly samples are led to their class unless asked for otherwise: 1 as learned, 0 not at all (conditional
    only)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.guidance != 1.0 and not self.conditional:
            raise UserError(f"guidance {self.guidance:g} leads to a class, so it needs --conditional")
        if self.distil is not None and self.sampler != "euler":
            raise UserError(f"distil learns the steps of the sampler euler, but sampler is {self.sampler}")

    @property
    def no_parent(self) -> str:
        return "" if self.distil is None else f"it was distilled, and its steps are no flow: take {self.distil}"

    @property
    def learned(self) -> frozenset[str]:
        return frozenset() if self.distil is None else frozenset({"sampler", "sampling_steps"})

    @property
    def title(self) -> str:
        steps = "" if self.distil is None else f"-{self.sampling_steps}-steps"
        return f"{self.network}-flow" + steps + ("-conditional" if self.conditional else "")
