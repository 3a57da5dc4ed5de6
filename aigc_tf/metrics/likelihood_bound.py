"""How probable does the model find images that it never saw? Bounds on their likelihood from below.

Definition: of 1,000 held-out images (all, where there are fewer), the same ones always, drawn at random. ELBO: the mean
over the images of E[log p(x | z)] - KL(q(z | x) | p(z)), in nats, the divergence in closed form (Kingma & Welling 2014,
arXiv:1312.6114). Bound: the mean of log 1/K Σ p(x | z_k) p(z_k) / q(z_k | x) over K latents drawn for each image (Burda
et al. 2016, arXiv:1509.00519): never below the ELBO on average, and nearer to log p(x) the more latents. Bits per
dimension: that bound, with its sign turned round, divided by log 2 and by the number of values of an image.
Reconstruction error: the mean squared difference between the numbers (from 0 to 1) of an image and of what is decoded
from its latents.

The likelihood stands in the names of figures, since only bounds of one kind compare: `bernoulli` is the probability of
an image made black and white by chance, `continuous_bernoulli` a density over numbers from 0 to 1, and
`discretised_logistic` the probability of the very levels of a file. The note says how many latents and images.

Range: up to 0 for probabilities; densities can be above. Direction: higher is better; of bits per dimension and of the
reconstruction error, lower. Reference: none, since nobody knows the probability of real images. Interval: normal, over
the images: where the value would lie with other held-out ones. The drawing of latents is in it, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from scipy.special import logsumexp

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Asked, Evidence, Figure, MissingEvidence, Observations

_IMAGES, _DRAWS = 1_000, 8
_BETTER: Mapping[str, Literal["higher", "lower"]] = {
    "elbo": "higher",
    "bound": "higher",
    "bits_per_dimension": "lower",
    "reconstruction_error": "lower",
}


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`elbo_<likelihood>`, `bound_<likelihood>`, `bits_per_dimension_<likelihood>`, `reconstruction_error`."""
    asked = evidence.asked.get("likelihood_bound")
    if asked is None:
        raise MissingEvidence("no bounds on the likelihood of real images were given")
    latents, count = int(asked["samples"].sum(axis=0)[0]), asked.shape[1]
    figures = {}
    for name in asked.dtype.names or ():
        kind = next((kind for kind in _BETTER if name.startswith(kind)), None)
        if kind is not None:
            values = of_images(asked, name)
            of = f"{count:,} held-out images"
            note = of if kind == "reconstruction_error" else f"{latents:,} latents for each of {of}"
            interval = intervals.of_mean(values, -np.inf)
            figures[name] = Figure(float(values.mean()), _BETTER[kind], None, note, interval, "pixels")
    return figures


def of_images(asked: np.ndarray, name: str) -> np.ndarray:
    """The values of a figure, float64 [N], from what `ask` gave: its draws count as one of so many more latents."""
    values = asked[name]
    if name.startswith("bound"):
        return combined(values)
    if name.startswith("bits_per_dimension"):
        bound = asked[name.replace("bits_per_dimension", "bound")]
        per_nat = values.sum() / bound.sum()
        return combined(bound) * per_nat
    return values.mean(axis=0)


def combined(bounds: np.ndarray) -> np.ndarray:
    """The bound of R times as many latents, float64 [N], from R independent ones [R, N]."""
    return logsumexp(bounds.astype(np.float64), axis=0) - np.log(len(bounds))


def ask(
    model: Asked, look: Callable[[np.ndarray], Observations], images: int = _IMAGES, draws: int = _DRAWS
) -> np.ndarray | None:
    """What the model says of held-out images in each of several draws: a structured array [draws, images], whose fields
    are the names of its scores; None where it knows no bound."""
    rows = np.random.default_rng(0).permutation(model.held_out)[:images]
    if not len(rows):
        return None
    asked: np.ndarray | None = None
    for draw in range(draws):
        scores = model.scores(rows, draw=draw)
        if not any(name.startswith("bound_") for name in scores):
            return None
        if asked is None:
            asked = np.zeros([draws, len(rows)], [(name, np.float64) for name in scores])
        for name, values in scores.items():
            asked[name][draw] = values
    return asked
