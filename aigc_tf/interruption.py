"""Ctrl-C before a command has begun: a line and a status, where Python alone would show where it stood.

Imports nothing but what Python has loaded already: it is in force from the first of our lines.
"""

import os
import signal
from types import FrameType

STATUS = 130  # as a shell reports what died of Ctrl-C
STOPPED_EARLY = 75  # of a training that a signal ended, and that was saved: not done, ask again (EX_TEMPFAIL of BSD)


def leave_imports_at_once() -> None:
    """From here on, Ctrl-C within an import ends the process; elsewhere it raises KeyboardInterrupt, as ever.

    An import that is broken off may be told as anything: TensorFlow's makes an ImportError of it, others go on without
    what they wanted. Nothing has been begun there that needs an orderly end.
    """
    try:
        shown = os.dup(2)  # while TensorFlow is imported, 2 is a file
    except OSError:  # it was closed before Python began
        shown = os.open(os.devnull, os.O_WRONLY)

    def interrupt(number: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                os.write(shown, b"interrupted\n")
                os._exit(STATUS)
            frame = frame.f_back
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell may have told us to ignore it
        signal.signal(signal.SIGINT, interrupt)
