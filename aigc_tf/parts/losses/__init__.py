"""Adversarial losses: two pure functions of (real_logits, fake_logits), each giving a float32 tensor [B].

`real_logits` and `fake_logits` are the discriminator's raw outputs, float32 [B], not probabilities. To add a loss,
write `losses/<name>.py` with a `LOSS` and put the name below.
"""

from aigc_tf.registry import Registry

GAN_LOSSES = Registry(
    __name__,
    "LOSS",
    "non_saturating",
    "minimax",
    "least_squares",
    "hinge",
    "wasserstein",
    "relativistic",
)

ONE_STAGE = ("non_saturating", "minimax", "wasserstein")
"""Those with a `slope_ratio`."""
