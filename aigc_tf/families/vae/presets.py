"""Recipes by name: ours, and that of Keras' tutorial, so that they can be compared.

`keras-vae` is https://keras.io/examples/generative/vae: its networks, latent of two numbers, batch, rate, epochs. Its
cross-entropy of grey levels is no likelihood; here the images are made black and white anew at each step, with which
it agrees on average, so that the bound is one. The tutorial trains on MNIST's test images too; here they are held out.
"""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "vae": {"global_batch_size": 64},
    "keras-vae": {
        "network": "keras",
        "latent_dim": 2,
        "learning_rate": 1e-3,
        "learning_rate_hold": 0.0,
        "ema_half_life": 0.0,
        "prior_components": 0,
        "global_batch_size": 128,
        "epochs": 30.0,
    },
}
