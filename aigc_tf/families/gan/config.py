"""The settings of a GAN. Importing this module imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from tyro.conf import arg

from aigc_tf.errors import UserError
from aigc_tf.families.family import FamilyConfig
from aigc_tf.families.gan.networks import NETWORKS, WITH_WIDTHS
from aigc_tf.parts.losses import GAN_LOSSES, ONE_STAGE
from aigc_tf.parts.optimizers import OPTIMIZERS
from aigc_tf.parts.penalties import PENALTIES
from aigc_tf.settings import MANY, OneOf, Within

_DIGIT = 28 * 28
"""Numbers in an image for which the weight of penalties was found."""
_MANY_IMAGES, _SHARE_WITH_LABELS = 60_000, 0.03
"""Training images for which the weight of penalties with labels was found, as a share of that without."""
_RATE, _SIDE, _LEAST_SHARE = 2e-3, 32, 0.5
"""The learning rate, the side of the largest images (in pixels) for which it was found to hold, and what share of it
was found to hold for the largest that were tried."""


@dataclasses.dataclass(frozen=True)
class GANConfig(FamilyConfig):
    """What decides a GAN. Raises `UserError`, in one sentence, for values that cannot work."""

    default_steps: ClassVar[int] = 4_000
    before: ClassVar[Mapping[str, Any]] = {"stages": "two", "penalty_share_with_labels": 0.1}

    # Networks
    network: Annotated[str, OneOf(NETWORKS), arg(help=f"Architecture of both networks: {', '.join(NETWORKS)}.")] = (
        "lean"
    )
    latent_dim: Annotated[int, Within(1, 65_536)] = 64
    """Numbers in a latent vector."""
    generator_widths: Annotated[tuple[int, ...] | None, Within(1, 16_384)] = None
    """Units of the generator's hidden layers from first to last (network mlp only; its own are 256 512)."""
    discriminator_widths: Annotated[tuple[int, ...] | None, Within(1, 16_384)] = None
    """Units of the discriminator's hidden layers from first to last (network mlp only; its own are 1024 512)."""
    spectral_norm: bool = False
    """Spectral normalisation of the discriminator (Miyato et al. 2018)."""
    conditional: bool = False
    """Learn from labels too, and sample any class asked for."""

    # Objective
    loss: Annotated[str, OneOf(GAN_LOSSES), arg(help=f"Adversarial loss: {', '.join(GAN_LOSSES)}.")] = "non_saturating"
    penalties: Annotated[
        tuple[str, ...], OneOf(PENALTIES), arg(help=f"Gradient penalties, any of: {', '.join(PENALTIES)}.")
    ] = ("r1",)
    penalty_weight: Annotated[float | None, Within(0)] = None
    """Weight of each penalty (gamma of R1 and R2; 10 is usual for wgan_gp). By default 1, times the share below with
    labels, and as much more as an image has more numbers than one of 28x28 pixels."""
    penalty_share_with_labels: Annotated[float | None, Within(0)] = None
    """With labels, the default weight of a penalty as a share of that without. By default 0.03 for 60,000 images and
    more, and for fewer, which are sooner learned by heart, as much more, up to 1."""
    penalty_interval: Annotated[int, Within(1, MANY)] = 4
    """Apply the penalties every so many discriminator updates, multiplied by this number (lazy regularisation)."""
    critic_steps: Annotated[int, Within(1, 100)] = 1
    """Discriminator updates per generator update, each on real images of its own."""
    stages: Literal["fewest", "auto", "one", "two"] = "fewest"
    """Passes of the last fakes through the discriminator: one, which both networks learn from (not with every loss), or
    two, the generator's with the discriminator's new weights; fewest: one where the loss allows it; auto: the same, but
    two with labels, as was the default before."""

    # What the discriminator sees
    augment: Literal["none", "diff", "ada"] = "none"
    """Augmentation of real and generated images alike before the discriminator, so that it cannot learn a few images by
    heart: always the same (diff, DiffAugment), or the more of it the more it memorises (ada). Samples show nothing of
    it."""
    augment_target: Annotated[float, Within(0, 1)] = 0.3
    """Of ada: mean sign of the discriminator on real images above which it is taken to memorise."""
    augment_images: Annotated[float, Within(1)] = 20_000.0
    """Of ada: images in which its probability would rise from 0 to 1, or fall from 1 to 0."""

    # Optimisation
    optimizer: Annotated[
        str, OneOf(OPTIMIZERS, "optimizers"), arg(help=f"For both networks: {', '.join(OPTIMIZERS)}.")
    ] = "adam"
    generator_learning_rate: Annotated[float | None, Within(1e-12, 10)] = None
    """Learning rate of the generator. By default 0.002, falling beyond 32x32 pixels with the side to 0.001 at 64x64."""
    discriminator_learning_rate: Annotated[float | None, Within(1e-12, 10)] = None
    """Learning rate of the discriminator. By default that of the generator's default."""
    learning_rate_hold: Annotated[float | None, Within(0)] = None
    """Images seen before both learning rates begin to fall, with the square root of the images seen, and the weight of
    the penalties begins to rise by as much; 0 for constant ones. By default 100,000, and 10,000 with labels."""
    beta_1: Annotated[float, Within(0, 0.999999)] = 0.0
    """Decay of the gradient's mean (Adam and its kin; momentum of rmsprop)."""
    beta_2: Annotated[float, Within(0, 0.999999)] = 0.99
    """Decay of the squared gradient's mean (Adam and its kin; rho of rmsprop)."""
    ema_half_life: Annotated[float, Within(0)] = 1_000_000.0
    """Half-life of the generator's moving average, in images; 0 for no averaging."""
    ema_ramp_up: Annotated[float, Within(0)] = 0.1
    """The half-life is at most this share of the images seen so far; 0 for no ramp-up."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, units in self.widths.items():
            if self.network not in WITH_WIDTHS:
                raise UserError(
                    f"{name} is for the network {' or '.join(WITH_WIDTHS)} only, but network is {self.network}"
                )
            if not units:
                raise UserError(f"{name} holds no number, but must hold one for each hidden layer")
        if self.stages == "one" and self.loss not in ONE_STAGE:
            raise UserError(f"stages one needs a loss of {', '.join(ONE_STAGE)}, but loss is {self.loss}")

    @property
    def widths(self) -> dict[str, tuple[int, ...]]:
        """Those widths that are given, by the names of fields, which are those of a network's `build` too."""
        given = {name: getattr(self, name) for name in ("generator_widths", "discriminator_widths")}
        return {name: units for name, units in given.items() if units is not None}

    @property
    def one_stage(self) -> bool:
        """Whether the generator learns from the discriminator's own pass."""
        allowed = self.loss in ONE_STAGE
        return {"fewest": allowed, "auto": allowed and not self.conditional, "one": True, "two": False}[self.stages]

    @property
    def images_at_full_rates(self) -> float:
        """The given number or the default: with labels each class has but a few images of a batch, so steps are noisier
        and rates have to fall sooner (docs/recipe.md)."""
        if self.learning_rate_hold is not None:
            return self.learning_rate_hold
        return 10_000.0 if self.conditional else 100_000.0

    def weight_of_penalties(self, shape: tuple[int, ...], num_examples: int) -> float:
        """The given one or the default for so many training images of this shape, which docs/recipe.md tells the
        reasons of.

        The more numbers an image has, the smaller is the gradient of a logit by each, while it changes as much from one
        image to another; Karras et al. 2020 (https://arxiv.org/abs/2006.06676, appendix) scale by pixels too. With
        labels a weak penalty serves best, unless there are so few images that the discriminator learns them by heart.
        """
        if self.penalty_weight is not None:
            return self.penalty_weight
        share = self._penalty_share(num_examples) if self.conditional else 1.0
        return share * max(1.0, math.prod(shape) / _DIGIT)

    def _penalty_share(self, num_examples: int) -> float:
        if self.penalty_share_with_labels is not None:
            return self.penalty_share_with_labels
        return min(1.0, _SHARE_WITH_LABELS * max(1.0, _MANY_IMAGES / num_examples))

    def learning_rates(self, shape: tuple[int, ...]) -> dict[str, float]:
        """Those of both networks, the given ones or the default for images of this shape (height, width, channels).

        Layers of `lean` get wider as images get larger, up to 64x64, and a step of Adam moves what comes out of a layer
        by as much more as it has inputs (Yang et al. 2022, https://arxiv.org/abs/2203.03466): docs/recipe.md tells what
        that did. For other networks it is caution.
        """
        rate = _RATE * max(_LEAST_SHARE, min(1.0, _SIDE / math.sqrt(math.prod(shape[:-1]))))
        given = {"generator": self.generator_learning_rate, "discriminator": self.discriminator_learning_rate}
        return {name: rate if value is None else value for name, value in given.items()}

    @property
    def batches_per_step(self) -> int:
        return self.critic_steps

    @property
    def title(self) -> str:
        return f"{self.network}-{self.loss}" + ("-conditional" if self.conditional else "")
