"""Downloads and caches, with a server on this machine and files made here."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from lanes import KERAS

from aigc_tf.datasets import keras_cache, mnist
from aigc_tf.datasets.image_dataset import Split


def packed() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.arange(6, dtype=np.uint8))
    return buffer.getvalue()


GOOD = packed()
HASHES = {"small.npz": hashlib.sha256(GOOD).hexdigest()}


class Server(http.server.BaseHTTPRequestHandler):
    """Sends `content`, but only its first `sent` bytes, and then nothing more until `over`."""

    content, sent, over = GOOD, len(GOOD), threading.Event()

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(self.content[: self.sent])
        self.wfile.flush()
        if self.sent < len(self.content):
            self.over.wait(30)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(Server, "over", threading.Event())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/small.npz"
        Server.over.set()
        running.shutdown()


def loader(url: str) -> Callable[[], tuple[Split, Split]]:
    """A loader as Keras writes them."""

    def load_data() -> tuple[Split, Split]:
        with np.load(tf.keras.utils.get_file("small.npz", origin=url)) as file:
            return (file["x"], file["x"]), (file["x"], file["x"])

    return load_data


def load(url: str) -> list[int]:
    return keras_cache.load(loader(url), url, HASHES)[0][0].tolist()


def test_a_download_is_kept_and_used_again(
    server: str, no_network: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    home, timeout = os.environ.get("HOME"), socket.getdefaulttimeout()
    assert load(server) == [0, 1, 2, 3, 4, 5]
    assert [path.name for path in no_network.iterdir()] == ["small.npz"]
    monkeypatch.delenv("no_proxy")  # from here on there is no network
    assert load(server) == [0, 1, 2, 3, 4, 5]
    assert capfd.readouterr() == ("", ""), "no progress bar where it cannot be redrawn"
    assert (os.environ.get("HOME"), socket.getdefaulttimeout()) == (home, timeout)


def test_a_download_is_there_for_all_who_may_read_the_cache(server: str, no_network: Path) -> None:
    no_network.mkdir(parents=True)
    no_network.chmod(0o755)
    before = os.umask(0o077)
    try:
        load(server)
    finally:
        os.umask(before)
    assert (no_network / "small.npz").stat().st_mode & 0o777 == 0o644


def test_a_damaged_cache_is_replaced_once_there_is_a_network(server: str, no_network: Path) -> None:
    no_network.mkdir(parents=True)
    (no_network / "small.npz").write_bytes(GOOD[:-1])
    assert load(server) == [0, 1, 2, 3, 4, 5]
    assert (no_network / "small.npz").read_bytes() == GOOD


def test_a_download_that_stalls_is_given_up(server: str, no_network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "sent", 10)
    monkeypatch.setattr(keras_cache, "STALL_SECONDS", 0.5)
    start = time.monotonic()
    with pytest.raises(keras_cache.Unavailable, match="cannot be downloaded .*timed out"):
        load(server)
    assert time.monotonic() - start < 5
    assert not no_network.exists()


def test_a_wrong_download_is_refused(server: str, no_network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "content", GOOD + b"more")  # which numpy reads, but was not published
    monkeypatch.setattr(Server, "sent", len(GOOD) + 4)
    with pytest.raises(keras_cache.Unavailable, match="not the file that was published"):
        load(server)
    monkeypatch.setattr(Server, "content", b"<html>Please log in</html>")
    with pytest.raises(keras_cache.Unavailable, match="cannot be downloaded"):
        load(server)
    assert not no_network.exists()


def test_a_name_look_up_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_: object, **__: object) -> None:
        over.wait(30)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(keras_cache, "PROBE_SECONDS", 0.5)
    start = time.monotonic()
    with pytest.raises(keras_cache.Unavailable, match="no answer from http"):
        load("http://127.0.0.1/small.npz")
    assert time.monotonic() - start < 5
    over.set()


def accept(monkeypatch: pytest.MonkeyPatch, module: object, path: Path) -> None:
    """Take a file made here for the published one, in our eyes and in Keras'."""
    monkeypatch.setattr(module, "_HASHES", {path.name: hashlib.sha256(path.read_bytes()).hexdigest()})
    monkeypatch.setattr(f"{KERAS}.src.utils.data_utils.validate_file", lambda *_, **__: True)


def test_mnist_is_read_from_keras_cache(
    no_network: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    no_network.mkdir(parents=True)
    images, labels = np.zeros((3, 28, 28), np.uint8), np.arange(3)
    np.savez(no_network / "mnist.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    accept(monkeypatch, mnist, no_network / "mnist.npz")
    dataset = mnist.load()
    assert dataset.spec.num_examples == 3
    assert "tf-keras-datasets" in dataset.spec.source
    assert capfd.readouterr() == ("", "")
