"""What is printed, on whatever it goes to: few characters, a reader that goes away, a terminal that hangs up."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from aigc_tf.errors import FaultError

if TYPE_CHECKING:
    from rich.console import Console

# For terminals that know ASCII, or Latin-1, only; one for one, so that tables stay straight. Others become \u2026 and
# the like.
_PLAIN = str.maketrans("↑↓─━│┃┌┐└┘├┤┬┴┼╭╮╰╯→←×–—“”‘’", "^v--||+++++++++++++><x--\"\"''")


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character, behind = error.object[error.start], error.start + 1
    if "\udc80" <= character <= "\udcff":  # a byte of a path that could not be decoded
        return character.encode("ascii", "surrogateescape"), behind
    return character.translate(_PLAIN).encode("ascii", "backslashreplace").decode("ascii"), behind


codecs.register_error("aigc_tf.plain", _plain)


def use_plain_characters() -> None:
    """From here on, nothing printed fails because standard output or error cannot show a character."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="aigc_tf.plain")


def replace_closed() -> None:
    """Give standard output and error that were closed before Python began, which are None then, an end in nothing."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_WRONLY)  # perhaps of that very number, which is free
            if nothing != number:
                os.dup2(nothing, number)  # C++ writes to the number, whatever Python's stream is
                os.close(nothing)
            setattr(sys, name, open(number, "w", closefd=False))  # noqa: SIM115 - as long as the process


class Lasting:
    """A text stream that takes no harm where nobody can read it any more, or its disk is full.

    Attributes:
        lost: why something could not be written, and all behind it was dropped; None where all went well.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._forgiving():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._forgiving():
            self._stream.flush()

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.lost = error
            _drop(self._stream)


@contextlib.contextmanager
def lasting_output() -> Iterator[Lasting]:
    """Standard output and error are `Lasting` meanwhile: what runs inside is worth more than what it says."""
    output, errors = Lasting(sys.stdout), Lasting(sys.stderr)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            yield output
        finally:
            output.flush()
            errors.flush()


_output: TextIO | None = None  # what standard output was before we were hushed


@contextlib.contextmanager
def hushed(wanted: bool = True) -> Iterator[None]:
    """Where that is wanted, nothing is told meanwhile but warnings and errors: no lines, no tables, no progress."""
    global _output
    if not wanted or is_hushed():
        yield
        return
    _output = sys.stdout
    try:
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
            yield
    finally:
        _output = None


def is_hushed() -> bool:
    """Whether progress is not to be shown."""
    return _output is not None


def output() -> TextIO:
    """Standard output, for what is to be told even where we are hushed."""
    return _output or sys.stdout


def no_bar() -> bool | None:
    """tqdm's `disable`: no bar where we are hushed, nor where standard error is no terminal."""
    return True if is_hushed() else None


def console(**options: Any) -> Console:
    """A console for tables that hands on what a closed pipe raises; rich's own would end the process, silently."""
    from rich.console import Console

    class HandingOn(Console):
        def on_broken_pipe(self) -> None:
            raise  # noqa: PLE0704 - rich calls this where it has caught it

    return HandingOn(**options)


def deliver() -> None:
    """Flush standard output while a failure can still be told. Raises FaultError where it cannot be written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise FaultError(why_lost(error)) from None


def give_up_undelivered() -> None:
    """Drop what standard output and error hold and cannot write: Python would end with a status of its own, 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _drop(stream)


def why_lost(error: OSError) -> str:
    """Why what was printed did not arrive, in a sentence."""
    if isinstance(error, BrokenPipeError):
        return "whatever read our output has closed it (a pipe into head, say)"
    return f"what was printed could not be written: {error.strerror}"


def _drop(stream: TextIO) -> None:
    """Let a stream that can no longer be written end in nothing, with what it still holds: Python flushes at exit."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
