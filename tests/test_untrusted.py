"""Looking into models of unknown origin: nothing of them runs, and what they could do is told."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import refused, run, succeed
from tensorflow.core.protobuf import saved_model_pb2

from aigc_tf import untrusted
from aigc_tf.errors import UserError


@pytest.fixture(scope="module")
def honest(tiny_run) -> Path:
    """An export of our own."""
    return tiny_run / "export" / "synthetic" / "1"


def saved(folder: Path, function) -> Path:
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    module.call = tf.function(function, input_signature=[tf.TensorSpec([], tf.string)])
    tf.saved_model.save(module, str(folder), signatures=module.call)
    return folder


def test_an_honest_export(honest):
    said = succeed(run("-m", "aigc_tf", "verify", "--untrusted", honest))
    assert "a SavedModel" in said and "signatures: " in said and "EncodePng 2" in said
    assert "nothing in it reaches beyond tensors" in said


@pytest.mark.parametrize(
    ("deed", "danger"),
    [
        (lambda text: tf.io.read_file(text), "operation ReadFile reads files"),
        (lambda text: [tf.io.write_file("/tmp/never", text), text][1], "operation WriteFile writes files"),
        (lambda text: tf.numpy_function(lambda rows: rows, [text], tf.string), "operation PyFunc calls Python"),
        (lambda text: tf.raw_ops.MatchingFiles(pattern=text), "operation MatchingFiles reads files"),
        (lambda text: [tf.print(text, output_stream="file:///tmp/never"), text][1], "operation PrintV2 can write"),
        (lambda text: next(iter(tf.data.TextLineDataset(text).take(1).batch(1))), "TextLineDataset reads files"),
        (
            lambda text: tf.raw_ops.RestoreV2(
                prefix=text, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.string]
            )[0],
            "operation RestoreV2 reads or writes files",
        ),
    ],
)
def test_operations_that_reach_out(tmp_path, deed, danger):
    dangers = untrusted.inspect(saved(tmp_path / "1", deed)).dangers
    assert any(danger in found for found in dangers), dangers


def test_names_of_the_saver_are_no_excuse(honest, tmp_path):
    """A signature that calls the function which restores weights does so for whoever asks."""
    model = saved_model_pb2.SavedModel.FromString((honest / "saved_model.pb").read_bytes())
    graph = model.meta_graphs[0].graph_def
    (restore,) = [f.signature.name for f in graph.library.function if "traced_restore" in f.signature.name]
    node = next(node for node in graph.node if node.op == "StatefulPartitionedCall")
    node.attr["f"].func.name = restore
    (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
    assert untrusted.inspect(tmp_path).dangers == ("operation RestoreV2 reads or writes files of the machine",)


def test_restoring_may_not_save(honest, tmp_path):
    """Loading a model runs its restoring: a saver that writes there overwrites what its author likes."""
    model = saved_model_pb2.SavedModel.FromString((honest / "saved_model.pb").read_bytes())
    for function in model.meta_graphs[0].graph_def.library.function:
        if "traced_restore" in function.signature.name:
            function.node_def.add(name="more", op="SaveV2")
    (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
    assert untrusted.inspect(tmp_path).dangers == ("operation SaveV2 reads or writes files of the machine",)


def test_a_missing_library_and_files_beside(honest, tmp_path):
    model = saved_model_pb2.SavedModel.FromString((honest / "saved_model.pb").read_bytes())
    model.meta_graphs[0].graph_def.node.add(name="strange", op="Stranger>Op")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "words.pkl").write_bytes(b"")
    (tmp_path / "assets" / "kernel.so").write_bytes(b"")
    (tmp_path / "assets" / "secret").symlink_to("/etc/hostname")
    (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
    dangers = "\n".join(untrusted.inspect(tmp_path).dangers)
    for danger in (
        "Stranger>Op is not part of TensorFlow",
        "words.pkl looks like a pickle",
        "kernel.so is code",
        "a link",
    ):
        assert danger in dangers


@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_lambda_layers_are_found_and_never_run(tmp_path, name):
    mark = tmp_path / "mark"
    layers = tf.keras.layers
    code = layers.Lambda(lambda inputs, mark=str(mark): (__import__("pathlib").Path(mark).touch(), inputs)[1])
    inner = tf.keras.Sequential([tf.keras.Input([2]), code])
    tf.keras.Sequential([tf.keras.Input([2]), inner, layers.Dense(1)]).save(tmp_path / name)
    tf.keras.Sequential([tf.keras.Input([2]), layers.Dense(1)]).save(tmp_path / f"honest-{name}")
    mark.unlink()
    done = run("-m", "aigc_tf", "verify", "--untrusted", tmp_path / name)
    assert done.returncode == 1 and "1 Lambda: Keras would run the Python code in it" in done.stdout
    assert not mark.exists()
    assert untrusted.inspect(tmp_path / f"honest-{name}").dangers == ()


def test_classes_from_elsewhere(tmp_path):
    part = {"class_name": "System", "module": "os", "registered_name": None, "config": {}}
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": [part]}}))
    assert untrusted.inspect(tmp_path / "model.keras").dangers == ("imports os.System, which is not part of Keras",)


class _Bomb:
    def __reduce__(self):
        return exec, ("raise AssertionError('it was unpickled')",)


def test_pickles_are_refused_unread(tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(_Bomb()))
    (tmp_path / "innocent").write_bytes(pickle.dumps(_Bomb()))
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(_Bomb()))
    for name in ("model.pkl", "innocent", "model.pt"):
        assert "runs whatever its author wrote" in untrusted.inspect(tmp_path / name).dangers[0]
    np.savez(tmp_path / "arrays.npz", x=np.array([_Bomb()], dtype=object))
    with pytest.raises(UserError, match="holds no config.json"):
        untrusted.inspect(tmp_path / "arrays.npz")


def test_what_is_no_model(tmp_path):
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "saved_model.pb").write_bytes(b"\xff" * 64)
    (tmp_path / "bad.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    assert "is no model" in refused(run("-m", "aigc_tf", "verify", "--untrusted", tmp_path / "text.txt"))
    for name in (".", "bad.h5"):
        with pytest.raises(UserError, match="damaged"):
            untrusted.inspect(tmp_path / name)
