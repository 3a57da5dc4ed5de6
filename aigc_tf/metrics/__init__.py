"""Measures of generated images: one file a measure, all with the signature of `evidence.Measure`.

A measure is a pure function `measure(evidence) -> {name: Figure}` over NumPy arrays. What it looks at (features, class
probabilities, the model's own scores of real and of generated images) is computed once, by the caller, into an
`evidence.Evidence`; `judge.judge` runs every measure over it. A measure that must ask the model for more than samples
has a function `ask` beside it (see `evidence.Asking`). Importing a measure imports no TensorFlow; `ms_ssim` and
those that teach a network (`teaching`) do so when they measure.

To add a measure: one file here with a function `measure`, and its name in the line below.
"""

from aigc_tf.registry import Registry

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
    "bits_per_dimension",
    "train_on_generated",
    "label_accuracy",
    "fd_within_class",
    "classification_accuracy_score",
    "likelihood_bound",
)

ASKING = Registry(__name__, "ask", "path_length", "bits_per_dimension", "likelihood_bound")
"""What asks the model for more than samples, by the name of the measure."""

SCORED = ("discriminator",)
"""Those that look at what the model itself says of every example (`Observations.scores`). Nobody else asks for it,
since it can take long."""
