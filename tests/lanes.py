"""What differs between Python 3.10 and 3.11, with TensorFlow 2.15 and Addons, and later ones without Addons."""

import pytest

from aigc_tf import legacy_keras
from aigc_tf.parts.optimizers import OPTIMIZERS

KERAS = "tf_keras" if legacy_keras.APART else "keras"  # the package that is Keras 2
OF_ADDONS = ("rectified_adam", "lamb")
HERE = [name for name in OPTIMIZERS if not (legacy_keras.APART and name in OF_ADDONS)]
WITH_ADDONS = pytest.mark.skipif(legacy_keras.APART, reason="TensorFlow Addons exists for Python 3.10 and 3.11 only")
WITHOUT_ADDONS = pytest.mark.skipif(not legacy_keras.APART, reason="TensorFlow Addons exists for this Python")
