"""Trains, judges, watches and deploys generative models with TensorFlow/Keras.

Importing the package imports nothing: the command line must answer `--help` without waiting for TensorFlow.
"""

__version__ = "0.1.0"
