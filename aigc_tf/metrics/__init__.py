"""Measures of generated images: one file a measure, all with the signature of `evidence.Measure`.

A measure is a pure function `measure(evidence) -> {name: Figure}` over NumPy arrays. What it looks at (features, class
probabilities, discriminator logits of real and of generated images) is computed once, by the caller, into an
`evidence.Evidence`; `judge.judge` runs every measure over it. Importing a measure imports no TensorFlow; `ms_ssim` and
`train_on_generated` do so when they measure.

To add a measure: one file here with a function `measure`, and its name in the line below.
"""

from aigc_tf.registry import Registry

# What is quick enough to be measured while a model trains (`--evaluate-every`).
QUICK_METRICS = ("fd", "classifier_score", "class_coverage", "class_kl", "discriminator", "ms_ssim", "image_statistics")

METRICS = Registry(
    __name__,
    "measure",
    "fd",
    "kernel_distance",
    "precision_recall",
    "inception_score",
    "classifier_score",
    "class_coverage",
    "class_kl",
    "discriminator",
    "ms_ssim",
    "image_statistics",
    "memorisation",
    "copies",
    "path_length",
    "train_on_generated",
)
