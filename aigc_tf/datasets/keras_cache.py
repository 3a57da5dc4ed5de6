"""Keras' own loaders, given verified files only, and never left waiting for a network that does not answer.

Keras 2.15 checks no hash for Fashion-MNIST, unpickles whatever lies in CIFAR-10's unpacked folder, deletes a damaged
file before it knows that a new one can be had, and waits for ever on a silent network. So its loader runs in an empty
home folder of its own, in which links to files of the right hash stand; what is missing there it downloads there.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import socket
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from aigc_tf.atomic_files import write_atomically
from aigc_tf.datasets.image_dataset import Labelled
from aigc_tf.errors import UserError
from aigc_tf.paths import expanded

PROBE_SECONDS = 5.0  # for the first answer of the server, name look-up and proxies included
STALL_SECONDS = 10.0  # for each further piece of a download


class Unavailable(UserError):
    """The files are not in Keras' cache, and could not be downloaded."""


def folder() -> Path:
    """Where Keras keeps data sets: `datasets` in $KERAS_HOME or ~/.keras."""
    return expanded(os.environ.get("KERAS_HOME") or "~/.keras") / "datasets"


def load(
    load_data: Callable[[], tuple[Labelled, Labelled]], url: str, hashes: Mapping[str, str]
) -> tuple[Labelled, Labelled]:
    """What Keras' `load_data` gives, from files whose hash is right; into Keras' folder go those that are missing.

    Args:
        load_data: a loader of `tf.keras.datasets`.
        url: a file that it would download, asked for first to see whether there is a network.
        hashes: sha256 or md5 of each file that it reads; the keys are paths in Keras' `datasets` folder.

    Returns:
        (training images, training labels), (held-out images, held-out labels), as Keras gives them.

    Raises:
        Unavailable: when a file is missing or damaged and cannot be downloaded.
    """
    kept = folder()
    faults = {name: fault for name, digest in hashes.items() if (fault := _fault(kept / name, digest))}
    if faults and (silence := _silence(url)):
        raise _unavailable(faults, hashes, silence)
    import tensorflow as tf  # here, so that missing files are reported before its seconds-long import

    _ = tf.keras.datasets  # imports Keras, which reads the settings in the user's own home folder: before that changes
    with tempfile.TemporaryDirectory(prefix="aigc_tf-") as home:
        staged = Path(home, ".keras", "datasets")
        for name in hashes:
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            if name not in faults:
                (staged / name).symlink_to((kept / name).resolve())
        try:
            with _at_home(home), _quiet(bool(faults)):
                arrays = load_data()
        except Exception as error:  # Keras raises bare Exceptions for a failed download
            if not faults:
                raise
            raise _unavailable(faults, hashes, _in_words(error)) from error
        for name in faults:
            if _fault(staged / name, hashes[name]):
                raise _unavailable(faults, hashes, "what came is not the file that was published")
            _keep(staged / name, kept / name)
    return arrays


def _unavailable(faults: Mapping[str, str], hashes: Mapping[str, str], reason: str) -> Unavailable:
    return Unavailable(
        f"{next(iter(faults.values()))}, and it cannot be downloaded ({reason}): "
        f"give --data-dir DIR holding {_listed(hashes)}, or run once on a machine with a network"
    )


def _listed(names: Iterable[str]) -> str:
    """File names in words, a folder's as one: `fashion-mnist/*.gz`."""
    return ", ".join(
        dict.fromkeys(f"{Path(name).parent}/*{Path(name).suffix}" if "/" in name else name for name in names)
    )


def _fault(path: Path, digest: str) -> str:
    """What is wrong with a file, in words; empty if it has that sha256 or md5."""
    hasher = hashlib.sha256() if len(digest) == 64 else hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                hasher.update(piece)
    except FileNotFoundError:
        return f"{path} does not exist"
    except OSError as error:
        return f"{path} cannot be read ({_in_words(error)})"
    return "" if hasher.hexdigest() == digest else f"{path} is damaged, or not the file that was published"


def _silence(url: str) -> str:
    """Why `url` cannot be had, in words, after at most PROBE_SECONDS; empty if its server answers for it.

    A thread is needed since no timeout reaches the name look-up; it is abandoned if it hangs.
    """
    answers = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PROBE_SECONDS):
                answers.append("")
        except (OSError, ValueError, http.client.HTTPException) as error:
            answers.append(_in_words(error))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answers[0] if answers else f"no answer from {url} within {PROBE_SECONDS:g} seconds"


@contextlib.contextmanager
def _at_home(home: str) -> Iterator[None]:
    """Make Keras look for its cache in `home`, and give up on a connection that stalls."""
    # Keras 2.15 looks for ~/.keras, whatever KERAS_HOME says, and has no argument for it in every loader.
    kept = {name: os.environ.get(name) for name in ("HOME", "USERPROFILE")}
    timeout = socket.getdefaulttimeout()
    os.environ.update(dict.fromkeys(kept, home))
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(timeout)
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _quiet(downloading: bool) -> Iterator[None]:
    """Keep Keras off stdout: its progress bar goes to stderr, if that is a terminal where it can be redrawn."""
    with contextlib.ExitStack() as stack:
        bar = sys.stderr if downloading and sys.stderr.isatty() else stack.enter_context(open(os.devnull, "w"))
        stack.enter_context(contextlib.redirect_stdout(bar))
        yield


def _keep(path: Path, kept: Path) -> None:
    """Put a downloaded file into the cache, whole or not at all; where that fails, it is downloaded again later."""
    with contextlib.suppress(OSError):
        write_atomically(kept, path.read_bytes(), shared=True)


def _in_words(error: Exception) -> str:
    """An exception on one line."""
    reason = getattr(error, "reason", None) or error  # of a URLError
    reason = getattr(reason, "strerror", None) or reason  # of an OSError
    return " ".join(str(reason).split()) or type(error).__name__
