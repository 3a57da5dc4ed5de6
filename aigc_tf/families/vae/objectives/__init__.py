"""Objectives: pure functions of the terms of a bound (`terms.Terms`), each giving a loss in nats, float32 [B].

To add one, write `objectives/<name>.py` with a function `objective(terms)` and put the name below.
"""

from aigc_tf.registry import Registry

OBJECTIVES = Registry(__name__, "objective", "elbo", "iwae")
