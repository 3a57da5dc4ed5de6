"""What every command line shares: arguments into dataclasses, and mistakes into a sentence and an exit status.

0: done. 1: a fault, of the machine or of a training. 2: a mistake of the person's. 75: training was stopped early by a
signal, and saved (EX_TEMPFAIL of BSD's sysexits.h: what was asked for is not done, ask again; and not 128 + signal, by
which shells tell of what died with nothing saved). 130: Ctrl-C, elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from aigc_tf import interruption, terminal
from aigc_tf.errors import DivergedError, FaultError, StorageError, UserError
from aigc_tf.json_files import STANDARD_OUTPUT
from aigc_tf.paths import expanded

T = TypeVar("T")


# Faults of the machine or of permissions: told in a sentence, since no line of ours is to blame.
_STORAGE_FAULTS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EFBIG,
    errno.EIO,
    errno.EMFILE,
}


_REGISTRY = ConstructorRegistry()


@_REGISTRY._default_primitive_rule  # with a rule of its public kind, tyro 0.9.1 refuses all other types
def _path(type_info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
    """Paths mean what a person means by them: a shell leaves the `~` in `--logs=~/runs` as it is."""
    if type_info.type is not Path:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH",
        instance_from_str=lambda arguments: expanded(arguments[0]),
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda value: [str(value)],
    )


def parse(kind: type[T], arguments: list[str], program: str, **options: Any) -> Any:
    """tyro.cli, with its boxed error messages told in a line or two."""
    shown = io.StringIO()
    output = terminal.Lasting(sys.stdout)  # argparse would pass over help that cannot be printed
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(shown), _REGISTRY:
            return tyro.cli(kind, prog=program, args=arguments, **options)
    except SystemExit as stop:
        if stop.code in (0, None):
            terminal.deliver()
            if output.lost:
                raise FaultError(terminal.why_lost(output.lost)) from None
            raise
        raise UserError(f"{_in_one_line(shown.getvalue())} ({program} --help lists all)") from None


def _in_one_line(boxed: str) -> str:
    """The first sentences of tyro's framed message, and the reasons that it lists."""
    lines = [line.strip("│ ") for line in boxed.splitlines() if line.startswith("│")]
    rule = next((i for i, line in enumerate(lines) if line.startswith("──")), len(lines))
    text = re.sub(r"\s+", " ", " ".join(lines[:rule]))
    reasons = re.findall(r"- (?:<class '(?!NoneType)[\w.]+'>|tuple): (.*?)(?= - <class| - tuple|$)", text)
    if reasons:
        text = f"{text.partition(':')[0]}: {'; '.join(reasons)}"
    suggestion = next((line for line in lines[rule:] if line.startswith("--")), None)
    text = re.sub(r"^Error parsing settings[.\w]*: ", "", text)
    return text + (f"; perhaps you meant {suggestion}" if suggestion and "Unrecognized" in text else "")


def check_writable(flag: str, file: Path) -> None:
    """Raise UserError where the file can surely not be written: better now than after minutes of judging. `-` is
    standard output."""
    if file == STANDARD_OUTPUT:
        return
    try:
        folder = next(parent for parent in file.absolute().parents if parent.exists())
        if file.is_dir() or not file.name:
            raise UserError(f"{flag} {file} is a folder: give the file to write")
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(f"{flag} {file} cannot be written: {folder} is no folder that takes files")
    except OSError as error:
        raise UserError(f"{flag} {file} cannot be written: {error.strerror}") from None


def guarded(command: Callable[[], int]) -> int:
    """Run a command: mistakes of a person and faults of a machine become a sentence and a status, bugs a traceback."""
    terminal.replace_closed()
    terminal.use_plain_characters()
    try:
        status = command()
        terminal.deliver()
        return status
    except UserError as error:
        return _end(2, f"error: {error}")
    except DivergedError as error:
        return _end(1, f"error: training diverged: {error}")
    except (FaultError, StorageError) as error:
        return _end(1, f"error: {error}")
    except BrokenPipeError as error:
        return _end(1, f"error: {terminal.why_lost(error)}")
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            return _end(2, f"error: {error}")
        if error.errno is not None and error.errno not in _STORAGE_FAULTS:  # None is what a library says in words alone
            raise
        return _end(1, f"error: {error}")
    except KeyboardInterrupt:
        return _end(interruption.STATUS, "interrupted")


def _end(status: int, line: str) -> int:
    with contextlib.suppress(OSError):  # a terminal that is gone changes nothing about the status
        print(line, file=sys.stderr)
    terminal.give_up_undelivered()
    return status
