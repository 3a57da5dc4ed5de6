"""Gradient penalties: `(discriminator, real, fake, uniform) -> float32 [B]`, one value an example.

`discriminator` maps images [B,H,W,C] to logits [B,1]; `real` and `fake` are float32 [B,H,W,C] in [-1, 1]; `uniform` is
float32 [B] in [0, 1), the only randomness a penalty may use, so that it stays a pure function. To add a penalty, write
`penalties/<name>.py` with a `penalty` and put the name below.
"""

from aigc_tf.registry import Registry

PENALTIES = Registry(__name__, "penalty", "r1", "r2", "wgan_gp")
