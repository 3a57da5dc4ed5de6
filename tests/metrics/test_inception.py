"""Inception-v3's frozen graph: a small one with the same nodes, of random weights, stands in for the 95 MB."""

import hashlib
import http.server
import io
import socket
import tarfile
import threading
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.errors import UserError
from aigc_tf.metrics import inception
from aigc_tf.metrics.extractor import cautions, observe
from aigc_tf.metrics.extractors import load_extractor

FEATURES, OUTPUTS = 6, 5
RANDOM = np.random.default_rng(0)
KERNEL = RANDOM.normal(size=(4, 4, 3, FEATURES)).astype(np.float32)
SCALE, OFFSET, MEAN = (RANDOM.normal(size=FEATURES).astype(np.float32) for _ in range(3))
VARIANCE = RANDOM.uniform(1, 2, FEATURES).astype(np.float32)
WEIGHTS = RANDOM.normal(size=(FEATURES, OUTPUTS)).astype(np.float32)


def frozen_graph() -> bytes:
    """From a JPEG to `softmax`, for one image, with the batch normalisation and the version of 2015."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        contents = v1.constant(b"", name="DecodeJpeg/contents")
        image = v1.cast(
            tf.raw_ops.DecodeJpeg(contents=contents, channels=3, name="DecodeJpeg"), tf.float32, name="Cast"
        )
        x = v1.expand_dims(image, 0, name="ExpandDims")
        x = tf.raw_ops.ResizeBilinear(images=x, size=[299, 299], name="ResizeBilinear")
        x = tf.raw_ops.Mul(x=tf.raw_ops.Sub(x=x, y=128.0, name="Sub"), y=0.0078125, name="Mul")
        x = tf.raw_ops.Conv2D(input=x, filter=KERNEL, strides=[1, 8, 8, 1], padding="VALID", name="conv")
        mean, variance, offset, scale = (tf.constant(each) for each in (MEAN, VARIANCE, OFFSET, SCALE))
        x = v1.identity(x, name="conv/batchnorm")
        x = tf.raw_ops.AvgPool(value=x, ksize=[1, 37, 37, 1], strides=[1, 1, 1, 1], padding="VALID", name="pool_3")
        flat = tf.raw_ops.Reshape(tensor=x, shape=[1, FEATURES], name="pool_3/_reshape")
        logits = tf.raw_ops.MatMul(a=flat, b=tf.constant(WEIGHTS, name="softmax/weights"), name="softmax/logits/MatMul")
        logits = tf.raw_ops.BiasAdd(value=logits, bias=np.full(OUTPUTS, 9, np.float32), name="softmax/logits")
        tf.raw_ops.Softmax(logits=logits, name="softmax")
        parameters = [each.op.name for each in (mean, variance, offset, scale)]
    definition = graph.as_graph_def()
    # TensorFlow no longer makes this operation, but reads it in graphs of that time.
    (node,) = (node for node in definition.node if node.name == "conv/batchnorm")
    node.op = "BatchNormWithGlobalNormalization"
    node.input.extend(parameters)
    node.attr["variance_epsilon"].f = 0.001
    node.attr["scale_after_normalization"].b = True
    definition.versions.producer = 8
    definition.versions.min_consumer = 0
    return definition.SerializeToString()


def expected(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same in NumPy for RGB images, with TensorFlow 1's resize written out."""
    _, height, width, _ = images.shape
    y, x = (np.arange(299) * size / 299 for size in (height, width))
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = (y - top)[None, :, None, None], (x - left)[None, None, :, None]
    pixels = images.astype(np.float64)
    rows = pixels[:, top] * (1 - down) + pixels[:, bottom] * down
    resized = rows[:, :, left] * (1 - across) + rows[:, :, right] * across
    scaled = (resized - 128) / 128
    windows = np.lib.stride_tricks.sliding_window_view(scaled, (4, 4), axis=(1, 2))[:, ::8, ::8]
    convolved = np.einsum("nyxchw,hwcf->nyxf", windows, KERNEL.astype(np.float64))
    pooled = ((convolved - MEAN) / np.sqrt(VARIANCE + 0.001) * SCALE + OFFSET).mean(axis=(1, 2))
    powers = np.exp(pooled @ WEIGHTS)
    return pooled, powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def content() -> bytes:
    return frozen_graph()


@pytest.fixture(autouse=True)
def no_graph_given(monkeypatch):
    monkeypatch.delenv("AIGC_TF_INCEPTION", raising=False)


def kept(cache, content):
    path = cache / "inception" / inception.GRAPH
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_resized_scaled_and_seen_as_the_graph_defines_it(tmp_path, content, channels):
    kept(tmp_path, content)
    images = RANDOM.integers(0, 256, (7, 28, 20, channels), dtype=np.uint8)
    extractor = inception.load((28, 20, channels), tmp_path)
    seen = observe(extractor, images)
    features, probabilities = expected(np.repeat(images, 3 // channels, axis=3))
    np.testing.assert_allclose(seen.features, features, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(seen.extractor_probabilities, probabilities, rtol=1e-3)  # and no bias
    assert seen.probabilities is None and seen.features.dtype == np.float32
    assert extractor.num_features == FEATURES and "299x299" in extractor.resizer
    again = observe(extractor, images)
    np.testing.assert_array_equal(seen.features, again.features)


def test_only_the_published_graph_is_called_inception(tmp_path, content, monkeypatch):
    path = kept(tmp_path, content)
    other = inception.load((8, 8, 1), tmp_path)
    assert other.short == "inception_custom" and other.held_out_accuracy is None
    assert other.hash == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert other.hash in other.caution and "fid" in other.caution and inception.GRAPH in other.name
    assert cautions(other, 100, 100) == (other.caution,)
    monkeypatch.setattr(inception, "PUBLISHED", other.hash)
    elsewhere = tmp_path / "given.pb"
    path.rename(elsewhere)
    monkeypatch.setenv("AIGC_TF_INCEPTION", str(elsewhere))
    true = inception.load((8, 8, 1), tmp_path)
    assert true.short == "inception" and true.caution == "" and cautions(true, 100, 100) == ()


def test_too_few_images_are_said(tmp_path, content):
    kept(tmp_path, content)
    _, sentence = cautions(inception.load((8, 8, 1), tmp_path), 100, FEATURES)
    assert "6 images are too few for the 6 features" in sentence and "singular" in sentence


def test_what_is_no_such_graph_is_one_clear_error(tmp_path, content, monkeypatch):
    path = kept(tmp_path, content)
    with tf.Graph().as_default() as graph:
        tf.constant(1.0, name="pool_3")
    for damaged in (b"", b"hello", content[: len(content) // 2], graph.as_graph_def().SerializeToString()):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="is not the frozen graph of Inception-v3") as caught:
            inception.load((8, 8, 1), tmp_path)
        assert "\n" not in str(caught.value) and "$AIGC_TF_INCEPTION" in str(caught.value)
    with pytest.raises(UserError, match="1 or 3 channels, these have 4"):
        inception.load((8, 8, 4), tmp_path)
    monkeypatch.setenv("AIGC_TF_INCEPTION", str(tmp_path / "none.pb"))
    with pytest.raises(UserError, match=r"AIGC_TF_INCEPTION is .*none\.pb, where no file is: unpack .* from http"):
        inception.load((8, 8, 1), tmp_path)


@pytest.fixture
def served(monkeypatch):
    """A loopback server in place of TensorFlow's; its attribute `body` is what it answers, `asked` counts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked += 1
            self.send_response(200 if self.server.body else 404)
            self.send_header("Content-Length", str(len(self.server.body) + self.server.missing))
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.body, server.asked, server.missing = b"", 0, 0
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(urllib.request, "_opener", None)  # it remembers the proxies of its first use
        monkeypatch.setattr(inception, "URL", f"http://127.0.0.1:{server.server_address[1]}/inception.tgz")
        yield server
        server.shutdown()
    urllib.request._opener = None


def archive(content: bytes, name: str = inception.GRAPH) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        for each, data in {"LICENSE": b"words", name: content}.items():
            member = tarfile.TarInfo(each)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def test_the_graph_is_fetched_once_checked_and_kept(tmp_path, content, served, monkeypatch):
    served.body = archive(content, name=f"./{inception.GRAPH}")
    monkeypatch.setattr(inception, "PUBLISHED", f"sha256:{hashlib.sha256(content).hexdigest()}")
    lines: list[str] = []
    data = type("Images", (), {"spec": type("Spec", (), {"image_shape": (8, 8, 3)})})
    for _ in range(2):
        extractor = load_extractor("inception", "some", data, tmp_path, lines.append)
        assert extractor.short == "inception"
    assert served.asked == 1 and len(lines) == 1 and "89 MB" in lines[0]
    assert [file.name for file in (tmp_path / "inception").iterdir()] == [inception.GRAPH]
    assert (tmp_path / "inception" / inception.GRAPH).read_bytes() == content


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "404"),
        (b"<html>no</html>", "cannot be fetched"),
        (archive(b"other weights"), "not the file that was published"),
        (archive(b"", name="other.pb"), "lacks classify_image_graph_def.pb"),
        (archive(b"other weights")[:-20], "cannot be fetched"),
        (archive(RANDOM.bytes(5000))[:50] + bytes(5000), "cannot be fetched"),
    ],
)
def test_a_failed_fetch_says_what_is_missing_and_where_to_put_it(tmp_path, served, body, reason):
    served.body = body
    with pytest.raises(UserError, match="cannot be fetched") as caught:
        inception.load((8, 8, 3), tmp_path, lambda line: None)
    said = str(caught.value)
    assert reason in said and str(tmp_path / "inception" / inception.GRAPH) in said and "\n" not in said
    assert "$AIGC_TF_INCEPTION" in said and not list((tmp_path / "inception").iterdir())


def test_a_broken_download_and_a_silent_server_end_in_the_same_error(tmp_path, served, monkeypatch):
    served.body, served.missing = archive(b"other weights"), 10
    monkeypatch.setattr(inception, "_STALL_SECONDS", 0.2)
    with pytest.raises(UserError, match="cannot be fetched"):
        inception.load((8, 8, 3), tmp_path, lambda line: None)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(inception, "URL", f"http://127.0.0.1:{silent.getsockname()[1]}/inception.tgz")
        with pytest.raises(UserError, match="cannot be fetched .*timed out"):
            inception.load((8, 8, 3), tmp_path, lambda line: None)
