"""CIFAR-10 from local copies: its batches are pickled, so each is read only once its hash is right."""

from __future__ import annotations

import functools
import hashlib
import io
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aigc_tf.datasets import cifar10
from aigc_tf.errors import UserError


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return functools.partial(Path.touch), (self.mark,)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Small batches, taken for the published ones."""
    pixels = np.zeros((4, 3072), np.uint8)
    pixels[:, 1024] = 200  # green of the upper left pixel
    made = {
        name: pickle.dumps({b"data": pixels + number, b"labels": [number] * 4})
        for number, name in enumerate(cifar10._BATCHES)
    }
    hashes = {name: hashlib.md5(content).hexdigest() for name, content in made.items()}
    monkeypatch.setattr(cifar10, "_BATCHES", hashes)
    return made


def pack(path: Path, batches: dict[str, bytes], mode: str = "w:gz", **options: int) -> None:
    with tarfile.open(path, mode, **options) as archive:  # type: ignore[call-overload]
        for name, content in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def unpack(folder: Path, batches: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, content in batches.items():
        (folder / name).write_bytes(content)


def check(data_dir: Path | None) -> None:
    dataset = cifar10.load(data_dir)
    assert dataset.train_images.shape == (20, 32, 32, 3) and dataset.test_images.shape == (4, 32, 32, 3)
    assert dataset.train_images[4, 0, 0].tolist() == [1, 201, 1]
    assert dataset.train_labels[[0, 4, 19]].tolist() == [0, 1, 4]
    assert dataset.test_labels[0] == 5


@pytest.mark.parametrize("name", cifar10._ARCHIVES)
@pytest.mark.parametrize(("mode", "options"), [("w:gz", {"compresslevel": 1}), ("w:gz", {}), ("w:xz", {}), ("w", {})])
def test_the_same_batches_are_taken_however_they_were_packed(tmp_path, batches, name, mode, options):
    pack(tmp_path / name, batches, mode, **options)
    check(tmp_path)


def test_the_same_batches_in_keras_cache_need_no_network(no_network: Path, batches: dict[str, bytes]) -> None:
    no_network.mkdir(parents=True)
    pack(no_network / "cifar-10-batches-py.tar.gz", batches)
    check(None)


def test_an_unpacked_folder_is_taken_if_there_is_no_archive(tmp_path: Path, batches: dict[str, bytes]) -> None:
    unpack(tmp_path / "cifar-10-batches-py", batches)
    check(tmp_path)


@pytest.mark.parametrize("packed", [True, False])
def test_nothing_is_unpickled_whose_hash_is_wrong(tmp_path: Path, batches: dict[str, bytes], packed: bool) -> None:
    given, mark = tmp_path / "given", tmp_path / "mark"
    given.mkdir()
    batches["data_batch_3"] = pickle.dumps(Bomb(mark))
    if packed:
        pack(given / "cifar-10-batches-py.tar.gz", batches)
    else:
        unpack(given / "cifar-10-batches-py", batches)
    with pytest.raises(UserError, match="data_batch_3 of CIFAR-10 is damaged, or not the file .*--data-dir must hold"):
        cifar10.load(given)
    assert not mark.exists()


def test_damaged_archives_are_refused(tmp_path: Path, batches: dict[str, bytes]) -> None:
    path = tmp_path / "cifar-10-batches-py.tar.gz"
    pack(path, batches)
    whole = path.read_bytes()
    pack(path, {"data_batch_1": batches["data_batch_1"]})
    lacking = path.read_bytes()
    for content in (b"", b"no archive", whole[: len(whole) // 2], whole[:200] + b"xxxx" + whole[204:], lacking):
        path.write_bytes(content)
        with pytest.raises(UserError, match="(is damaged|cannot be read).*--data-dir must hold") as caught:
            cifar10.load(tmp_path)
        assert "\n" not in str(caught.value)
