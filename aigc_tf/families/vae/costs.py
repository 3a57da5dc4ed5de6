"""What a VAE's training step costs, reckoned from its networks."""

from __future__ import annotations

from collections.abc import Mapping


def step_flops(forward: Mapping[str, int], importance_samples: int) -> float:
    """See `GenerativeModel.step_flops`: forward and backward through the encoder, and for each latent the decoder."""
    return 3 * (forward["encoder"] + importance_samples * forward["decoder"])


def kept_activations(activations: Mapping[str, int], importance_samples: int) -> int:
    """See `GenerativeModel.kept_activations`."""
    return activations["encoder"] + importance_samples * activations["decoder"]
