"""Checks a SavedModel export with TensorFlow and NumPy alone; runs as a script in a fresh process.

    python verify_export.py VERSION_FOLDER [EXPECTED.npz]

This file imports nothing of the project, as the server will not have it either. It prints one line a fault and exits
with 1, or exits with 0. EXPECTED.npz holds int64 `seed` [N] and float32 `image` [N,H,W,C] in [-1, 1]: what the model
itself makes of these seeds.
"""

import os
import re
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # faults are told by us; the parent's log has the rest

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

SIGNATURES = {
    "serving_default": ({"seed": (tf.int64, 1)}, {"image_bytes": (tf.string, 1)}),
    "sample": ({"seed": (tf.int64, 1)}, {"image": (tf.float32, 4)}),
    "decode": ({"latent": (tf.float32, 2)}, {"image": (tf.float32, 4)}),
    "discriminate": ({"image": (tf.float32, 4)}, {"logit": (tf.float32, 1)}),
}
# Draws from a generator that no input decides: two servers would answer one request differently.
STATEFUL_RANDOM = re.compile(
    r"^(Random(?!IndexShuffle)|Stateful(?!PartitionedCall)|TruncatedNormal|ParameterizedTruncatedNormal|Multinomial)"
)
TOLERANCE = 1e-5  # of pixels in [0, 1]; float32 sums may come in another order


def graph_faults(folder):
    """What in the graph a server cannot run, or would run differently each time."""
    model = saved_model_pb2.SavedModel()
    with open(os.path.join(folder, "saved_model.pb"), "rb") as file:
        model.ParseFromString(file.read())
    graph = model.meta_graphs[0].graph_def
    operations = {node.op for node in graph.node}
    for function in graph.library.function:
        operations |= {node.op for node in function.node_def}
        if function.attr["_XlaMustCompile"].b:
            yield f"function {function.signature.name} must be compiled by XLA, which TensorFlow Serving lacks"
    for operation in sorted(operations):
        if ">" in operation:
            yield f"operation {operation} is not part of TensorFlow"
        if STATEFUL_RANDOM.match(operation):
            yield f"operation {operation} draws random numbers that no input decides"


def signature_faults(signatures):
    """Where names, types or ranks of the signatures are not the promised ones."""
    if set(signatures) != set(SIGNATURES):
        yield f"signatures are {sorted(signatures)}, expected {sorted(SIGNATURES)}"
        return
    for name, (inputs, outputs) in SIGNATURES.items():
        found_inputs = signatures[name].structured_input_signature[1]
        for side, expected, found in (
            ("input", inputs, found_inputs),
            ("output", outputs, signatures[name].structured_outputs),
        ):
            kinds = {key: (spec.dtype, spec.shape.rank) for key, spec in found.items()}
            if kinds != expected:
                yield f"{name}: {side}s are {kinds}, expected {expected}"
            elif any(spec.shape[0] is not None for spec in found.values()):
                yield f"{name}: the first dimension of its {side}s is fixed, expected any number of rows"


def behaviour_faults(signatures, expected):
    """Where the answers are not finite, not in range, not repeatable, or not those of the model."""
    seeds = tf.constant([0, 1, -5, 2**40, 1], tf.int64)
    images = signatures["sample"](seed=seeds)["image"].numpy()
    if not np.isfinite(images).all() or images.min() < 0 or images.max() > 1:
        yield f"sample: pixels from {images.min()} to {images.max()}, expected finite ones from 0 to 1"
    if not np.array_equal(images[1], images[4]):
        yield "sample: one seed gave two images"
    alone = signatures["sample"](seed=seeds[3:4])["image"].numpy()
    if np.abs(alone - images[3:4]).max() > TOLERANCE:
        yield f"sample: a row depends on its neighbours (by {np.abs(alone - images[3:4]).max()})"
    pngs = signatures["serving_default"](seed=seeds)["image_bytes"].numpy()
    decoded = np.stack([tf.io.decode_png(png).numpy() for png in pngs])
    if decoded.shape != images.shape or np.abs(decoded / 255.0 - images).max() > 0.5 / 255 + TOLERANCE:
        yield f"serving_default: PNGs of shape {decoded.shape} are not the images {images.shape} of sample"
    latent_dim = signatures["decode"].structured_input_signature[1]["latent"].shape[1]
    decoded = signatures["decode"](latent=tf.zeros([2, latent_dim]))["image"].numpy()
    if decoded.shape != (2, *images.shape[1:]) or not np.isfinite(decoded).all():
        yield f"decode: {decoded.shape} images or pixels that are not finite"
    logits = signatures["discriminate"](image=tf.constant(images))["logit"].numpy()
    if logits.shape != (len(images),) or not np.isfinite(logits).all():
        yield f"discriminate: logits of shape {logits.shape} or not finite"
    if expected is not None:
        made = signatures["sample"](seed=tf.constant(expected["seed"]))["image"].numpy()
        apart = np.abs(made - (expected["image"] + 1) / 2).max()
        if not apart <= TOLERANCE:
            yield f"sample: images differ from the model's own by up to {apart}"


def main(arguments):
    folder = arguments[0]
    faults = list(graph_faults(folder))
    model = tf.saved_model.load(folder)
    faults += signature_faults(model.signatures)
    if not faults:
        expected = np.load(arguments[1]) if len(arguments) > 1 else None
        faults += behaviour_faults(model.signatures, expected)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
