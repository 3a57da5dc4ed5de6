"""Records in object storage, or wherever else TensorFlow's file systems reach: `gs://`, `s3://` and the like.

They are copied once, and kept in the cache: a step needs rows from anywhere, by its seed and number, so that a run
resumes bit for bit; from a store each of them would be a request, of half a megabyte as `tf.io.gfile` reads.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from aigc_tf import terminal
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.records import keeping, record_dataset, shards
from aigc_tf.errors import UserError
from aigc_tf.paths import is_pattern

_AT_ONCE = 2**23  # bytes of a file that are read at once
_SUFFIX = ".tfrecord"


def load(url: str, licence: str | None, say: Callable[[str], None]) -> Dataset:
    """The data set of the records in the folder `url`, or of those of its shards that its last name matches.

    Raises UserError where TensorFlow does not know the scheme, where something is not there or cannot be read, and as
    `record_dataset.load` does.
    """
    _check_scheme(url)
    folder, pattern = url.rstrip("/"), "*"
    above, _, last = folder.rpartition("/")
    if is_pattern(last) or last.endswith(_SUFFIX):
        folder, pattern = above, last

    def chosen(names: Iterable[str]) -> list[str]:
        ours = filter(re.compile(r"images-\d{5}-of-\d{5}\.tfrecord").fullmatch, names)  # no others are written here
        found = sorted(name for name in ours if fnmatch.fnmatchcase(name, pattern))
        if not found:
            raise UserError(f"{url} matches none of the record files that {folder}/{shards.ABOUT} tells of")
        return found

    about = b"".join(_read(f"{folder}/{shards.ABOUT}"))
    recipe = keeping.Recipe(
        signature=f"{folder} {pattern} {hashlib.sha256(about).hexdigest()}",
        write=lambda into: _copy(folder, about, chosen, into),
        doing=f"copying records from {folder}",
        done="copied",
        chosen=chosen,
    )
    return keeping.load(recipe, lambda kept: record_dataset.load(kept, licence, _names(kept, chosen)), say)


def _names(folder: Path, chosen: Callable[[Iterable[str]], list[str]]) -> list[str]:
    return chosen(shards.read_about(folder)["shards"])


def _copy(folder: str, about: bytes, chosen: Callable[[Iterable[str]], list[str]], into: Path) -> None:
    with shards.faults_told(into):
        (into / shards.ABOUT).write_bytes(about)
    sizes = shards.read_about(into, folder)["shards"]
    names = chosen(sizes)
    whole = sum(sizes[name] for name in names)
    with tqdm(total=whole, unit="B", unit_scale=True, leave=False, disable=terminal.no_bar()) as bar:
        for name in (shards.INDEX, *names):
            parts = _read(f"{folder}/{name}")
            with shards.faults_told(into), (into / name).open("wb") as file:
                for part in parts:
                    file.write(part)
                    bar.update(len(part))
    shards.read_about(into, folder)  # which notices a file that is cut short


def _read(url: str) -> Iterator[bytes]:
    """A file, piece by piece."""
    import tensorflow as tf

    with _faults_told(url), tf.io.gfile.GFile(url, "rb") as file:
        while part := file.read(_AT_ONCE):
            yield part


@contextlib.contextmanager
def _faults_told(url: str) -> Iterator[None]:
    import tensorflow as tf

    try:
        yield
    except tf.errors.NotFoundError:
        raise UserError(f"{url} is not there: records:GLOB wants record files, or their folder") from None
    except tf.errors.OpError as error:
        raise UserError(f"{url} cannot be read ({' '.join(error.message.split())[:300]})") from None


def _check_scheme(url: str) -> None:
    import tensorflow as tf

    scheme = url.partition("://")[0]
    known = tf.io.gfile.get_registered_schemes()
    if scheme not in known:
        with contextlib.suppress(ImportError):
            import tensorflow_io  # noqa: F401 - which makes more of them known

            known = tf.io.gfile.get_registered_schemes()
    if scheme not in known:
        others = ", ".join(sorted(filter(None, known)))
        raise UserError(
            f"this TensorFlow ({tf.__version__}) does not know {scheme}://, only {others}: the package tensorflow-io, "
            "in the version made for it, brings s3 and others"
        )
