"""Imports TensorFlow without its start-up noise, and without hiding anything real."""

from __future__ import annotations

import contextlib
import gc
import linecache
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from aigc_tf.paths import expanded

# Lines of the CUDA builds of TensorFlow that say nothing to a person: missing GPU libraries on a machine without GPU,
# factories that are registered twice in every process, and where lines go before a logger was set up.
_NOISE = re.compile(
    r"Unable to register cu(DNN|FFT|BLAS) factory|TF-TRT Warning|Could not find cuda drivers|"
    r"To enable the following instructions|oneDNN custom operations are on|"
    r"before absl::InitializeLog\(\) is called|failed call to cuInit"
)
# What TensorFlow imports where it is there, and does without elsewhere, as here: Keras takes data frames of pandas, and
# nobody gives it any, and `distutils` becomes that of setuptools; SciPy is for sparse matrices and for what Keras'
# `preprocessing` does to images. Together a sixth of the time to import it, and 65 MB.
_UNUSED = ("pandas", "scipy", "setuptools")
_SLOW_CALLBACK = re.compile(r"Callback method `\w+` is slow compared to the batch time")


def import_tensorflow(errors_of_core: bool = True) -> Any:
    """Import TensorFlow and return it; what it says to standard error meanwhile is shown afterwards, without the noise.

    The noise comes from C++ at the level of errors, before any logger could be asked to be quiet: hence the detour of
    the file descriptor. Errors of TensorFlow's C++ core and all warnings of its Python side stay visible for the whole
    process, unless `errors_of_core` says otherwise: it tells of a worker that is gone in many lines. The warnings of
    the core are left out, since every MirroredStrategy on a CPU makes it emit one about its own inside.
    A TF_CPP_MIN_LOG_LEVEL that the person has set is respected (0 shows everything). Raises UserError where there is
    no home folder, in which Keras keeps its settings.

    Python's garbage collector rests meanwhile and leaves what there is by then alone for good: it would go through it
    all again and again, and nothing of it ever goes. What TensorFlow would bring along for nothing (`_UNUSED`) stays
    out, and can be imported afterwards.
    """
    # Keras makes its folder while it is imported, and would call it `~` where that cannot be expanded.
    keras_home = expanded(os.environ.get("KERAS_HOME") or "~/.keras")
    if os.environ.get("KERAS_HOME"):
        os.environ["KERAS_HOME"] = str(keras_home)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if errors_of_core else "3")
    logging.basicConfig(format="%(levelname)s: %(message)s")
    sys.stderr.flush()
    shown = os.dup(2)
    rests = gc.isenabled() and "tensorflow" not in sys.modules
    if rests:
        gc.disable()
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            with absent(*_UNUSED):
                import tensorflow as tf

            tf.config.list_physical_devices()  # TensorFlow 2.21 looks for GPUs only then
        finally:
            linecache.clearcache()
            if rests:
                gc.freeze()
                gc.enable()
            sys.stderr.flush()
            os.dup2(shown, 2)
            os.close(shown)
            caught.seek(0)
            for line in caught.read().decode(errors="replace").splitlines():
                if not _NOISE.search(line):
                    print(line, file=sys.stderr)
    tf.get_logger().setLevel(logging.WARNING)
    tf.get_logger().addFilter(_is_for_a_person)
    return tf


@contextlib.contextmanager
def absent(*modules: str) -> Iterator[None]:
    """Let these `modules` seem not to be installed, but for those that are imported already."""
    hidden = [name for name in modules if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # as Python's import statement documents it
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _is_for_a_person(record: logging.LogRecord) -> bool:
    """Keras compares a callback that judges or draws with a step of training, and finds it slow: that is its nature."""
    return not _SLOW_CALLBACK.match(record.getMessage())
