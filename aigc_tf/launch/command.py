"""What all ways to start workers share: the flags of train.py stand behind --, and each worker is a process of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

_TRAIN = "import sys; from aigc_tf.cli import train_main; sys.exit(train_main())"


def divided(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The flags before -- and those of train.py behind it."""
    own = list(arguments)
    if "--" not in own:
        return own, []
    divide = own.index("--")
    return own[:divide], own[divide + 1 :]


def of_worker(flags: Sequence[str]) -> list[str]:
    """The command that trains with these flags together with others."""
    return [sys.executable, "-c", _TRAIN, *flags, "--strategy", "multi-worker"]


def not_by_proxy(hosts: Iterable[str]) -> str:
    """The value of the environment variable no_proxy with which these are reached without one, too."""
    return ",".join(filter(None, [os.environ.get("no_proxy"), *sorted(set(hosts))]))
