"""Trains, judges, watches and deploys generative models with TensorFlow/Keras.

Importing the package imports no TensorFlow: the command line must answer `--help` without waiting for it. What has to
be decided before TensorFlow is imported, by whomever, is decided here.
"""

from aigc_tf import legacy_keras, onednn

__version__ = "0.1.0"

legacy_keras.choose()
onednn.switch_on()
