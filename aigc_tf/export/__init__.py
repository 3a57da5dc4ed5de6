"""From a run to a version that TensorFlow Serving takes up."""

from aigc_tf.errors import ExportError
from aigc_tf.export.publishing import publish
from aigc_tf.rollout.versions import versions

__all__ = ["ExportError", "publish", "versions"]
