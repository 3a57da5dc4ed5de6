"""Recipes by name; docs/diffusion.md tells where they come from and what they reach."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "diffusion": {},
    # Network, batch, optimizer, rate, average (0.999 a step) and epochs of Keras' example; the objective, the way from
    # noise and the sampler are ours, with as many steps as the example shows its images by. `adamw` decays weights by
    # 0.004, Keras' own default, where the example has 1e-4.
    "keras-ddim": {
        "network": "ddim_unet",
        "global_batch_size": 64,
        "epochs": 50.0,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "learning_rate_hold": 0.0,
        "beta_2": 0.999,
        "ema_half_life": 44_000.0,
        "ema_ramp_up": 0.0,
        "sampler": "euler",
        "sampling_steps": 20,
    },
}
