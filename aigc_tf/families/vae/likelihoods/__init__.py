"""Likelihoods: how probable an image is, given what a decoder says of it.

Each module has a `LIKELIHOOD` (see `likelihood.py`). To add one, write `likelihoods/<name>.py` and put the name below.
"""

from aigc_tf.registry import Registry

LIKELIHOODS = Registry(__name__, "LIKELIHOOD", "bernoulli", "continuous_bernoulli", "discretised_logistic")
