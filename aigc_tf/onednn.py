"""oneDNN, TensorFlow's faster kernels for x86 processors: switched on everywhere but in runs that began without it.

TensorFlow 2.15 leaves it off on processors without AVX-512 VNNI, which are most laptops; training takes nearly twice
as long there (see benchmarks/results). Its last digits are others, so a run that began without it goes on without it.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping

_VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
_given = os.environ.get(_VARIABLE)  # by the person, or by a command of ours that started this process


def _knows_it() -> bool:
    return platform.machine() in ("x86_64", "AMD64")


def switch_on() -> None:
    """Choose oneDNN unless the environment says otherwise. To be called before TensorFlow is imported."""
    if _knows_it():
        os.environ.setdefault(_VARIABLE, "1")


def chosen() -> str | None:
    """What this process computes with, for another one that shall compute the same: see `choose`."""
    return os.environ.get(_VARIABLE)


def choose(kernels: str | None) -> None:
    """Compute as another process of ours does, which was `chosen`. To be called before TensorFlow is imported."""
    if kernels is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = kernels


def choose_as(variables: Mapping[str, str]) -> str | None:
    """Choose what a run was begun or last resumed with, given the `tensorflow_variables` of its environment.json.

    Returns a sentence for the person where that is not today's default or theirs differs from the run's, else None. To
    be called before TensorFlow is imported.
    """
    began = variables.get(_VARIABLE)
    if not _knows_it() or (_given is not None and _given == began):
        return None
    if _given is not None:
        return (
            f"this run was trained with {_VARIABLE}={began or '(unset)'} and is now used with {_given}: "
            "last digits will not be those of an unbroken run"
        )
    if began is None:  # TensorFlow chose, by the processor
        os.environ.pop(_VARIABLE, None)
        return (
            "this run began with TensorFlow's own choice about oneDNN and goes on with it, bit for bit; "
            f"{_VARIABLE}=1 may be faster, with other last digits"
        )
    os.environ[_VARIABLE] = began
    return None
