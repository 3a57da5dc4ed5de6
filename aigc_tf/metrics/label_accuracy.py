"""Label accuracy: does a conditional model make what it is asked for?

Definition: the share of generated images that the data set's classifier takes for the class that was asked for
(among others Miyato & Koyama 2018, arXiv:1802.05637, judge conditional models by such a classifier). It never trained
the model. What the classifier mistakes counts against the model, and what the model drew for the classifier's eyes
alone counts for it.

Range: 0 to 1; 1/K for a model that ignores the label, of K equal classes. Direction: higher is better. Reference: the
classifier's accuracy on the held-out real images. Interval: Wilson's.
"""

from __future__ import annotations

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, need, need_probabilities


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`label_accuracy`; its note names the class that is missed most, where one is missed at all."""
    real, generated = need_probabilities(evidence)
    asked, labels = need(evidence.generated, "labels", "generated"), need(evidence.real, "labels", "real")
    right = generated.argmax(axis=1) == asked
    missed = {int(number): float(1 - right[asked == number].mean()) for number in set(asked[~right])}
    worst = max(missed, key=lambda number: missed[number], default=None)
    return {
        "label_accuracy": Figure(
            float(right.mean()),
            better="higher",
            reference=float((real.argmax(axis=1) == labels).mean()),
            note="" if worst is None else f"class number {worst} is missed most, {missed[worst]:.1%} of the time",
            interval=intervals.of_share(right),
            judged_by="classifier",
        )
    }
