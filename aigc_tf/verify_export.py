"""Checks a SavedModel export by its contract, with TensorFlow and NumPy alone; runs as a script in a fresh process.

    python verify_export.py VERSION_FOLDER CONTRACT.json [EXPECTED.npz]

This file imports nothing of the project, as the server will not have it either; what the levels of a kind of file are
it reads from `modalities/<content>/levels.py`, which imports as little. It prints one line a fault and exits with 1; or
lines that begin with "note: " and one with the hash of what the export answers, which another process must find too,
and exits with 0.
CONTRACT.json is the text of a sound contract (`aigc_tf.contract`). EXPECTED.npz holds what the model itself makes, as
the signature `sample` gives it, under the name of that output; and the inputs that it was made from, by name.
"""

import gc
import hashlib
import json
import os
import re
import runpy
import sys
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # faults are told by us; the parent's log has the rest

gc.disable()  # it would go through all of TensorFlow again and again while that is imported
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.core.protobuf import saved_model_pb2  # noqa: E402

gc.freeze()
gc.enable()

# What a contract leaves out.
TENSOR = {"row": (), "minimum": None, "maximum": None, "default": None, "beyond": "", "file": "", "fixed_at": None}
SIGNATURE = {"row_exact": False, "shows": "", "same_as": ""}
# Draws by chance that no input decides: two servers would answer one request differently.
STATEFUL_RANDOM = re.compile(
    r"^(Random(?!IndexShuffle)|Stateful(?!PartitionedCall)|TruncatedNormal|ParameterizedTruncatedNormal|Multinomial)"
)
SEEDS = np.concatenate([np.arange(60), [-1, -5, 2**40, 2**63 - 1]]).astype(np.int64)
TOLERANCE = 1e-5  # of numbers; a process with other threads may add float32 in another order
# Of numbers that were made together, beside files of which each was made alone, in dozens of passes through a network.
TOLERANCE_OF_COMPANY = 1e-4
FEW = SEEDS[-12:]
LEAST = SEEDS[-4:]  # where a row is as much work as a hundred others


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


class Export:
    """A loaded export, its contract, and the module that reads its files by levels (None where they have none)."""

    def __init__(self, folder, text):
        told = json.loads(text)
        self.text = text.encode()
        self.origin, self.levels = told.get("origin", "").encode(), levels_of(told["content"])
        self.promised = {name: signature_of(each) for name, each in told["signatures"].items()}
        self.model = tf.saved_model.load(folder)  # the functions live as long as it does
        self.found = self.model.signatures

    def call(self, name, rows):
        """Answers by name, arrays [N, ...], of a signature to inputs by name."""
        answers = self.found[name](**{key: tf.constant(values) for key, values in rows.items()})
        return {key: answer.numpy() for key, answer in answers.items()}

    def readable(self, tensor):
        """Whether it holds files that are read by levels."""
        return self.levels is not None and tensor.file == self.levels.FILE

    def rows(self, name, seeds, **given):
        """Inputs for these seeds: those given, all others at their defaults; sensible ones where there are none."""
        return {
            key: np.broadcast_to(np.asarray(given[key], tensor.dtype), seeds.shape)
            if key in given
            else self._sensible(name, key, tensor, seeds)
            for key, tensor in self.promised[name].inputs.items()
        }

    def seeds(self, name):
        """As many as an answer of the signature is worth looking at."""
        if name == "serving_default":
            return SEEDS
        return LEAST if self.promised[name].purpose == "inpaint" else FEW

    def varied(self, name, seeds):
        """Inputs for these seeds: each that has a default goes round through that and its bounds."""
        given = {}
        for key, tensor in self.promised[name].inputs.items():
            if tensor.default is not None:
                values = [each for each in (tensor.default, tensor.minimum, tensor.maximum) if each is not None]
                given[key] = np.resize(np.array(values, tensor.dtype), len(seeds))
        return self.rows(name, seeds, **given)

    def _sensible(self, name, key, tensor, seeds):
        if key == "seed":
            return seeds
        if tensor.default is not None:
            return np.full(len(seeds), tensor.default, tensor.dtype)
        sample = self.promised["sample"]
        if key in sample.outputs:
            return self.call("sample", self.rows("sample", seeds))[key]
        sizes = zip(tensor.row, self.found[name].structured_input_signature[1][key].shape[1:])
        shape = [len(seeds), *(size or found or 1 for size, found in sizes)]
        if tensor.dtype == "string":
            return np.full(shape, b"", object)
        normal = np.random.default_rng(0).standard_normal(shape)
        return np.clip(normal, *bounds_of(tensor)).astype(tensor.dtype)


def signature_of(told):
    """A signature of a contract, with all that it leaves out."""
    sides = ("inputs", "outputs")
    tensors = {
        side: {name: types.SimpleNamespace(**{**TENSOR, **each}) for name, each in told[side].items()} for side in sides
    }
    return types.SimpleNamespace(**{**SIGNATURE, **told, **tensors})


def bounds_of(tensor):
    """The least and the greatest value of a number."""
    low, high = tensor.minimum, tensor.maximum
    return -np.inf if low is None else low, np.inf if high is None else high


def levels_of(content):
    """What `levels.py` of a kind of content defines; None where it has none."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "modalities")
    file = os.path.join(folder, content, "levels.py")
    if content not in os.listdir(folder) or not os.path.exists(file):
        return None
    return types.SimpleNamespace(**runpy.run_path(file))


def signature_faults(export):
    """Where names, types or shapes of the signatures are not the promised ones."""
    if set(export.found) != set(export.promised):
        yield f"signatures are {sorted(export.found)}, expected {sorted(export.promised)}"
        return
    for name, promised in export.promised.items():
        function = export.found[name]
        for side, tensors, found in (
            ("input", promised.inputs, function.structured_input_signature[1]),
            ("output", promised.outputs, function.structured_outputs),
        ):
            expected = {key: (tensor.dtype, 1 + len(tensor.row)) for key, tensor in tensors.items()}
            kinds = {key: (spec.dtype.name, spec.shape.rank) for key, spec in found.items()}
            if kinds != expected:
                yield f"{name}: {side}s are {kinds}, expected {expected}"
            elif any(spec.shape[0] is not None for spec in found.values()):
                yield f"{name}: the first dimension of its {side}s is fixed, expected any number of rows"
            else:
                for key, tensor in tensors.items():
                    row = tuple(found[key].shape[1:])
                    if not fits(row, tensor.row):
                        yield f"{name}: rows of {key} have the shape {row}, expected {tuple(tensor.row)}"


def fits(shape, promised):
    """Whether a shape is the promised one, as far as both are told."""
    return len(shape) == len(promised) and all(None in sizes or sizes[0] == sizes[1] for sizes in zip(shape, promised))


def answer_faults(export, name):
    """Where answers are not as many as was asked for, of another shape, not finite, out of range or no such files."""
    rows = export.varied(name, export.seeds(name))
    answers = export.call(name, rows)
    for key, tensor in export.promised[name].outputs.items():
        answer, count = answers[key], len(next(iter(rows.values())))
        if len(answer) != count or not fits(answer.shape[1:], tensor.row):
            yield f"{name}: {count} rows gave {key} of shape {answer.shape}, expected {(count, *tensor.row)}"
        elif tensor.file:
            yield from file_faults(export, name, tensor, answer.reshape(-1))
        elif tensor.dtype != "string":
            yield from number_faults(f"{name}: {key}", tensor, answer)
        elif export.promised[name].purpose == "contract" and not all(text == export.text for text in answer):
            yield f"{name}: it tells another contract than the one beside the export"


def number_faults(what, tensor, answer):
    """Where numbers are not finite or not in range."""
    low, high = bounds_of(tensor)
    if not np.isfinite(answer).all() or answer.min() < low or answer.max() > high:
        yield f"{what} from {answer.min()} to {answer.max()}, expected finite numbers from {low} to {high}"


def file_faults(export, name, tensor, files):
    """Where files cannot be read, or do not say what made them."""
    if export.readable(tensor):
        try:
            for file in files:
                export.levels.read(file)
        except ValueError as error:
            yield f"{name}: a file cannot be read: {first_line(error)}"
            return
    if export.origin and not all(export.origin in file for file in files):
        yield f"{name}: files do not say that they are {export.origin.decode()}"
    elif not export.origin and export.readable(tensor) and not all(map(export.levels.is_marked, files)):
        yield f"{name}: files do not say that they are generated"


def relation_faults(export, name):
    """Where an answer depends on its company, or is not what other promises make of it."""
    promised = export.promised[name]
    if promised.shows:
        yield from showing_faults(export, name, promised.shows)
    if promised.row_exact:
        yield from company_faults(export, name, export.varied(name, export.seeds(name)))
    if promised.purpose == "draw":
        yield from drawing_faults(export, name)
    if promised.same_as:
        rows = export.varied(promised.same_as, SEEDS[:4])
        lacking = {key: tensor.default for key, tensor in promised.inputs.items() if key not in rows}
        answers = export.call(name, export.rows(name, SEEDS[:4], **{**lacking, **rows}))
        if differences(export, name, answers, export.call(promised.same_as, rows)):
            at = ", ".join(f"{key} {value}" for key, value in lacking.items())
            yield f"{name}: at {at} it gives something else than {promised.same_as}"
    for key, tensor in promised.inputs.items():
        if tensor.beyond:
            yield from bound_faults(export, name, key, tensor)
        if tensor.fixed_at is not None:
            # Others whose default is none of their values may be drawn from the seed.
            told = {other: each.minimum for other, each in promised.inputs.items() if each.beyond == "default"}
            answers = export.call(name, export.rows(name, SEEDS[:4], **{**told, key: tensor.fixed_at}))
            firsts = {output: np.repeat(answer[:1], len(answer), axis=0) for output, answer in answers.items()}
            if differences(export, name, answers, firsts):
                yield f"{name}: at {key} {tensor.fixed_at:g} seeds have more than one answer"


def showing_faults(export, name, shown):
    """Where files do not show the numbers of another signature, rounded once."""
    rows = export.varied(name, export.seeds(name))
    numbers = export.call(shown, {key: rows[key] for key in export.promised[shown].inputs})
    (numbers,), ((key, tensor),) = numbers.values(), export.promised[name].outputs.items()
    if not export.readable(tensor):
        return
    levels = [export.levels.read(file) for file in export.call(name, rows)[key]]
    half = 0.5 / export.levels.LEVELS + TOLERANCE_OF_COMPANY
    for each, row in zip(levels, numbers):
        if each.shape != row.shape or np.abs(export.levels.numbers(each) - row).max() > half:
            yield f"{name}: files of shape {each.shape} do not show the {row.shape} of {shown}"
            return


def drawing_faults(export, name):
    """Where what is drawn from a seed is not decoded to what the seed's sample is."""
    rows = export.varied("sample", LEAST)
    drawn = export.call(name, rows)
    (decode, *_) = (
        key for key, each in export.promised.items() if each.purpose == "decode" and each.inputs.keys() == drawn.keys()
    )
    (decoded,), (sampled,) = (export.call(key, given).values() for key, given in ((decode, drawn), ("sample", rows)))
    if not np.allclose(decoded, sampled, rtol=0, atol=TOLERANCE_OF_COMPANY):
        yield f"{decode} makes something else of what {name} gives for a seed than sample does"


def company_faults(export, name, rows):
    """Where a row depends on the others of its request.

    By one level of a file it is only noted: kernels of some processors add a batch's rows in unlike orders. Our own
    networks avoid it by computing one row at a time; somebody's own may not.
    """
    together, count = export.call(name, rows), len(next(iter(rows.values())))
    backwards = export.call(name, {key: values[::-1] for key, values in rows.items()})
    answers = {"in another order": {key: answer[::-1] for key, answer in backwards.items()}}
    for size in (1, 3, 8):
        parts = [
            export.call(name, {key: values[at : at + size] for key, values in rows.items()})
            for at in range(0, count, size)
        ]
        answers[f"in batches of {size}"] = {key: np.concatenate([part[key] for part in parts]) for key in together}
    for company, again in answers.items():
        for key, tensor in export.promised[name].outputs.items():
            differing = sum(not np.array_equal(*rows) for rows in zip(again[key], together[key]))
            if differing:
                levels = levels_apart(export, tensor, again[key], together[key])
                kind = "note: " if levels == 1 else ""
                by = f", by {levels:g} of {export.levels.LEVELS} levels at most" if export.readable(tensor) else ""
                yield f"{kind}{name}: {differing} of {count} answers differ {company}{by}"
    if any(len(answer) for answer in export.call(name, {key: rows[key][:0] for key in rows}).values()):
        yield f"{name}: no rows gave answers"


def bound_faults(export, name, key, tensor):
    """Where values of an input below, above and beyond all numbers do not count as was promised."""
    low, high, default = tensor.minimum, tensor.maximum, tensor.default
    exact = not tensor.dtype.startswith("float")
    least, most = (np.iinfo(tensor.dtype).min, np.iinfo(tensor.dtype).max) if exact else (-np.inf, np.inf)
    below, above, nothing = (low - 1, least), (high + 1, most), (() if exact else (np.nan,))
    if tensor.beyond == "default":
        low = high = default
    meant = {**dict.fromkeys(below, low), **dict.fromkeys(above, high), **dict.fromkeys(nothing, default)}
    seeds = SEEDS[: len(meant)]
    answers, expected = (
        export.call(name, export.rows(name, seeds, **{key: np.array(values, tensor.dtype)}))
        for values in (list(meant), list(meant.values()))
    )
    for at, (given, value) in enumerate(meant.items()):
        rows = ({output: answer[at : at + 1] for output, answer in each.items()} for each in (answers, expected))
        if differences(export, name, *rows):
            yield f"{name}: {key} {given} does not count as {value}"


def differences(export, name, answers, others):
    """Whether two answers of a signature differ by more than the order of additions explains."""
    for key, tensor in export.promised[name].outputs.items():
        one, other = answers[key], others[key]
        if tensor.dtype.startswith("float"):
            if not np.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE):
                return True
        elif levels_apart(export, tensor, one, other) > 1:
            return True
    return False


def levels_apart(export, tensor, one, other):
    """How far levels of files are apart at most; infinity for other shapes, and for what has no levels."""
    apart = 0.0
    for file, another in zip(one, other):
        if np.array_equal(file, another):
            continue
        if not export.readable(tensor):
            return np.inf
        levels, others = export.levels.read(file), export.levels.read(another)
        apart = max(apart, np.abs(levels - others).max() if levels.shape == others.shape else np.inf)
    return apart


def model_faults(export, expected):
    """Where content is not what the model itself made."""
    sample = export.promised["sample"]
    for key, made in export.call("sample", {key: expected[key] for key in sample.inputs}).items():
        apart = np.abs(made - expected[key]).max() if made.shape == expected[key].shape else np.inf
        if not apart <= TOLERANCE:
            yield f"sample: {key} differs from the model's own by up to {apart}"


def told(check, *arguments):
    """The faults that a check finds, or the one that it stumbles over."""
    try:
        yield from check(*arguments)
    except (tf.errors.OpError, ValueError, TypeError) as error:
        yield f"{arguments[-1]}: {first_line(error)}"


def first_line(error):
    """What an error says, in a line."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def main(arguments):
    folder = arguments[0]
    found = [*graph_faults(folder), *variable_faults(folder)]
    if not found:
        with open(arguments[1], encoding="utf-8") as file:
            export = Export(folder, file.read())
        found += signature_faults(export)
    for check in (answer_faults, relation_faults):
        if not found:
            found += [fault for name in export.promised for fault in told(check, export, name)]
    if not [line for line in found if not line.startswith("note: ")] and len(arguments) > 2:
        found += model_faults(export, np.load(arguments[2]))
    for line in found:
        print(line)
    faults = [line for line in found if not line.startswith("note: ")]
    if not faults:
        (files,) = export.call("serving_default", export.varied("serving_default", SEEDS)).values()
        print(f"answers sha256:{hashlib.sha256(b''.join(files)).hexdigest()}")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
