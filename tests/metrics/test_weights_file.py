"""Weights on disk: whole, recognised when damaged, and no programs."""

import numpy as np
import pytest

from aigc_tf.metrics import weights_file

WEIGHTS = {"a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "a/bias": np.ones(3, np.float32)}


def test_what_was_saved_is_loaded_and_nothing_else_stays_behind(tmp_path):
    path = tmp_path / "deep" / "weights.npz"
    weights_file.save(path, WEIGHTS, 0.75)
    weights, accuracy = weights_file.load(path)
    assert accuracy == 0.75
    assert {name: array.tolist() for name, array in weights.items()} == {
        name: array.tolist() for name, array in WEIGHTS.items()
    }
    assert [file.name for file in path.parent.iterdir()] == ["weights.npz"]


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path):
    path = tmp_path / "weights.npz"
    weights_file.save(path, WEIGHTS, 0.5)
    path.chmod(0o664)
    weights_file.save(path, WEIGHTS, 0.75)
    assert path.stat().st_mode & 0o777 == 0o664 and weights_file.load(path)[1] == 0.75


def test_the_hash_is_of_names_shapes_and_values():
    first = weights_file.weights_hash(WEIGHTS)
    assert first == weights_file.weights_hash(dict(reversed(WEIGHTS.items())))
    assert first.startswith("sha256:") and len(first) == 71
    assert first != weights_file.weights_hash({**WEIGHTS, "a/bias": np.zeros(3, np.float32)})
    assert first != weights_file.weights_hash({**WEIGHTS, "a/kernel": WEIGHTS["a/kernel"].reshape(3, 2)})


def test_every_damaged_file_is_a_value_error_that_names_it(tmp_path):
    path = tmp_path / "weights.npz"
    weights_file.save(path, WEIGHTS, 0.75)
    whole = path.read_bytes()
    damaged = [whole[:cut] for cut in range(0, len(whole), 37)]
    damaged += [b"hello", b"\x80\x04not a pickle"]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"weights\.npz"):
            weights_file.load(path)


def test_a_changed_byte_never_gives_other_weights(tmp_path):
    path = tmp_path / "weights.npz"
    weights_file.save(path, WEIGHTS, 0.75)
    whole = path.read_bytes()
    for place in range(0, len(whole), 11):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            weights, _ = weights_file.load(path)
        except ValueError:
            continue
        assert weights_file.weights_hash(weights) == weights_file.weights_hash(WEIGHTS)


def test_pickles_other_arrays_and_missing_files_are_refused(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, held_out_accuracy=1.0, hash="sha256:0", kernel=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="no readable"):
        weights_file.load(path)
    np.savez(path, kernel=np.zeros(3))
    with pytest.raises(ValueError, match="held_out_accuracy"):
        weights_file.load(path)
    np.savez(path, held_out_accuracy=1.0, hash="sha256:0", kernel=np.zeros(3))
    with pytest.raises(ValueError, match="damaged"):
        weights_file.load(path)
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(ValueError, match="no readable"):
        weights_file.load(tmp_path / "array.npy")
    with pytest.raises(FileNotFoundError):
        weights_file.load(tmp_path / "none.npz")


def test_a_file_that_cannot_be_put_in_place_leaves_nothing(tmp_path):
    (tmp_path / "weights.npz" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError):
        weights_file.save(tmp_path / "weights.npz", WEIGHTS, 0.75)
    assert [file.name for file in tmp_path.iterdir()] == ["weights.npz"]
