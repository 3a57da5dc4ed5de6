"""Inception-v3 as published in 2015: the eyes of the FID, the Inception score and the KID that papers report.

The frozen graph in `inception-2015-12-05.tgz`; Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule
Converge to a Local Nash Equilibrium" (https://arxiv.org/abs/1706.08500), and Salimans et al. 2016, "Improved Techniques
for Training GANs" (https://arxiv.org/abs/1606.03498). Other weights of the same architecture give other figures, so
only the file with the published hash makes a `fid`.

What goes wrong elsewhere, and how it is here:

- Resizing: images go in at their own size, 0 to 255, and the graph itself brings them to 299x299, by the bilinear
  resize of TensorFlow 1 (corners not aligned, no half-pixel centres, no antialiasing), then takes (x - 128) / 128.
  Another resize gives another FID (Parmar et al. 2022, https://arxiv.org/abs/2104.11222). Images larger than 299 pixels
  are aliased by it: that is part of the definition.
- Rounding: the contract takes uint8 only, so samples are judged as 8-bit images hold them, without JPEG on the way.
- Grey images are repeated into three channels.
- Features are `pool_3`, 2,048 of them. With 2,048 images or fewer their covariance is singular, which `cautions` says;
  the literature takes 50,000. The square root of a product of covariances may come out imaginary: our `fd` takes
  eigenvalues of a symmetric matrix instead, which are real.
- Probabilities are the softmax of 1,008 outputs without their bias, as in the code that the Inception score was
  published with; 1,000 are ImageNet's classes.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import tarfile
import tempfile
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from aigc_tf.atomic_files import write_atomically
from aigc_tf.errors import UserError
from aigc_tf.metrics.evidence import Observations
from aigc_tf.metrics.extractor import Extractor
from aigc_tf.paths import default_cache, expanded

# Of the graph, as several public repositories that hold or check this file record it, with the size.
PUBLISHED = "sha256:009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"
_PUBLISHED_BYTES = 95_673_916
URL = "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
GRAPH = "classify_image_graph_def.pb"
RESIZER = "bilinear 299x299, as TensorFlow 1 (no half-pixel centres, no antialiasing)"

_STALL_SECONDS = 10.0
_BATCH = 50


def load(
    image_shape: tuple[int, int, int], cache: Path | None = None, announce: Callable[[str], None] = print
) -> Extractor:
    """Inception-v3 as an extractor of features float32 [N, 2048] and extractor_probabilities float32 [N, 1008].

    The graph is $AIGC_TF_INCEPTION, else `inception/classify_image_graph_def.pb` below `cache` (`default_cache()` if
    None), else it is fetched to there, which `announce` says first. A graph with another hash than the published one
    makes figures that end in `inception_custom`, and a caution. Raises UserError for images without 1 or 3 channels,
    for a file that is no such graph, and, saying what is missing and where to put it, where it cannot be had.
    """
    if image_shape[2] not in (1, 3):
        raise UserError(f"Inception-v3 looks at images of 1 or 3 channels, these have {image_shape[2]}")
    path = _find(cache or default_cache(), announce)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error}): {_WHERE_FROM}") from None
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    see, num_features = _graph(path, content)
    published = found == PUBLISHED
    caution = f"{path.name} with the {found} is not the published graph that the FID is defined by: no figure is a fid"

    def look(images: np.ndarray) -> Observations:
        rgb = images if images.shape[3] == 3 else np.repeat(images, 3, axis=3)
        features, probabilities = see(rgb)
        return Observations(features, extractor_probabilities=probabilities)

    return Extractor(
        name="inception-2015-12-05" if published else path.name,
        short="inception" if published else "inception_custom",
        hash=found,
        resizer=RESIZER,
        held_out_accuracy=None,
        num_features=num_features,
        look=look,
        batch_size=_BATCH,
        caution="" if published else caution,
    )


_WHERE_FROM = (
    f"unpack {GRAPH} from {URL} and name it in $AIGC_TF_INCEPTION, or judge by --extractor filters, which needs no file"
)


def _find(cache: Path, announce: Callable[[str], None]) -> Path:
    given = os.environ.get("AIGC_TF_INCEPTION")
    if given:
        if not expanded(given).is_file():
            raise UserError(f"$AIGC_TF_INCEPTION is {given}, where no file is: {_WHERE_FROM}")
        return expanded(given)
    path = cache / "inception" / GRAPH
    if not path.exists():
        announce(f"Fetching Inception-v3 (89 MB) from {URL}, once; it is kept as {path}")
        try:
            _fetch(path)
        except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError, http.client.HTTPException) as error:
            raise UserError(
                f"the weights of Inception-v3 are not in {path}, and cannot be fetched ({error}): {_WHERE_FROM}, or "
                "put it there"
            ) from None
    return path


def _fetch(path: Path) -> None:
    """Download and unpack the graph, and put it to `path` if it is the published one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        archive = Path(folder, "archive.tgz")
        with urllib.request.urlopen(URL, timeout=_STALL_SECONDS) as answer, archive.open("wb") as file:
            while piece := answer.read(1 << 20):
                file.write(piece)
        with tarfile.open(archive, "r:gz") as members:
            member = next((each for each in members if each.isfile() and Path(each.name).name == GRAPH), None)
            content = member and members.extractfile(member)
            if not content:
                raise ValueError(f"the archive that came lacks {GRAPH}")
            graph = content.read(_PUBLISHED_BYTES)  # an archive can claim any size
    if f"sha256:{hashlib.sha256(graph).hexdigest()}" != PUBLISHED:
        raise ValueError("what came is not the file that was published")
    write_atomically(path, graph)


def _graph(path: Path, content: bytes) -> tuple[Callable[[np.ndarray], list[np.ndarray]], int]:
    """From RGB images [N, H, W, 3] in 0 to 255 to [features [N, D], probabilities [N, L]], and D.

    The graph normalises by an operation that left TensorFlow with version 9 of its graphs. It still runs in a graph of
    its own, which remembers its version; a `tf.function` forgets it.
    """
    definition = tf.compat.v1.GraphDef()
    try:
        definition.ParseFromString(content)
        with tf.Graph().as_default() as graph:
            images = tf.compat.v1.placeholder(tf.float32, [None, None, None, 3])
            # It was frozen for one image; from ExpandDims on it takes batches, up to pool_3.
            pool, logits = tf.graph_util.import_graph_def(
                definition, {"ExpandDims:0": images}, ["pool_3:0", "softmax/logits/MatMul:0"], name=""
            )
            features = tf.squeeze(pool, [1, 2])
            probabilities = tf.nn.softmax(tf.matmul(features, logits.op.inputs[1]))
    except Exception as error:  # protobuf's and TensorFlow's own, for bytes and graphs of every other kind
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise UserError(f"{path} is not the frozen graph of Inception-v3 ({reason}): {_WHERE_FROM}") from error
    run = tf.compat.v1.Session(graph=graph).run
    return lambda rgb: run([features, probabilities], {images: rgb}), int(features.shape[1])
