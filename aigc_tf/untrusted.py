"""Looks into a model of unknown origin without running, loading or unpickling any of it.

A SavedModel, a Keras file and a pickle are programs. What is told here is what their authors wrote down, read as data:
it can show that a file is dangerous, and that an honest one stays within TensorFlow's operations on tensors; the bugs
of TensorFlow's own kernels it cannot see.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
from google.protobuf.message import DecodeError
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from aigc_tf.errors import UserError

# Operations that reach beyond tensors, by what they would do.
_DANGEROUS = {
    "calls Python functions of the process that runs it": r"(Eager)?PyFunc(Stateless)?",
    "reads files of the machine": r"ReadFile|MatchingFiles|\w*Reader(V2)?|Reader[A-Z]\w*|ImmutableConst|ImportEvent"
    r"|LoadAndRemapMatrix|GenerateVocabRemapping|InitializeTableFromTextFile(V2)?|LoadDataset|SnapshotChunkDataset"
    r"|(Experimental)?(TextLine|TFRecord|FixedLengthRecord|CSV|LMDB|MatchingFiles|ListSnapshotChunks)Dataset(V2)?",
    "writes files of the machine": r"WriteFile|Write\w*Summary|CreateSummary\w*Writer|SnapshotDataset(V2)?"
    r"|(Experimental)?DatasetToTFRecord|SaveDataset(V2)?|CacheDataset(V2)?|DistributedSave",
    "can write to files of the machine": r"PrintV2|Debug(Identity|NanCount|NumericSummary)(V\d)?",
    "talks to other machines or services": r"(Experimental)?SqlDataset|(RegisterDataset|DataService)\w*|\w*GcsC\w*"
    r"|\w*Rpc\w*|RemoteCall|CollectiveInitialize\w*|ConfigureDistributed\w*|FileSystemSetConfiguration",
    "ends the process": r"Abort",
}
# What TensorFlow itself saves and restores weights with: sound there, and only there.
_RESTORING = {"Restore", "RestoreSlice", "RestoreV2", "CheckpointHasKey"}
_SAVING = {"Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints", "DeleteOldCheckpointDirs"}
_PICKLE_SUFFIXES = {".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth"}
_MOST_BYTES = 2**27  # of a Keras architecture
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a model of unknown origin is (in words), holds, and could do to whoever loads it."""

    kind: str
    contents: tuple[str, ...]
    dangers: tuple[str, ...]


def inspect(path: Path) -> Finding:
    """Look into a SavedModel's folder or a file of a model. Raises UserError for what is neither."""
    if path.is_dir():
        return _saved_model(path)
    with open(path, "rb") as file:
        head = file.read(8)
    if head == _HDF5_MAGIC:
        return _keras_h5(path)
    if zipfile.is_zipfile(path):
        return _archive(path)
    if head[:1] == b"\x80" or path.suffix in _PICKLE_SUFFIXES:
        return Finding("a pickle", (), ("loading it runs whatever its author wrote",))
    raise UserError(f"{path} is no model that can be looked into: give a SavedModel's folder, an .h5 or a .keras file")


def _saved_model(folder: Path) -> Finding:
    file = folder / "saved_model.pb"
    if not file.is_file():
        raise UserError(f"{folder} is no SavedModel: it has no saved_model.pb")
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(file.read_bytes())
    except DecodeError:
        raise UserError(f"{file} is damaged, or no SavedModel") from None
    contents: list[str] = []
    dangers: list[str] = []
    for graph in model.meta_graphs:
        functions = {function.signature.name for function in graph.graph_def.library.function}
        nodes = _all_nodes(graph.graph_def)
        operations = collections.Counter(node.op for node in nodes if node.op not in functions)
        contents.append("signatures: " + ", ".join(name for name in graph.signature_def if name[:2] != "__"))
        contents.append("operations: " + ", ".join(f"{name} {count}" for name, count in sorted(operations.items())))
        dangers += _dangerous_operations(operations)
        dangers += [f"operation {name} reads or writes files of the machine" for name in sorted(_misplaced(graph))]
    dangers += _other_files(folder)
    return Finding("a SavedModel", tuple(contents), tuple(dangers))


def _dangerous_operations(operations: Iterable[str]) -> Iterator[str]:
    for name in sorted(operations):
        for deed, pattern in _DANGEROUS.items():
            if re.fullmatch(pattern, name):
                yield f"operation {name} {deed}"
                break
        else:
            if ">" in name or op_def_registry.get(name) is None:
                yield f"operation {name} is not part of TensorFlow: it needs a library of somebody's"


def _all_nodes(graph: graph_pb2.GraphDef) -> Iterator[Any]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _misplaced(graph: Any) -> set[str]:
    """Operations of the saver outside of it. Names decide nothing, for their author chose them.

    Its own are the functions that nothing but its two nodes leads to. Loading a model runs its restoring, so nothing in
    there may save; nobody but the person at hand runs its saving.
    """
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    save, restore = (
        name.partition(":")[0] for name in (graph.saver_def.save_tensor_name, graph.saver_def.restore_op_name)
    )
    outside = [node for node in graph.graph_def.node if node.name not in (save, restore)]
    own = {
        name: _closure(_called(node for node in graph.graph_def.node if node.name == name), functions)
        for name in (save, restore)
    }
    called = _closure({*graph.object_graph_def.concrete_functions, *_called(outside)}, functions)
    called |= functions.keys() - own[save] - own[restore]
    found = {node.op for node in outside} | _operations(called, functions)
    return found & (_RESTORING | _SAVING) | _operations(own[restore], functions) & _SAVING


def _operations(names: Iterable[str], functions: dict[str, Any]) -> set[str]:
    return {node.op for name in names for node in functions[name].node_def}


def _called(nodes: Iterable[Any]) -> set[str]:
    """Names of the functions that nodes refer to."""
    found = set()
    for node in nodes:
        found.add(node.op)
        for value in node.attr.values():
            found |= {value.func.name, *(function.name for function in value.list.func)}
    return found


def _closure(names: Iterable[str], functions: dict[str, Any]) -> set[str]:
    """The functions of these names and all that they call, directly or not."""
    reached: set[str] = set()
    waiting = [name for name in names if name in functions]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [called for called in _called(functions[name].node_def) if called in functions]
    return reached


def _other_files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_symlink():
            yield f"{name} is a link to {path.readlink()}"
        elif path.suffix in _PICKLE_SUFFIXES:
            yield f"{name} looks like a pickle: loading it runs whatever its author wrote"
        elif path.name == "keras_metadata.pb" and b'"Lambda"' in path.read_bytes():
            yield f"{name} holds a Lambda layer: Keras would run the Python code in it"
        elif path.suffix in (".so", ".dll", ".dylib", ".py"):
            yield f"{name} is code"


def _keras_h5(path: Path) -> Finding:
    try:
        with h5py.File(path, "r") as file:
            config = file.attrs.get("model_config")
    except OSError as error:
        raise UserError(f"{path} is a damaged HDF5 file: {error}") from None
    if config is None:
        return Finding("weights in HDF5", ("no architecture",), ())
    return _keras_config("a Keras model in HDF5", config, path)


def _archive(path: Path) -> Finding:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        pickles = [name for name in names if Path(name).suffix in _PICKLE_SUFFIXES]
        if pickles:
            dangers = (f"holds pickles ({', '.join(pickles)}): loading it runs whatever its author wrote",)
            return Finding("an archive", tuple(names), dangers)
        if "config.json" in names:
            if archive.getinfo("config.json").file_size > _MOST_BYTES:
                raise UserError(f"the architecture in {path} is larger than {_MOST_BYTES >> 20} MiB: not looked into")
            return _keras_config("a Keras model (.keras)", archive.read("config.json"), path)
    raise UserError(f"{path} is an archive, but holds no config.json as a .keras file does")


def _keras_config(kind: str, config: str | bytes, path: Path) -> Finding:
    try:
        parts = list(_parts(json.loads(config)))
    except (ValueError, RecursionError):
        raise UserError(f"the architecture in {path} is damaged") from None
    classes = collections.Counter(part["class_name"] for part in parts)
    dangers = [
        f"holds {classes[name]} {name}: Keras would run the Python code in it"
        for name in ("Lambda", "__lambda__", "TFOpLambda", "SlicingOpLambda")
        if classes[name]
    ]
    foreign = {
        f"{part.get('module')}.{part['class_name']}"
        for part in parts
        if str(part.get("module") or "keras").partition(".")[0] not in ("keras", "tf_keras", "tensorflow", "builtins")
        or (part.get("registered_name") or part["class_name"]) != part["class_name"]
    }
    dangers += [f"imports {name}, which is not part of Keras" for name in sorted(foreign)]
    contents = ", ".join(f"{name} {count}" for name, count in sorted(classes.items()))
    return Finding(kind, (f"parts: {contents}",), tuple(dangers))


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a Keras configuration that names a class."""
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _parts(part)
