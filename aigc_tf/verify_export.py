"""Checks a SavedModel export with TensorFlow and NumPy alone; runs as a script in a fresh process.

    python verify_export.py VERSION_FOLDER [EXPECTED.npz]

This file imports nothing of the project, as the server will not have it either. It prints one line a fault and exits
with 1; or lines that begin with "note: " and one with the hash of what the export answers, which another process must
find too, and exits with 0.
EXPECTED.npz holds int64 `seed` [N] and float32 `image` [N,H,W,C] in [-1, 1]: what the model itself makes of these
seeds.
"""

import hashlib
import os
import re
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # faults are told by us; the parent's log has the rest

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

SIGNATURES = {
    "serving_default": ({"seed": (tf.int64, 1)}, {"image_bytes": (tf.string, 1)}),
    "truncated": ({"seed": (tf.int64, 1), "truncation": (tf.float32, 1)}, {"image_bytes": (tf.string, 1)}),
    "sample": ({"seed": (tf.int64, 1)}, {"image": (tf.float32, 4)}),
    "decode": ({"latent": (tf.float32, 2)}, {"image": (tf.float32, 4)}),
    "discriminate": ({"image": (tf.float32, 4)}, {"logit": (tf.float32, 1)}),
}
# Draws from a generator that no input decides: two servers would answer one request differently.
STATEFUL_RANDOM = re.compile(
    r"^(Random(?!IndexShuffle)|Stateful(?!PartitionedCall)|TruncatedNormal|ParameterizedTruncatedNormal|Multinomial)"
)
SEEDS = np.concatenate([np.arange(60), [-1, -5, 2**40, 2**63 - 1]]).astype(np.int64)
TOLERANCE = 1e-5  # of pixels in [0, 1]; a process with other threads may add float32 in another order


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
        if operation in ("PyFunc", "PyFuncStateless", "EagerPyFunc"):
            yield f"operation {operation} calls Python, which no server has"
        if STATEFUL_RANDOM.match(operation):
            yield f"operation {operation} draws random numbers that no input decides"


def variable_faults(folder):
    """Files of weights that are missing or damaged; TensorFlow Serving would call such a version available."""
    prefix = os.path.join(folder, "variables", "variables")
    if not os.path.exists(f"{prefix}.index"):
        yield "variables/variables.index is missing"
        return
    try:
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            tensor = np.asarray(reader.get_tensor(name))
            if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
                yield f"weight {name} is not finite"
    except (tf.errors.OpError, RuntimeError, IndexError, ValueError) as error:
        yield f"variables cannot be read: {str(error).splitlines()[0]}"


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


def image_faults(signatures):
    """Where images are not finite, not in range, or not the same alone, in any batch and in any order."""
    images = signatures["sample"](seed=tf.constant(SEEDS))["image"].numpy()
    if not np.isfinite(images).all() or images.min() < 0 or images.max() > 1:
        yield f"sample: pixels from {images.min()} to {images.max()}, expected finite ones from 0 to 1"
        return
    pngs = make_pngs(signatures, SEEDS)
    decoded = np.stack([tf.io.decode_png(png).numpy() for png in pngs])
    if decoded.shape != images.shape or np.abs(decoded / 255.0 - images).max() > 0.5 / 255 + TOLERANCE:
        yield f"serving_default: PNGs of shape {decoded.shape} are not the images {images.shape} of sample"
    if not all(b"tEXt" in png[:64] for png in pngs):
        yield "serving_default: PNGs do not say that they are generated"
    yield from company_faults(signatures, pngs)
    if len(make_pngs(signatures, SEEDS[:0])):
        yield "serving_default: no seeds gave images"
    yield from truncation_faults(signatures, pngs)


def company_faults(signatures, pngs):
    """Where a PNG depends on the other seeds of its request.

    By one level in a pixel it is only noted: kernels of some processors add a batch's rows in unlike orders. Our own
    networks avoid it by computing one row at a time; somebody's own may not.
    """
    answers = {"in another order": make_pngs(signatures, SEEDS[::-1])[::-1]}
    for size in (1, 3, 8):
        batches = [make_pngs(signatures, SEEDS[at : at + size]) for at in range(0, len(SEEDS), size)]
        answers[f"in batches of {size}"] = np.concatenate(batches)
    for company, again in answers.items():
        levels = levels_apart(again, pngs)
        if levels:
            kind = "note: " if levels == 1 else ""
            differing = f"{(again != pngs).sum()} of {len(pngs)} PNGs differ {company}"
            yield f"{kind}serving_default: {differing}, by {levels} of 255 levels in a pixel at most"


def levels_apart(pngs, others):
    """How far pixels are apart at most, of 255; 255 for images of another size."""
    levels = 0
    for png, other in zip(pngs, others):
        if png != other:
            one, two = (tf.io.decode_png(data).numpy().astype(int) for data in (png, other))
            levels = max(levels, np.abs(one - two).max() if one.shape == two.shape else 255)
    return levels


def truncation_faults(signatures, pngs):
    """Where `truncated` is not `serving_default` at 1, one image at 0, and something sensible beyond."""

    def truncated(*values):
        rows = len(values)
        truncation = tf.constant(values, tf.float32)
        return signatures["truncated"](seed=tf.constant(SEEDS[:rows]), truncation=truncation)["image_bytes"].numpy()

    if levels_apart(truncated(1, 1, 1, 1), pngs[:4]) > 1:
        yield "truncated: at 1 it gives other images than serving_default"
    typical = truncated(0, 0, -1, float("-inf"))
    if levels_apart(typical, [typical[0]] * len(typical)) > 1:
        yield "truncated: at 0 and below it gives more than one image"
    if levels_apart(truncated(2, float("inf"), float("nan")), pngs[:3]) > 1:
        yield "truncated: above 1, and where it is no number, it gives other images than at 1"


def other_faults(signatures):
    """Where latents or logits are not of the right shape, or not finite."""
    latent_dim = signatures["decode"].structured_input_signature[1]["latent"].shape[1]
    images = signatures["decode"](latent=tf.zeros([2, latent_dim]))["image"].numpy()
    if len(images) != 2 or not np.isfinite(images).all():
        yield f"decode: {images.shape} images or pixels that are not finite"
    logits = signatures["discriminate"](image=tf.constant(images))["logit"].numpy()
    if logits.shape != (2,) or not np.isfinite(logits).all():
        yield f"discriminate: logits of shape {logits.shape} or not finite"


def model_faults(signatures, expected):
    """Where images are not those that the model itself made."""
    made = signatures["sample"](seed=tf.constant(expected["seed"]))["image"].numpy()
    apart = np.abs(made - (expected["image"] + 1) / 2).max()
    if not apart <= TOLERANCE:
        yield f"sample: images differ from the model's own by up to {apart}"


def make_pngs(signatures, seeds):
    """PNGs bytes [N] for int64 seeds [N]."""
    return signatures["serving_default"](seed=tf.constant(seeds))["image_bytes"].numpy()


def main(arguments):
    folder = arguments[0]
    found = [*graph_faults(folder), *variable_faults(folder)]
    signatures = {}
    if not found:
        model = tf.saved_model.load(folder)
        signatures = model.signatures
        found += signature_faults(signatures)
    if not found:
        found += [*image_faults(signatures), *other_faults(signatures)]
        if len(arguments) > 1:
            found += model_faults(signatures, np.load(arguments[1]))
    for line in found:
        print(line)
    faults = [line for line in found if not line.startswith("note: ")]
    if not faults:
        print(f"answers sha256:{hashlib.sha256(b''.join(make_pngs(signatures, SEEDS))).hexdigest()}")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
