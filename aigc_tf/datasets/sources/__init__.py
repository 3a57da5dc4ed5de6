"""Where images of a person's own come from: one file a kind of place, each with `load(config, say) -> Dataset`.

`--dataset folder:PICTURES` is the source `folder` with the place `PICTURES`. Listing the names imports nothing.
"""

from aigc_tf.registry import Registry

SOURCES = Registry(__name__, "load", "folder", "npz", "records", "tfds")
ORIGINALS = Registry(__name__, "originals", "folder", "npz", "tfds")
"""Those whose images are brought into one form first: `originals(config)` tells what there is."""
