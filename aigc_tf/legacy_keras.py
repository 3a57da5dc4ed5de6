"""Keras 2 for every version of TensorFlow: from 2.16 on `tf.keras` is Keras 3 unless the environment asks otherwise.

There are two lanes, told apart by the Python that runs (see requirements.txt): TensorFlow 2.15, which is Keras 2 by
itself, and 2.21 beside the package tf-keras (https://github.com/keras-team/tf-keras).
"""

from __future__ import annotations

import os
import sys

_VARIABLE = "TF_USE_LEGACY_KERAS"
APART = sys.version_info >= (3, 12)
"""Whether Keras 2 is the package tf-keras here, and TensorFlow Addons does not exist."""


def choose() -> None:
    """Choose Keras 2, whatever the environment says: nothing here works with Keras 3. To be called before TensorFlow is
    imported."""
    if APART:
        os.environ[_VARIABLE] = "1"
    else:  # TensorFlow 2.15 would look for tf-keras, which is not there
        os.environ.pop(_VARIABLE, None)
