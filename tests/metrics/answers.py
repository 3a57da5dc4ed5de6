"""What models answered to measures that ask them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def like(values: np.ndarray) -> Mapping[str, np.ndarray]:
    """Answers made of the numbers `values` [N], by the names of the measures that ask."""
    bounds = np.zeros([2, len(values)], [("bound_coin", np.float64), ("samples", np.float64)])
    bounds["bound_coin"], bounds["samples"] = values, 16
    return {"path_length": values, "bits_per_dimension": values, "likelihood_bound": bounds}
